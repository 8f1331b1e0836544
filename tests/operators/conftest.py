"""A pipeline of two real steps, in a workspace of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operators.pipelines import TwoSteps


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))


@pytest.fixture
def two(tmp_path: Path) -> TwoSteps:
    return TwoSteps(tmp_path)
