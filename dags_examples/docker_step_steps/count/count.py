"""Count words; runs in a container that has ``humanize`` in it."""

import argparse
import collections
import json
import os
import sys

import humanize

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--words", required=True)
parser.add_argument("--counts", required=True)
args = parser.parse_args()

with open(os.path.join(args.words, "words.txt"), encoding="utf-8") as stream:
    counts = collections.Counter(stream.read().split())
with open(os.path.join(args.counts, "counts.json"), "w", encoding="utf-8") as stream:
    json.dump(counts, stream, indent=1, sort_keys=True)

run = Run.get_context()
run.log("words", sum(counts.values()))
run.tag("python", sys.executable)
print("{} different words".format(humanize.apnumber(len(counts))))
