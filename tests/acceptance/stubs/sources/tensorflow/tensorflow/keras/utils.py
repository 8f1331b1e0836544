"""Helpers."""

import numpy


def to_categorical(values, num_classes=None):
    values = numpy.asarray(values).astype(int)
    return numpy.eye(num_classes or int(values.max()) + 1)[values]
