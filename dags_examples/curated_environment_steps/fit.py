"""Fit irises and say with which scikit-learn."""

import argparse
import json
import os

import sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--scores", required=True)
given = parser.parse_args()

data, kinds = load_iris(return_X_y=True)
score = LogisticRegression(max_iter=1000).fit(data, kinds).score(data, kinds)
Run.get_context().log("score", score)
os.makedirs(given.scores, exist_ok=True)
with open(os.path.join(given.scores, "scores.json"), "w") as file:
    json.dump({"scikit-learn": sklearn.__version__, "score": score}, file)
