"""Train one model family on both data sets."""

import argparse
import os

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--family", choices=["linear", "forest"], required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

run = Run.get_context()
prepared = run.input_datasets["prepared"]
os.makedirs(args.model, exist_ok=True)


def new_model():
    if args.family == "linear":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return RandomForestClassifier(n_estimators=40, random_state=args.seed)


for name in ("digits", "iris"):
    features = np.load(os.path.join(prepared, name + "_train_x.npy"))
    labels = np.load(os.path.join(prepared, name + "_train_y.npy"))
    model = new_model().fit(features, labels)
    joblib.dump(model, os.path.join(args.model, name + ".joblib"))
    run.log("train_accuracy_" + name, float(model.score(features, labels)))
    print(args.family, "on", name, "trained with", len(labels), "rows")
