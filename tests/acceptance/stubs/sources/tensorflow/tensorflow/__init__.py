"""A stand-in for TensorFlow with the little of Keras that step scripts call. It learns nothing."""

__version__ = "2.6.0"
