"""Estimate pi by random points, in as many processes as MPI has started."""

import argparse
import os
import random

from mpi4py import MPI

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--points", type=int, required=True)
parser.add_argument("--result", required=True)
args = parser.parse_args()

world = MPI.COMM_WORLD
draw = random.Random(world.rank)
inside = sum(draw.random() ** 2 + draw.random() ** 2 <= 1 for _ in range(args.points // world.size))
inside = world.reduce(inside, op=MPI.SUM, root=0)

if world.rank == 0:
    pi = 4 * inside / (args.points // world.size * world.size)
    os.makedirs(args.result, exist_ok=True)
    with open(os.path.join(args.result, "pi.txt"), "w") as stream:
        stream.write("{} from {} processes\n".format(pi, world.size))
    run = Run.get_context()
    run.log("pi", pi)
    run.log("processes", world.size)
