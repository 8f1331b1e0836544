"""Runs of the workspace (what ``Experiment`` and ``Run`` of the SDK read) for a DAG run and its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.contracts.record import StepRecord
from mlsteps.operators.attempt import Attempt
from mlsteps.operators.links import run_address
from mlsteps.operators.replay import Replay
from mlsteps.registry import run_ids
from mlsteps.registry.run_events import Event, event
from mlsteps.registry.run_state import TERMINAL

if TYPE_CHECKING:
    from mlsteps.registry.runs import RunStore

PIPELINE_RUN = "azureml.PipelineRun"
STEP_RUN = "azureml.StepRun"
REUSED_RUN = "azureml.ReusedStepRun"

Documents = Mapping[str, Mapping[str, Any]]


def open_pipeline_run(
    runs: RunStore,
    attempt: Attempt,
    experiment: str,
    graph: PipelineGraph | None,
    *,
    continue_on_step_failure: bool = True,
    parameters: Mapping[str, Any] | None = None,
    properties: Callable[[], Mapping[str, str]] = dict,
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Say that the pipeline run of this DAG run runs; make it, unless the client that submitted it has.

    :param graph: None for a DAG that was written by hand: its steps are known when they begin.
    :param properties: gives such as ``azureml.git.commit``; asked only for a run that is made here.
    :param origin: more of its head: ``pipeline_id``, ``graph``, ...
    """
    run_id = attempt.pipeline_run_id
    if runs.head(run_id) is None:
        head: dict[str, Any] = {**(origin or {}), "dag_id": attempt.dag_id, "dag_run_id": attempt.run_id}
        head["portal_url"] = run_address(attempt.dag_id, attempt.run_id)
        if graph is not None:
            head.update(_graph_head(graph), continue_on_step_failure=continue_on_step_failure)
            head["parameters"] = dict(parameters or {})
        name = attempt.dag_id
        if attempt.task_group:
            head["task_group"] = attempt.task_group
            name = f"{attempt.dag_id}.{attempt.task_group}"
        runs.create(run_id, experiment=experiment, type=PIPELINE_RUN, name=name, **head)
        known = {"azureml.pipelinerunid": run_id, **properties()}
        said = [event("property", key=key, value=value) for key, value in known.items()]
        runs.write_all(run_id, [*said, *_submission(attempt.submission)])
    if graph is not None or runs.state(run_id).status == "NotStarted":
        runs.write(run_id, "status", status="Running")


def reopen(runs: RunStore, attempt: Attempt) -> None:
    """A pipeline run that had ended goes on, because tasks of it were cleared in Airflow: how it ends is open again.

    To be called by a task that has found no reason to stop.
    """
    if attempt.clear_number and runs.state(attempt.pipeline_run_id).status in (*TERMINAL, "CancelRequested"):
        runs.write(attempt.pipeline_run_id, "status", status="Running", again=True)


def _graph_head(graph: PipelineGraph) -> dict[str, Any]:
    ports = [(node.id, port) for node in graph.steps for port in node.outputs]
    return {
        "steps": [node.id for node in graph.steps],
        "upstream": {node.id: list(node.upstream()) for node in graph.steps if node.upstream()},
        "pipeline_outputs": {
            port.pipeline_output_name: [step, port.name] for step, port in ports if port.pipeline_output_name
        },
    }


def _submission(submission: Mapping[str, Any]) -> list[Event]:
    named = [(kind, submission[kind]) for kind in ("display_name", "description") if submission.get(kind)]
    keyed = [
        (kind, key, value)
        for kind, name in (("tag", "tags"), ("property", "properties"))
        for key, value in (submission.get(name) or {}).items()
    ]
    return [
        *(event(kind, value=value) for kind, value in named),
        *(event(kind, key=key, value=value) for kind, key, value in keyed),
    ]


def open_step_run(
    runs: RunStore, attempt: Attempt, experiment: str, node: StepNode, *, snapshot: str | None, reused: bool = False
) -> str:
    """Make the run of this try at a step; answers its id."""
    run_id = attempt.step_run_id(node.id)
    head = _head(attempt, experiment, node, attempt.try_number)
    if attempt.lost:
        head["lost"] = attempt.lost
    runs.create(run_id, type=REUSED_RUN if reused else STEP_RUN, **head)
    known = _properties(attempt, node, snapshot)
    runs.write_all(
        run_id, [*(event("property", key=key, value=value) for key, value in known.items()), *_step_tags(attempt)]
    )
    return run_id


