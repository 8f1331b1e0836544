"""A CSV file of 2 GB through tables: filtered, in partitions, as one CSV file; against pandas in chunks.

`ours` and `peer` are seconds of one run each, in a process of its own; `peak_memory_mb` is what that process took at
most (target: 1024). `BENCH_BYTES` makes the file smaller. `tables take` is about bytes: the first ten rows of the file
on a web server, against all of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import report

SIZE = int(os.environ.get("BENCH_BYTES", 2 << 30))
TARGET_MB = 1024

OURS = """
import json, resource, sys
from mlsteps.sdk.table_operations import delimited_reader
from mlsteps.storage.open import open_store
from mlsteps.tables.frame import batches, read
from mlsteps.tables.writing import write_partitions, write_parts
do, folder = sys.argv[1:]
store = open_store(folder)
rare = {"op": "filter", "expression": {"op": "eq", "args": [{"column": "shop"}, {"value": 3}]}}
definition = {"type": "tabular", "paths": [{"datastore": "d", "path": "large.csv"}], "reader": delimited_reader(),
              "operations": [rare] if do == "filter" else []}
if do == "filter":
    assert len(read(definition, lambda _: store))
elif do == "partition":
    assert len(write_partitions(batches(definition, lambda _: store), ["shop"], folder + "/ours")) == 50
else:
    assert write_parts(batches(definition, lambda _: store), folder + "/ours", "csv")
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
"""
PEER = """
import json, os, resource, sys
import pandas
do, folder = sys.argv[1:]
os.makedirs(folder + "/peer", exist_ok=True)
kept = []
for number, frame in enumerate(pandas.read_csv(folder + "/large.csv", chunksize=200_000)):
    if do == "filter":
        kept.append(frame[frame["shop"] == 3])
    elif do == "partition":
        for shop, part in frame.groupby("shop"):
            part.to_parquet(f"{folder}/peer/{shop}-{number}.parquet")
    else:
        frame.to_csv(folder + "/peer/all.csv", mode="a", header=not number, index=False)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
"""


def make(folder: Path) -> None:
    """Rows of numbers, times and text of some length."""
    text = "lorem ipsum dolor sit amet consectetur "
    lines = [
        f"{n},{n % 50},{n / 7:.4f},2026-01-{n % 28 + 1:02d} 12:00:00,{text * (n % 4 + 1)}\n" for n in range(50_000)
    ]
    block = "".join(lines).encode()
    with open(folder / "large.csv", "wb") as file:
        file.write(b"id,shop,amount,moment,text\n")
        while file.tell() < SIZE:
            file.write(block)


def run(code: str, do: str, folder: Path) -> tuple[float, int]:
    """Seconds and megabytes of a process."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, do, str(folder)], check=True, capture_output=True, text=True)
    for name in ("ours", "peer"):
        subprocess.run(["rm", "-rf", str(folder / name)], check=True)
    return time.perf_counter() - start, int(json.loads(done.stdout))


def take(folder: Path) -> None:
    """Bytes that leave a web server for ten rows."""
    from tests.storage.web import serve

    from mlsteps.sdk.table_operations import delimited_reader
    from mlsteps.tables.frame import read

    with serve(folder) as server:
        ten = {"type": "tabular", "paths": [{"url": f"{server.url}/large.csv"}], "reader": delimited_reader()}
        assert len(read({**ten, "operations": [{"op": "take", "count": 10}]}, lambda _: None)) == 10
        size = os.path.getsize(folder / "large.csv")
        report("tables take", "bytes", server.sent, size, server.sent / size, 0.01)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        take(folder)
        for do in sys.argv[1:] or ["filter", "partition", "csv"]:
            ours, memory = run(OURS, do, folder)
            peer, of_peer = run(PEER, do, folder)
            more = {"peak_memory_mb": memory, "target_memory_mb": TARGET_MB, "peak_of_peer_mb": of_peer}
            report(f"tables {do}", "s", ours, peer, ours / peer, None, bytes=SIZE, **more)


if __name__ == "__main__":
    main()
