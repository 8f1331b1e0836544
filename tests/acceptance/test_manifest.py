"""Public pipelines, from unmodified sources, through ``mlsteps run``, twice. See README.md of this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import LEVELS, Outcome
from tests.acceptance.rows import row_of


def _rows() -> list[dict[str, Any]]:
    manifest = os.environ.get("ACCEPTANCE_MANIFEST")
    return json.loads(Path(manifest).read_text(encoding="utf-8")) if manifest else [{"id": "none"}]


@pytest.mark.airflow
@pytest.mark.parametrize("row", _rows(), ids=lambda row: str(row["id"]))
def test_a_pipeline_of_the_manifest(row: dict[str, Any], run_row: Callable[[dict[str, Any]], Outcome]) -> None:
    outcome = run_row(row)
    known = row_of(row["id"])
    wanted = known.now or outcome.wanted
    failing = {name: result for name, result in outcome.lines.items() if result != "holds"}
    assert LEVELS.index(outcome.level) >= LEVELS.index(wanted), (outcome.level, outcome.stops, failing)
    assert outcome.check == "agrees", outcome.check
