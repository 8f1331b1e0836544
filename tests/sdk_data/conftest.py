"""A local workspace of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.sdk.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLSTEPS_WORKSPACE_ROOT", raising=False)
    return Workspace("sub", "group", "data-tests")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A local folder with three files, one below another folder."""
    root = tmp_path / "local"
    (root / "deep er").mkdir(parents=True)
    (root / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (root / "b.csv").write_text("x,y\n5,6\n")
    (root / "deep er" / "ü#%.txt").write_text("text")
    return root
