from __future__ import annotations

import pytest
from hypothesis import settings

from tests.reuse.world import World

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLSTEPS_WORKSPACE_ROOT", raising=False)
    made = World(tmp_path)
    made.put("data/a.csv", "1,2\n")
    made.put("data/b.csv", "3,4\n")
    return made
