"""``dags_examples/ssh_step.py`` on a real Airflow, its second step on a machine that is reached by SSH."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from mlsteps.registry.datasets import get
from mlsteps.registry.placements import put_placement
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from tests.components.ssh_place import CONNECTION, connected, server
from tests.operators.runs import run

__all__ = ["connected", "server"]

EXAMPLE = Path(__file__).parent.parent.parent / "dags_examples" / "ssh_step.py"


def test_the_example(connected, tmp_path, monkeypatch, airflow_home):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", str(tmp_path / "workspace"))
    ws = open_workspace({"name": "default", "root": str(tmp_path / "workspace")})
    there = tmp_path / "there"
    options = {"ssh_conn_id": CONNECTION, "python": sys.executable, "folder": str(there)}
    put_placement(ws, {"name": "box", "kind": "ssh", "options": options})
    first, second = (run(runpy.run_path(str(EXAMPLE), run_name="ssh_step")["dag"]) for _ in range(2))
    assert first.state == second.state == "success"
    measured = first.xcoms["measure"]["return_value"]
    state = RunStore(ws).state(measured["step_run_id"])
    assert (state.metrics, state.tags) == ({"mean": 2.5}, {"by ssh": "True"})
    assert [second.states[step] for step in ("draw", "measure")] == ["skipped", "skipped"] or all(
        second.xcoms[step]["return_value"]["reused"] for step in ("draw", "measure")
    )
    dataset = get(ws, "ssh_step_report")
    assert dataset is not None and dataset["version"] == 1
    assert list((there / "runs").iterdir()) == []
