"""Turn images and a table into arrays for training and test."""

import argparse
import os

import numpy as np
from sklearn.model_selection import train_test_split

from azureml.core import Run


def read_images(folder):
    names = sorted(name for name in os.listdir(folder) if name.endswith(".pgm"))
    pixels = [np.fromfile(os.path.join(folder, name), dtype=np.uint8)[-64:] for name in names]
    labels = [int(name.split("-")[1].split(".")[0]) for name in names]
    return np.array(pixels, dtype=float), np.array(labels)


def save(folder, name, features, labels, seed):
    parts = train_test_split(features, labels, test_size=0.3, random_state=seed, stratify=labels)
    for part, values in zip(["train_x", "test_x", "train_y", "test_y"], parts):
        np.save(os.path.join(folder, name + "_" + part + ".npy"), values)
    return len(parts[0]), len(parts[1])


parser = argparse.ArgumentParser()
parser.add_argument("--prepared", required=True)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

run = Run.get_context()
print("Workspace:", run.experiment.workspace.name, "- experiment:", run.experiment.name)

digits = read_images(run.input_datasets["digits"])
table = run.input_datasets["iris"].to_pandas_dataframe()
species = sorted(table["species"].unique())
iris = table.drop(columns="species").to_numpy(dtype=float), table["species"].map(species.index).to_numpy()

for name, (features, labels) in {"digits": digits, "iris": iris}.items():
    rows, held_out = save(args.prepared, name, features, labels, args.seed)
    run.log_row("rows", dataset=name, train=rows, test=held_out)
    print(name, "->", rows, "rows to train,", held_out, "to test")
