"""Steps that fail, runs that are refused or cancelled, and what the workspace says of them afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.registry.pipeline_status import attempts, pipeline_status
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import dag
from tests.operators.pipelines import PYTHON, TwoSteps
from tests.operators.runs import run

pytestmark = pytest.mark.usefixtures("airflow_home")


def side_by_side(folder: Path, **scripts: str) -> PipelineGraph:
    """Steps without data between them; one called ``other`` begins after ``first``, so later than the rest."""
    source = folder / "side"
    source.mkdir()
    for name, script in scripts.items():
        (source / f"{name}.py").write_text(script)
    common = {"source_directory": str(source), "environment": "here"}
    steps = [StepNode(name, name, script=f"{name}.py", **common) for name in scripts]
    if "other" in scripts:
        (source / "first.py").write_text("")
        steps[-1] = replace(steps[-1], run_after=("first",))
        steps.append(StepNode("first", "first", script="first.py", **common))
    return PipelineGraph(
        tuple(steps), {"name": "tests", "root": str(folder / "workspace")}, environments={"here": PYTHON}
    )


def state_of(folder: Path, dag_id: str, run_id: str, step: str):
    runs = RunStore(WorkspaceStore(str(folder / "workspace")))
    return runs.state(attempts(runs, pipeline_run_id(dag_id, run_id))[step])


def status_of(folder: Path, dag_id: str, run_id: str) -> str:
    return pipeline_status(RunStore(WorkspaceStore(str(folder / "workspace"))), pipeline_run_id(dag_id, run_id))


def test_a_failing_script_tells_its_exit_code_and_last_lines(tmp_path: Path, caplog, capsys) -> None:
    graph = side_by_side(tmp_path, bad="import sys; print('the reason'); sys.exit(3)")
    done = run(dag(graph, "failing"))
    assert done.states["bad"] == "failed"
    state = state_of(tmp_path, "failing", done.run_id, "bad")
    assert (state.status, state.final, state.error["exit_code"]) == ("Failed", True, 3)
    assert "exit code 3" in capsys.readouterr().out
    assert "the reason" in str(state.error["tail"])
    assert status_of(tmp_path, "failing", done.run_id) == "Failed"
    assert "_link_OutputsLink" not in done.xcoms.get("bad", {})


def test_a_step_that_nothing_runs_does_not_run_its_script_here(tmp_path: Path, capsys) -> None:
    note = tmp_path / "note"
    graph = side_by_side(tmp_path, remote=f"open({str(note)!r}, 'w')")
    graph = replace(graph, steps=(replace(graph.steps[0], type="ParallelRun"),))
    done = run(dag(graph, "of_a_service"))
    assert (done.state, note.exists()) == ("failed", False)
    error = state_of(tmp_path, "of_a_service", done.run_id, "remote").error
    assert "ParallelRunStep (step 'remote') is not supported" in error["message"]


def test_after_a_failure_no_other_step_is_started(tmp_path: Path) -> None:
    """Whichever of ``bad`` and ``first`` dag.test() takes first: the next to begin after ``bad`` cancels itself."""
    note = tmp_path / "note"
    graph = side_by_side(tmp_path, bad="raise SystemExit(1)", other=f"open({str(note)!r}, 'w')")
    done = run(dag(graph, "stops"))
    cancelled = "other" if done.states["first"] == "success" else "first"
    assert (done.state, done.states[cancelled], note.exists()) == ("failed", "failed", False)
    state = state_of(tmp_path, "stops", done.run_id, cancelled)
    assert state.status == "Canceled" and "'bad' failed" in state.error["message"]


def test_continue_on_step_failure_lets_the_others_go_on(tmp_path: Path) -> None:
    note = tmp_path / "note"
    graph = side_by_side(tmp_path, bad="raise SystemExit(1)", other=f"open({str(note)!r}, 'w')")
    done = run(dag(graph, "goes_on"), continue_on_step_failure=True)
    assert (done.state, done.states["other"], note.exists()) == ("failed", "success", True)
    assert status_of(tmp_path, "goes_on", done.run_id) == "Failed"


def test_a_cancelled_pipeline_run_stops_the_step_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """The script itself asks for the end of its pipeline run, as `run.parent.cancel()` does, and then waits."""
    monkeypatch.setenv("AIRFLOW__MLSTEPS__WATCH_SECONDS", "0.1")
    script = """
