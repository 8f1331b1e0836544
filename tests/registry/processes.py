"""Real processes that start one piece of work at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

PROVIDER = Path(__file__).parents[2] / "provider"

_BEFORE = """
import json, os, sys, time
from mlsteps.registry.workspaces import open_workspace
{imports}
def ready():
    open(sys.argv[2] + '.' + str(os.getpid()), 'w').close()
    while not os.path.exists(sys.argv[2]):
        time.sleep(0.0005)
number = int(sys.argv[3])
"""


def start(body: str, imports: str, root: Path, gate: Path, number: int) -> subprocess.Popen[str]:
    """A process that runs ``body``; it calls ``ready()`` where it is to wait for the others."""
    code = _BEFORE.format(imports=imports) + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(root), str(gate), str(number)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROVIDER)},
    )


def together(body: str, imports: str, root: Path, tmp_path: Path, count: int) -> list[str]:
    """Run ``body`` in ``count`` processes at once; the first line that each printed."""
    gate = tmp_path / f"gate-{time.monotonic_ns()}"
    processes = [start(body, imports, root, gate, number) for number in range(count)]
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob(gate.name + ".*"))) < count:
        assert time.monotonic() < deadline, "the processes did not start"
        assert all(process.poll() is None for process in processes)
        time.sleep(0.002)
    gate.touch()
    printed = [process.stdout.readline().strip() for process in processes]  # before any ends, so that all live at once
    for process in processes:
        process.communicate("end\n", timeout=120)
    assert [process.returncode for process in processes] == [0] * count
    return printed
