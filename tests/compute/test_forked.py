"""Forks are made only by a process of one thread: those cases run in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_forked_runner_in_a_process_of_one_thread() -> None:
    cases = Path(__file__).with_name("forked_cases.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(cases)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cases.parents[2], check=False)
    assert done.returncode == 0, done.stdout + done.stderr
