"""A workspace with a published pipeline of one real step, which notes each of its executions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.schedules.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLSTEPS_RUN", raising=False)
    return World(tmp_path)
