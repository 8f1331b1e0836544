from __future__ import annotations

import pytest

from mlsteps.errors import ExperimentExecutionException
from mlsteps.registry.pipeline_status import attempts, pipeline_status
from mlsteps.registry.runs import RunStore

CHAIN = {"b": ["a"], "c": ["b"]}


class Pipeline:
    """A pipeline run with steps a, b, c and whatever attempts a test makes."""

    def __init__(self, ws, **head):
        self.runs = RunStore(ws)
        self.runs.create("p", experiment="e", type="azureml.PipelineRun", **{"steps": ["a", "b", "c"], **head})

    def step(self, step, *statuses, number=1, **fields):
        id = f"{step}-{number}"
        self.runs.create(id, experiment="e", type="azureml.StepRun", parent="p", **{"step": step, "try": number})
        for status in statuses:
            self.runs.write(id, "status", status=status, **(fields if status == "Failed" else {}))

    @property
    def status(self):
        return pipeline_status(self.runs, "p")


def test_nothing_began(ws):
    pipeline = Pipeline(ws)
    assert pipeline.status == "NotStarted"
    pipeline.runs.write("p", "status", status="Running")
    assert pipeline.status == "Running", "the plan is being made"


def test_steps_to_come_keep_it_running(ws):
    pipeline = Pipeline(ws)
    pipeline.step("a", "Running", "Completed")
    assert pipeline.status == "Running"
    pipeline.step("b", "Queued")
    pipeline.step("c", "Completed")
    assert pipeline.status == "Running"


def test_all_done(ws):
    pipeline = Pipeline(ws)
    for step in "abc":
        pipeline.step(step, "Running", "Completed")
    assert pipeline.status == "Completed"


def test_a_failure_that_will_be_tried_again_is_none(ws):
    pipeline = Pipeline(ws)
    pipeline.step("a", "Running", "Failed", final=False)
    assert pipeline.status == "Running"
    pipeline.step("a", "Completed", number=2)
    for step in "bc":
        pipeline.step(step, "Completed")
    assert pipeline.status == "Completed"
    assert attempts(pipeline.runs, "p") == {"a": "a-2", "b": "b-1", "c": "c-1"}


def test_the_first_final_failure_fails_it_while_others_run(ws):
    pipeline = Pipeline(ws)
    pipeline.step("a", "Running")
    pipeline.step("b", "Failed", final=True)
    assert pipeline.status == "Failed"


def test_with_continue_it_fails_when_nothing_more_can_run(ws):
    pipeline = Pipeline(ws, continue_on_step_failure=True, steps=["a", "b", "c", "d"], upstream={**CHAIN, "d": []})
    pipeline.step("a", "Failed", final=True)
    assert pipeline.status == "Running", "d is still to come"
    pipeline.step("d", "Running")
    assert pipeline.status == "Running"
    pipeline.runs.write("d-1", "status", status="Completed")
    assert pipeline.status == "Failed", "b and c never start"


def test_cancelled_while_a_step_runs(ws):
    pipeline = Pipeline(ws, upstream=CHAIN)
    pipeline.step("a", "Running")
    pipeline.runs.write("p", "status", status="CancelRequested")
    assert pipeline.status == "Running"
    pipeline.runs.write("a-1", "status", status="Canceled")
    assert pipeline.status == "Canceled"


def test_a_cancelled_step_cancels_what_is_below_it(ws):
    pipeline = Pipeline(ws, upstream=CHAIN)
    pipeline.step("a", "Canceled")
    assert pipeline.status == "Canceled"


def test_cancelled_steps_beside_a_failed_one_are_its_consequence(ws):
    pipeline = Pipeline(ws)
    pipeline.step("a", "Failed", final=True)
    pipeline.step("b", "Canceled")
    assert pipeline.status == "Failed"


def test_a_status_of_its_own_counts_first(ws):
    pipeline = Pipeline(ws)
    pipeline.step("a", "Completed")
    pipeline.runs.write("p", "status", status="Failed", error={"message": "the plan failed"})
    assert pipeline.status == "Failed"


def test_a_pipeline_without_steps_is_complete(ws):
    assert Pipeline(ws, steps=[]).status == "Completed"


def test_children_that_are_no_steps_do_not_count(ws):
    pipeline = Pipeline(ws, steps=["a"])
    pipeline.step("a", "Completed")
    pipeline.runs.create("hyper", experiment="e", type="hyperdrive", parent="p")
    assert pipeline.status == "Completed"


def test_an_unknown_run(ws):
    with pytest.raises(ExperimentExecutionException):
        pipeline_status(RunStore(ws), "none")


def test_a_run_that_goes_on_after_its_end(ws):
    pipeline = Pipeline(ws)
    pipeline.runs.write("p", "status", status="Failed", final=True, error={"message": "no plan"})
    pipeline.runs.write("p", "status", status="Running")
    assert pipeline.status == "Failed", "a late message"
    pipeline.runs.write("p", "status", status="Running", again=True)
    state = pipeline.runs.state("p")
    assert (pipeline.status, state.error, state.ended, state.final) == ("Running", None, None, False)
    pipeline.runs.write("p", "status", status="Canceled")
    assert pipeline.status == "Canceled"


def test_a_step_whose_task_has_yet_to_say_what_comes_of_its_end(ws):
    pipeline = Pipeline(ws, steps=["a"])
    pipeline.step("a", "Running")
    pipeline.runs.write("a-1", "status", status="Canceled", interim=True)
    assert pipeline.status == "Running", "its worker may have been lost"
    pipeline.runs.write("a-1", "status", status="Failed", final=False)
    assert pipeline.status == "Running", "another try comes"
    pipeline.step("a", "Running", "Completed", number=2)
    assert pipeline.status == "Completed"
    pipeline.runs.write("a-2", "status", status="Canceled")
    assert pipeline.status == "Canceled"