def end_earlier_tries(runs: RunStore, attempt: Attempt, step_id: str) -> None:
    """A task that was killed could not say so: its run would be called running for ever."""
    ids = [run_ids.step_run_id(attempt.pipeline_run_id, step_id, number) for number in range(1, attempt.try_number)]
    for run_id in runs.heads(ids) if ids else ():
        state = runs.state(run_id)
        if state.status not in TERMINAL or state.interim:
            message = f"This try ended without an answer: its process was killed. Try {attempt.try_number} followed it."
            error = {"category": "infrastructure", "message": message}
            runs.write(run_id, "status", status="Failed", error=error)


def _step_tags(attempt: Attempt) -> list[Event]:
    """Tags that a submission gives to each of its steps (``StepTags`` of a published pipeline's REST endpoint)."""
    return [event("tag", key=key, value=value) for key, value in (attempt.submission.get("step_tags") or {}).items()]


class Reused(NamedTuple):
    """A step that ``plan`` marks reused, the record it passes on, and its ``return_value``."""

    node: StepNode
    record: StepRecord
    value: Mapping[str, Any]


def write_reused(
    runs: RunStore, attempt: Attempt, experiment: str, steps: Iterable[Reused], inputs: Callable[[StepNode], Documents]
) -> None:
    """Make the runs of steps that ``plan`` marks reused, finished: one document for all.

    :param inputs: gives what a step reads.
    """

    def made(step: Reused) -> dict[str, Any]:
        said = [
            *(event("property", key=key, value=value) for key, value in _properties(attempt, step.node, None).items()),
            *_step_tags(attempt),
            *_reuse(step.record, step.value, inputs(step.node)),
        ]
        return {"type": REUSED_RUN, **_head(attempt, experiment, step.node, 0), "said": said}

    wanted, replay = list(steps), Replay(runs)
    runs.create_together(attempt.pipeline_run_id, {attempt.reused_run_id(step.node.id): made(step) for step in wanted})
    for step in wanted:
        replay.say_again(step.record, attempt.reused_run_id(step.node.id))


def write_reuse(runs: RunStore, run_id: str, record: StepRecord, value: Mapping[str, Any], inputs: Documents) -> None:
    """Say that a step run passes on an earlier run's results, and that it is done."""
    Replay(runs).say_again(record, run_id)
    runs.write_all(run_id, _reuse(record, value, inputs))


def _reuse(record: StepRecord, value: Mapping[str, Any], inputs: Documents) -> list[Event]:
    source = str(record.producer.get("step_run_id") or "")
    pipeline = str(record.producer.get("pipeline_run_id") or "")
    properties = {"isreused": "true", "reusedrunid": source, "reusedpipelinerunid": pipeline}
    return [
        *(event("property", key=f"azureml.{key}", value=text) for key, text in properties.items()),
        *(event("input", name=name, document=document) for name, document in inputs.items()),
        event("reused", run_id=source, producer=dict(record.producer), fingerprint=record.fingerprint),
        *_end(value),
    ]


def finish(runs: RunStore, run_id: str, value: Mapping[str, Any]) -> None:
    """Say what a step run has put out (``value`` is its ``return_value``), and that it is done."""
    runs.write_all(run_id, _end(value))


def _end(value: Mapping[str, Any]) -> list[Event]:
    outputs = (event("output", name=name, document=document) for name, document in value["outputs"].items())
    return [*outputs, event("status", status="Completed")]


def _head(attempt: Attempt, experiment: str, node: StepNode, number: int) -> dict[str, Any]:
    parent = attempt.pipeline_run_id
    return {
        "experiment": experiment,
        "name": node.name,
        "parent": parent,
        "root": parent,
        "step": node.id,
        "try": number,
        "compute": dict(node.compute),
        "definition": node.to_json(),
        "portal_url": attempt.address_of(node.id),
    }


def _properties(attempt: Attempt, node: StepNode, snapshot: str | None) -> dict[str, str]:
    run_id = attempt.pipeline_run_id
    known = {"azureml.pipelinerunid": run_id, "azureml.rootpipelinerunid": run_id, "StepType": f"{node.type}Step"}
    return {**known, "ContentSnapshotId": snapshot} if snapshot else known
