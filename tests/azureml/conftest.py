"""Nothing here imports ``azureml`` into the test process: each test starts a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

import mlsteps

PACKAGE = Path(mlsteps.__file__).parent


def interpreters() -> list[str]:
    """This Python, a Python 3.8 where one is found, and those that ``MLSTEPS_TEST_PYTHONS`` names (separated by
    ``os.pathsep``)."""
    named = os.environ.get("MLSTEPS_TEST_PYTHONS", "").split(os.pathsep)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    oldest = [shutil.which("python3.8"), *map(str, sorted(pyenv.glob("versions/3.8.*/bin/python")))]
    found = [path for path in oldest if path and _runs(path)][:1]
    return list(dict.fromkeys([sys.executable, *found, *filter(None, named)]))


def _runs(path: str) -> bool:
    """Whether it is an interpreter and not only a stand-in for one, as version managers put on the path."""
    return subprocess.run([path, "-c", ""], capture_output=True).returncode == 0


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A folder as the runner makes it for a step: links to ``mlsteps``, ``azureml`` and ``azureml_user`` alone."""
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "mlsteps").symlink_to(PACKAGE)
    for name in ("azureml", "azureml_user"):
        (folder / name).symlink_to(PACKAGE / "_azureml" / name)
    return folder


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """``python(code, path=..., executable=...)`` runs code in a new process and answers what it printed.

    ``-S`` leaves out the packages that are installed, so that only the standard library and ``path`` are there.
    """

    def run(code: str, path: Path, executable: str = sys.executable, *flags: str) -> str:
        done = subprocess.run(
            [executable, *(flags or ("-S",)), "-c", code],
            env={"PYTHONPATH": str(path), "PATH": os.environ["PATH"], "MLSTEPS_HOME": str(tmp_path / "home")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
