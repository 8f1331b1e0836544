"""Write the words of a text, one to a line."""

import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--text", required=True)
parser.add_argument("--words", required=True)
args = parser.parse_args()

os.makedirs(args.words)
with open(os.path.join(args.words, "words.txt"), "w", encoding="utf-8") as stream:
    stream.write("\n".join(args.text.split()))
