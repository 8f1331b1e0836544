"""One process of several: counts its own random points below a curve, and writes down what it has found.

A real training would join the others here: ``torch.distributed.init_process_group("gloo")`` reads the same variables.
"""

import json
import os
import random
import sys

from azureml.core import Run

folder, points = sys.argv[1], int(sys.argv[2])
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])

draw = random.Random(rank)
count = points // world
inside = sum(draw.random() ** 2 + draw.random() ** 2 <= 1 for _ in range(count))
with open(os.path.join(folder, "rank-{}.json".format(rank)), "w") as stream:
    json.dump({"node": int(os.environ["NODE_RANK"]), "points": count, "inside": inside}, stream)
if rank == 0:
    Run.get_context().log("processes", world)
print("node", os.environ["NODE_RANK"], "of", os.environ["AZUREML_NODE_COUNT"], "has drawn", count, "points")
