"""Losses, in name."""


def categorical_crossentropy(wanted, given):
    return 0.0
