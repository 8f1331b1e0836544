"""A model that goes through the motions."""

import json


class History:
    def __init__(self, history):
        self.history = history


class Sequential:
    def __init__(self, layers=None):
        self.layers = list(layers or [])

    def add(self, layer):
        self.layers.append(layer)

    def compile(self, **settings):
        self.settings = settings

    def fit(self, x, y, epochs=1, callbacks=(), **settings):
        assert len(x) == len(y) > 0
        history = {"loss": [], "accuracy": []}
        for epoch in range(epochs):
            logs = {"loss": 1.0 / (epoch + 1), "accuracy": 1.0 - 0.5 / (epoch + 1)}
            for name, value in logs.items():
                history[name].append(value)
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)
        return History(history)

    def evaluate(self, x, y, **settings):
        assert len(x) == len(y) > 0
        return [0.5, 0.75]

    def to_json(self):
        return json.dumps({"layers": [type(layer).__name__ for layer in self.layers]})

    def save_weights(self, path):
        with open(path, "w") as file:
            file.write("weights")
