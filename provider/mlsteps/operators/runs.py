"""Runs of the workspace (what ``Experiment`` and ``Run`` of the SDK read) for a DAG run and its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.contracts.record import StepRecord
from mlsteps.operators.attempt import Attempt
from mlsteps.operators.links import task_address

if TYPE_CHECKING:
    from mlsteps.registry.runs import RunStore

PIPELINE_RUN = "azureml.PipelineRun"
STEP_RUN = "azureml.StepRun"
REUSED_RUN = "azureml.ReusedStepRun"

_WORKERS = 8


def open_pipeline_run(
    runs: RunStore,
    attempt: Attempt,
    experiment: str,
    graph: PipelineGraph | None,
    *,
    continue_on_step_failure: bool = True,
    properties: Mapping[str, str] | None = None,
) -> None:
    """Make the pipeline run of this DAG run; does nothing to one that exists but say that it runs.

    :param graph: None for a DAG that was written by hand: its steps are known when they begin.
    :param properties: such as ``azureml.git.commit``.
    """
    run_id = attempt.pipeline_run_id
    head: dict[str, Any] = {"dag_id": attempt.dag_id, "dag_run_id": attempt.run_id}
    if graph is not None:
        head["steps"] = [node.id for node in graph.steps]
        head["upstream"] = {node.id: list(node.upstream()) for node in graph.steps if node.upstream()}
        head["continue_on_step_failure"] = continue_on_step_failure
    is_new = runs.head(run_id) is None
    runs.create(run_id, experiment=experiment, type=PIPELINE_RUN, name=attempt.dag_id, **head)
    if not is_new:
        return
    runs.write(run_id, "status", status="Running")
    for key, value in {"azureml.pipelinerunid": run_id, **(properties or {})}.items():
        runs.write(run_id, "property", key=key, value=value)
    _write_submission(runs, run_id, attempt.submission)


def _write_submission(runs: RunStore, run_id: str, submission: Mapping[str, Any]) -> None:
    for kind in ("display_name", "description"):
        if submission.get(kind):
            runs.write(run_id, kind, value=submission[kind])
    for kind, key in (("tag", "tags"), ("property", "properties")):
        for name, value in (submission.get(key) or {}).items():
            runs.write(run_id, kind, key=name, value=value)


def open_step_run(
    runs: RunStore, attempt: Attempt, experiment: str, node: StepNode, *, snapshot: str | None, reused: bool = False
) -> str:
    """Make the run of this try at a step; answers its id."""
    run_id = attempt.step_run_id(node.id)
    runs.create(
        run_id,
        type=REUSED_RUN if reused else STEP_RUN,
        **_head(attempt, experiment, node, attempt.try_number),
    )
    for key, value in _properties(attempt, node, snapshot).items():
        runs.write(run_id, "property", key=key, value=value)
    return run_id


def write_reused(runs: RunStore, attempt: Attempt, experiment: str, node: StepNode, record: StepRecord) -> str:
    """Make the run of a step that ``plan`` marks reused, finished; answers its id."""
    run_id = attempt.reused_run_id(node.id)
    runs.create(run_id, type=REUSED_RUN, **_head(attempt, experiment, node, 0))
    write_reuse(runs, run_id, record, _properties(attempt, node, None))
    return run_id


def write_all_reused(
    runs: RunStore, attempt: Attempt, experiment: str, reused: Iterable[tuple[StepNode, StepRecord]]
) -> None:
    """:func:`write_reused` for many steps, side by side."""
    pairs = list(reused)
    with ThreadPoolExecutor(max(1, min(_WORKERS, len(pairs)))) as pool:
        list(pool.map(lambda pair: write_reused(runs, attempt, experiment, *pair), pairs))


def write_reuse(runs: RunStore, run_id: str, record: StepRecord, properties: Mapping[str, str] | None = None) -> None:
    """Say that a step run passes on an earlier run's results, and that it is done."""
    producer = record.producer
    source = str(producer.get("step_run_id") or "")
    more = {
        "azureml.isreused": "true",
        "azureml.reusedrunid": source,
        "azureml.reusedpipelinerunid": str(producer.get("pipeline_run_id") or ""),
    }
    for key, value in {**(properties or {}), **more}.items():
        runs.write(run_id, "property", key=key, value=value)
    runs.write(run_id, "reused", run_id=source, producer=dict(producer), fingerprint=record.fingerprint)
    finish(runs, run_id, record)


def finish(runs: RunStore, run_id: str, record: StepRecord) -> None:
    """Say what a step run has put out, and that it is done."""
    for name, output in record.outputs.items():
        runs.write(run_id, "output", name=name, document=output.to_json())
    runs.write(run_id, "status", status="Completed")


def _head(attempt: Attempt, experiment: str, node: StepNode, number: int) -> dict[str, Any]:
    parent = attempt.pipeline_run_id
    return {
        "experiment": experiment,
        "name": node.name,
        "parent": parent,
        "root": parent,
        "step": node.id,
        "try": number,
        "step_type": node.type,
        "url": task_address(attempt.dag_id, attempt.run_id, node.id),
    }


def _properties(attempt: Attempt, node: StepNode, snapshot: str | None) -> dict[str, str]:
    run_id = attempt.pipeline_run_id
    known = {"azureml.pipelinerunid": run_id, "azureml.rootpipelinerunid": run_id, "StepType": f"{node.type}Step"}
    return {**known, "ContentSnapshotId": snapshot} if snapshot else known
