"""Layers, in name."""


class _Layer:
    def __init__(self, *arguments, **settings):
        self.arguments, self.settings = arguments, settings


class Dense(_Layer):
    pass


class Dropout(_Layer):
    pass


class Flatten(_Layer):
    pass


class Conv2D(_Layer):
    pass


class MaxPooling2D(_Layer):
    pass


class BatchNormalization(_Layer):
    pass
