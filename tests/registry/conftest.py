from __future__ import annotations

import pytest

from mlsteps.registry.workspaces import open_workspace


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLSTEPS_WORKSPACE_ROOT", raising=False)
    return open_workspace({"name": "sea", "root": str(tmp_path / "root")})
