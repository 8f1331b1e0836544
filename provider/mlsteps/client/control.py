"""Cancelling a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlsteps.client.airflow_api import ENDED
from mlsteps.client.target import Target, target_if_any
from mlsteps.errors import ExperimentExecutionException, UserErrorException
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace


def cancel(workspace: Workspace, pipeline_run_id: str) -> None:
    """Stop a pipeline run: running steps end, no other starts. One that has ended stays as it is.

    :raises UserErrorException: when there is no such run.
    :raises ExperimentExecutionException: when the Airflow that runs it cannot be reached from here.
    """
    runs = workspace._run_store()
    head = runs.head(pipeline_run_id)
    if head is None:
        raise UserErrorException(f"There is no run {pipeline_run_id!r} in the workspace {workspace.name!r}.")
    if pipeline_status(runs, pipeline_run_id) in TERMINAL:
        return
    runs.write(pipeline_run_id, "status", status="CancelRequested")
    if head.get("task_group"):
        return  # its steps see it and stop; the DAG run holds tasks that are no part of this pipeline
    target = target_if_any(workspace._reference(), bool(head.get("embedded")))
    if target is not None and head.get("dag_id"):
        cancel_run(runs, pipeline_run_id, str(head["dag_id"]), target, str(head.get("dag_run_id") or pipeline_run_id))
    elif head.get("embedded"):
        from mlsteps.client.outcome import end

        end(runs, pipeline_run_id, "Canceled", {"category": "user", "message": "The run was cancelled."})


def cancel_run(runs: RunStore, run_id: str, dag_id: str, target: Target, dag_run_id: str | None = None) -> None:
    """Tell the steps, which look for it while they run, then Airflow, which stops what does not listen."""
    if runs.state(run_id).status not in (*TERMINAL, "CancelRequested"):
        runs.write(run_id, "status", status="CancelRequested")
    state = target.api.run_state(dag_id, dag_run_id or run_id)
    if state is None:
        raise ExperimentExecutionException(f"Airflow at {target.url} has no run {dag_run_id or run_id} of {dag_id}.")
    if state not in ENDED:
        target.api.end_run(dag_id, dag_run_id or run_id)
