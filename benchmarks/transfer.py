"""Transfers between two folders, digests and checks included, against `cp` (targets: 2 GB 1.5, 5,000 x 4 KB 3.0).

`ratio` is for a source whose digest is known, as it is in a pipeline, where planning the step has read it; `unread` is
the ratio for one that nobody has read yet: SHA-256 of one file cannot be faster than one core computes it. The words
`small` and `large` choose a row; `BENCH_ROUNDS` is how many pairs are counted (5).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ROUNDS, forget_peak, paired, peak_mb, report

LARGE = 2 << 30
SMALL = (5_000, 4096)


def make_large(folder: Path) -> None:
    folder.mkdir()
    piece = os.urandom(1 << 24)
    with open(folder / "large.bin", "wb") as file:
        for number in range(LARGE // len(piece)):
            file.write(number.to_bytes(8, "big") + piece[8:])


def make_small(folder: Path) -> None:
    count, size = SMALL
    for number in range(count):
        below = folder / f"part{number // 500}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"file{number}.bin").write_bytes(os.urandom(size))


def age(folder: Path) -> None:
    """Files of yesterday: the digest of one that is only just written is not relied on."""
    import time

    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    time.sleep(2.5)  # nothing sets the time of the last change but the clock


def transfer(source: Path, target: Path) -> None:
    """What a transfer does in a task: plan, copy, verify."""
    from mlsteps.storage.copying.plan import plan, sources
    from mlsteps.storage.copying.run import copy
    from mlsteps.storage.open import open_store

    kind, found = sources(open_store(str(source.parent)), source.name)
    manifest = copy(plan(found, kind, open_store(str(target.parent)), target.name))
    assert manifest.size > 0


def forget_digests() -> None:
    shutil.rmtree(Path(os.environ["MLSTEPS_HOME"], "cache"), ignore_errors=True)


def compare(name: str, source: Path, folder: Path, target: float) -> None:
    ours_at, peer_at = folder / "ours", folder / "peer"

    def clean() -> None:
        """Neither pays for what the other has left to be written."""
        for place in (ours_at, peer_at):
            shutil.rmtree(place, ignore_errors=True)
        os.sync()

    def cp() -> None:
        subprocess.run(["cp", "-r", source, peer_at], check=True)

    forget_peak()
    ours, peer, ratio = paired(lambda: transfer(source, ours_at), cp, before=clean)
    unread = paired(lambda: transfer(source, ours_at), cp, min(3, ROUNDS), before=lambda: (clean(), forget_digests()))[
        2
    ]
    report(name, "s", ours, peer, ratio, target, unread=round(unread, 3), peak_memory_mb=round(peak_mb()))


def main(words: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MLSTEPS_HOME"] = str(folder / "home")
        if not words or "small" in words:
            make_small(folder / "small")
            compare("transfer_local_5000_x_4_kb", folder / "small", folder, 3.0)
        if not words or "large" in words:
            make_large(folder / "large")
            age(folder / "large")
            compare("transfer_local_2_gb", folder / "large", folder, 1.5)


if __name__ == "__main__":
    main(sys.argv[1:])
