"""Count the words of a text; keep those that come often enough."""

import argparse
import collections
import json
import os

parser = argparse.ArgumentParser()
parser.add_argument("--text", required=True)
parser.add_argument("--at-least", type=int, required=True)
parser.add_argument("--counts", required=True)
args = parser.parse_args()

counts = collections.Counter(args.text.split())
os.makedirs(args.counts, exist_ok=True)
with open(os.path.join(args.counts, "counts.json"), "w", encoding="utf-8") as stream:
    json.dump({word: count for word, count in counts.items() if count >= args.at_least}, stream)
