"""A workspace of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.registry.workspaces import open_workspace


@pytest.fixture(autouse=True)
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    return open_workspace({"name": "services"})
