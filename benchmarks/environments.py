"""A step's virtual environment: found again (at most 50 ms), and made against what ``uv`` takes for the same (1.2).

Both makers end with a virtual environment that has pandas and scikit-learn; ours also locks and marks it. ``cold``:
with an empty cache, so that most of it is the network's. ``cached``: with the wheels there, so that all of it is the
makers'.

Arguments choose rows: ``cold cached warm`` (without any, all).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

from benchmarks.measure import paired, report, seconds
from mlsteps.environments import virtual
from mlsteps.environments.uv_tool import binary

PACKAGES = ("pandas", "scikit-learn")
DOCUMENT = {"name": "b", "python": {"conda": {"dependencies": [{"pip": list(PACKAGES)}]}}}
LIMIT = 0.05
ROWS = ["cold", "cached", "warm"]
ROUNDS = int(os.environ.get("MLSTEPS_BENCH_ROUNDS", "3"))


def emptied(folder: str, *kept: str) -> None:
    """Nothing made, and nothing in a cache unless that is kept."""
    for name in os.listdir(folder):
        if name not in kept:
            shutil.rmtree(os.path.join(folder, name))


def by_uv(folder: str) -> None:
    """What a person types."""
    venv = os.path.join(folder, "venv")
    for command in (["venv", "--python", sys.executable, venv], ["pip", "install", "--python", venv, *PACKAGES]):
        subprocess.run([binary(), "--quiet", *command], check=True, cwd=folder)


def ours() -> None:
    """What a step does."""
    virtual.prepare(DOCUMENT, lambda line: None)


def main(rows: list[str]) -> int:
    """The rows that are asked for."""
    unknown = sorted(set(rows) - set(ROWS))
    if unknown:
        print(f"Unknown rows {unknown}; there are {ROWS}.", file=sys.stderr)
        return 2
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, ours compiles all modules at once
    with tempfile.TemporaryDirectory(prefix="mlsteps-bench-") as folder:
        os.environ.update(MLSTEPS_HOME=os.path.join(folder, "home"), UV_CACHE_DIR=os.path.join(folder, "cache"))
        for row, kept in (("cold", ()), ("cached", ("cache",))):
            if row in (rows or ROWS):
                made = paired(ours, lambda: by_uv(folder), ROUNDS, lambda kept=kept: emptied(folder, *kept))
                report(f"environment_{row}", "s", *made, 1.2, peer_is="uv pip install")
        if "warm" in (rows or ROWS):
            ours()
            found = sorted(seconds(ours) for _ in range(51))[25]
            report("environment_warm", "s", found, LIMIT, found / LIMIT, 1.0, peer_is="the limit")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