import json, os, time
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore
told = json.load(open(os.environ["MLSTEPS_RUN"]))
RunStore(WorkspaceStore(told["workspace"]["root"])).write(told["pipeline_run_id"], "status", status="CancelRequested")
time.sleep(60)
"""
    done = run(dag(side_by_side(tmp_path, waits=script), "cancelled"))
    assert (done.state, done.states["waits"]) == ("failed", "failed")
    assert state_of(tmp_path, "cancelled", done.run_id, "waits").status == "Canceled"
    assert status_of(tmp_path, "cancelled", done.run_id) == "Canceled"
    assert "the pipeline run was cancelled" in capsys.readouterr().out


def test_an_unknown_parameter_fails_the_plan_and_names_it(two: TwoSteps, capsys) -> None:
    done = run(dag(two.graph(), "unknown_parameter"), texxt="x")
    assert done.states == {"plan": "failed", "prepare": "upstream_failed", "train": "upstream_failed"}
    assert "'texxt'" in capsys.readouterr().out
    runs = RunStore(WorkspaceStore(str(two.root)))
    state = runs.state(pipeline_run_id("unknown_parameter", done.run_id))
    assert state.status == "Failed" and "texxt" in state.error["message"]


def test_a_missing_source_directory_fails_the_plan(two: TwoSteps, capsys) -> None:
    graph = two.graph()
    (two.sources["train"] / "train.py").unlink()
    two.sources["train"].rmdir()
    assert run(dag(graph, "no_source")).states["plan"] == "failed"
    assert str(two.sources["train"]) in capsys.readouterr().out


def test_retries_stay_with_airflow_until_the_last_try(tmp_path: Path) -> None:
    """A first try that fails is not final, so that the other steps go on."""
    marker = tmp_path / "marker"
    script = f"import os, sys; p={str(marker)!r}; first = not os.path.exists(p); open(p, 'w'); sys.exit(first)"
    made = dag(
        side_by_side(tmp_path, flaky=script, other="pass"), "retries", default_args={"retries": 1, "retry_delay": 0}
    )
    done = run(made)
    assert (done.state, done.states["flaky"], done.states["other"]) == ("success", "success", "success")
    assert status_of(tmp_path, "retries", done.run_id) == "Completed"


def test_a_script_that_fails_is_not_tried_again_where_retries_are_for_machines(tmp_path: Path) -> None:
    graph = side_by_side(tmp_path, bad=f"open({str(tmp_path / 'ran')!r}, 'a').write('x'); raise SystemExit(3)")
    retries = {"retries": 2, "retry_delay": timedelta(0)}
    done = run(dag(graph, "for_machines", default_args=retries, retry_scripts=False))
    assert (tmp_path / "ran").read_text() == "x" and done.states["bad"] == "failed"
    assert state_of(tmp_path, "for_machines", done.run_id, "bad").final
    assert status_of(tmp_path, "for_machines", done.run_id) == "Failed"


def test_a_runner_that_is_lost_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSTEPS_FORK_RUNNER", "0")
    script = f"""
import os, signal
first = not os.path.exists({str(tmp_path / "ran")!r})
open({str(tmp_path / "ran")!r}, "a").write("x")
if first:
    os.kill(os.getppid(), signal.SIGKILL)
    import time
    time.sleep(60)
"""
    retries = {"retries": 2, "retry_delay": timedelta(0)}
    done = run(dag(side_by_side(tmp_path, bad=script), "lost", default_args=retries, retry_scripts=False))
    assert (tmp_path / "ran").read_text() == "xx" and done.states["bad"] == "success"
    assert status_of(tmp_path, "lost", done.run_id) == "Completed"
