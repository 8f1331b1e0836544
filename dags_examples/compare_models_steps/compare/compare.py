"""Score both families on the held-out rows and say which is better."""

import argparse
import json
import os
import struct
import zlib

import joblib
import numpy as np
from sklearn.metrics import confusion_matrix

from azureml.core import Run


def write_png(path, grey):
    """An 8-bit grey picture, without an imaging library."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey.astype(np.uint8))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        )


parser = argparse.ArgumentParser()
parser.add_argument("--linear", required=True)
parser.add_argument("--forest", required=True)
parser.add_argument("--report", required=True)
args = parser.parse_args()

run = Run.get_context()
prepared = run.input_datasets["prepared"]
scores = {}
for name in ("digits", "iris"):
    features = np.load(os.path.join(prepared, name + "_test_x.npy"))
    labels = np.load(os.path.join(prepared, name + "_test_y.npy"))
    for family in ("linear", "forest"):
        model = joblib.load(os.path.join(getattr(args, family), name + ".joblib"))
        scores[family, name] = float(model.score(features, labels))
        run.log_row("accuracy", dataset=name, family=family, accuracy=scores[family, name])
        if name == "digits":
            counts = confusion_matrix(labels, model.predict(features))
            picture = os.path.join("outputs", "confusion_" + family + ".png")
            write_png(picture, np.kron(255 - 255 * counts / counts.max(), np.ones((12, 12))))
            run.log_image("confusion of " + family, path=picture)

mean = {family: (scores[family, "digits"] + scores[family, "iris"]) / 2 for family in ("linear", "forest")}
best = max(mean, key=mean.get)
run.log("best_accuracy", mean[best])
run.tag("best", best)
with open(os.path.join(args.report, "report.json"), "w") as file:
    json.dump({"best": best, "mean_accuracy": mean}, file, indent=2, sort_keys=True)
with open(os.path.join("logs", "scores.txt"), "w") as file:
    file.write("\n".join("{} on {}: {:.3f}".format(family, name, value) for (family, name), value in scores.items()))
print("Best family:", best)
