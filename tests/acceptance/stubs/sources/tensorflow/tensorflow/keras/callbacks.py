"""Callbacks."""


class Callback:
    def on_epoch_end(self, epoch, logs=None):
        pass
