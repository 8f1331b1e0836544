from __future__ import annotations

import pytest

from tests.runner.support import Steps


@pytest.fixture
def steps(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLSTEPS_KILL_GRACE", "1")
    monkeypatch.delenv("MLSTEPS_KEEP_WORK", raising=False)
    return Steps(tmp_path)
