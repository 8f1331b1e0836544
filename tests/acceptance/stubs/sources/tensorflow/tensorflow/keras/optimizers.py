"""Optimizers, in name."""


class Adam:
    def __init__(self, *arguments, **settings):
        self.settings = settings
