import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--logs")
parser.add_argument("--index")
args = parser.parse_args()

with open(os.path.join(args.index, "first_lines.txt"), "w") as index:
    for parent, _, names in sorted(os.walk(args.logs)):
        for name in sorted(names):
            path = os.path.join(parent, name)
            with open(path) as log:  # of a mounted file only what is read is fetched
                first = log.readline().rstrip()
            print(os.path.relpath(path, args.logs), os.path.getsize(path), first, sep="\t", file=index)
