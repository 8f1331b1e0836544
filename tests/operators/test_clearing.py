"""Clearing tasks in the UI: what a person clears really runs; a try that was killed is taken up where it was."""

from __future__ import annotations

import pytest

from mlsteps.operators.attempt import Attempt
from mlsteps.operators.watch import STEP_FAILED, stop_reason
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import dag
from tests.operators.pipelines import TwoSteps
from tests.operators.runs import clear_and_rerun, run

needs_airflow = pytest.mark.usefixtures("airflow_home")


@needs_airflow
def test_a_reused_step_that_is_cleared_really_runs(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "clear_reused")
    run(pipeline)
    second = run(pipeline)
    third = clear_and_rerun(pipeline, second, "prepare", "train")
    assert two.executions() == {"prepare": 2, "train": 2}
    assert third.states == {"plan": "success", "prepare": "success", "train": "success"}
    assert third.xcoms["train"]["return_value"]["reused"] is False
    assert "_link_SourceRunLink" not in third.xcoms["train"]


@needs_airflow
def test_a_step_that_ran_in_this_run_and_is_cleared_runs_again(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "clear_ran")
    first = run(pipeline)
    second = clear_and_rerun(pipeline, first, "train")
    assert two.executions() == {"prepare": 1, "train": 2}
    assert second.outputs("train")["model"]["path"] != first.outputs("train")["model"]["path"]


@needs_airflow
def test_clearing_the_plan_too_plans_again(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "clear_all")
    first = run(pipeline)
    second = clear_and_rerun(pipeline, first, "plan", "prepare", "train")
    assert two.executions() == {"prepare": 1, "train": 1}
    assert second.states == {"plan": "success", "prepare": "skipped", "train": "skipped"}


@needs_airflow
def test_a_run_whose_plan_failed_goes_on_when_it_is_cleared(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "clear_failed_plan")
    two.sources["train"].rename(two.sources["train"].with_name("away"))
    first = run(pipeline)
    runs, run_id = RunStore(WorkspaceStore(str(two.root))), pipeline_run_id("clear_failed_plan", first.run_id)
    assert first.states == {"plan": "failed", "prepare": "upstream_failed", "train": "upstream_failed"}
    assert pipeline_status(runs, run_id) == "Failed" and "train" in runs.state(run_id).error["message"]
    two.sources["train"].with_name("away").rename(two.sources["train"])
    second = clear_and_rerun(pipeline, first, "plan", "prepare", "train")
    assert second.states == {"plan": "success", "prepare": "success", "train": "success"}
    assert pipeline_status(runs, run_id) == "Completed" and runs.state(run_id).error is None
    assert two.executions() == {"prepare": 1, "train": 1}


@needs_airflow
def test_a_run_that_somebody_ended_goes_on_when_a_step_is_cleared(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "clear_ended")
    first = run(pipeline)
    runs, run_id = RunStore(WorkspaceStore(str(two.root))), pipeline_run_id("clear_ended", first.run_id)
    runs.write(run_id, "status", status="Failed", final=True)
    clear_and_rerun(pipeline, first, "train")
    assert pipeline_status(runs, run_id) == "Completed"


def attempt(clear_number: int = 0, run_started: float = 100.0) -> Attempt:
    return Attempt("dag", "run", "b", 1, 0, clear_number, run_started, {})


def failed(step: str = "a", clear_number: int = 0) -> dict:
    return {"t": 150.0, "kind": STEP_FAILED, "step": step, "name": step.upper(), "clear_number": clear_number}


@pytest.mark.parametrize(
    ("event", "who", "go_on", "stops"),
    [
        (failed(), attempt(), False, True),
        (failed(), attempt(), True, False),
        (failed("b"), attempt(), False, False),  # itself, before it was cleared
        (failed(), attempt(clear_number=1), False, False),  # before the run was cleared
        (failed(clear_number=1), attempt(), False, True),
        ({"t": 150.0, "kind": "status", "status": "CancelRequested"}, attempt(), True, True),
        ({"t": 150.0, "kind": "status", "status": "CancelRequested"}, attempt(run_started=160.0), True, False),
        ({"t": 150.0, "kind": "status", "status": "Running"}, attempt(), False, False),
    ],
)
def test_what_stops_a_step(event: dict, who: Attempt, go_on: bool, stops: bool) -> None:
    reason = stop_reason([event], who, "b", continue_on_step_failure=go_on)
    assert (reason is not None) == stops
