"""A step's virtual environment: found again (at most 50 ms), and made against what ``uv`` takes for the same (1.2).

Both makers start with an empty cache and end with a virtual environment that has pandas and scikit-learn; ours also
locks and marks it.
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
ROUNDS = int(os.environ.get("MLSTEPS_BENCH_ROUNDS", "3"))


def emptied(folder: str) -> None:
    """Nothing made, nothing in a cache."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)


def by_uv(folder: str) -> None:
    """What a person types."""
    venv = os.path.join(folder, "venv")
    for command in (["venv", "--python", sys.executable, venv], ["pip", "install", "--python", venv, *PACKAGES]):
        subprocess.run([binary(), "--quiet", *command], check=True, cwd=folder)


def main() -> None:
    """Cold first; the last environment made is then looked up."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, ours compiles all modules at once
    with tempfile.TemporaryDirectory(prefix="mlsteps-bench-") as folder:
        os.environ.update(MLSTEPS_HOME=os.path.join(folder, "home"), UV_CACHE_DIR=os.path.join(folder, "cache"))

        def ours() -> None:
            virtual.prepare(DOCUMENT, lambda line: None)

        ours_s, uv_s, ratio = paired(ours, lambda: by_uv(folder), repeats=ROUNDS, before=lambda: emptied(folder))
        report("environment_cold", "s", ours_s, uv_s, ratio, 1.2, peer_is="uv pip install")
        ours()
        found = sorted(seconds(ours) for _ in range(51))[25]
        report("environment_warm", "s", found, LIMIT, found / LIMIT, 1.0, peer_is="the limit")


if __name__ == "__main__":
    main()
