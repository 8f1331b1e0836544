"""Measures numbers, and says where."""

import argparse
import os

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--numbers")
parser.add_argument("--report")
arguments = parser.parse_args()

with open(os.path.join(arguments.numbers, "numbers.txt")) as stream:
    numbers = [int(line) for line in stream]

run = Run.get_context()
run.log("mean", sum(numbers) / len(numbers))
run.tag("by ssh", str("SSH_CONNECTION" in os.environ))

with open(os.path.join(arguments.report, "report.txt"), "w") as stream:
    stream.write(f"{len(numbers)} numbers, from {min(numbers)} to {max(numbers)}\n")
