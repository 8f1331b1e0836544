"""A real local workspace and a folder with scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLSTEPS_RUN", raising=False)
    return Workspace.get("graphs")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("train.py", "prepare.py"):
        (folder / name).write_text("print('ran')\n")
    return folder


@pytest.fixture
def step(source: Path) -> Callable[..., PythonScriptStep]:
    """Makes a step whose script exists."""

    def make(name: str, **options: object) -> PythonScriptStep:
        return PythonScriptStep("train.py", name=name, source_directory=source, compute_target="cpu", **options)

    return make
