"""Keras, in name."""
