"""Writes numbers, one a line."""

import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--count", type=int)
parser.add_argument("--numbers")
arguments = parser.parse_args()

os.makedirs(arguments.numbers, exist_ok=True)
with open(os.path.join(arguments.numbers, "numbers.txt"), "w") as stream:
    stream.writelines(f"{number}\n" for number in range(1, arguments.count + 1))
