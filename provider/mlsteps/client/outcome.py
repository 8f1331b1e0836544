"""How a run ended when its own processes could not say so: brings Airflow's view and the workspace's together."""

from __future__ import annotations

from typing import Any

from mlsteps.client.airflow_api import ENDED, AirflowApi
from mlsteps.registry.pipeline_status import attempts, pipeline_status
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore

#: Lines of a task's log that an error carries.
TAIL = 30


def reconcile(runs: RunStore, run_id: str, dag_id: str, api: AirflowApi) -> bool:
    """Whether the run has ended for good. When Airflow has ended it and the workspace does not know, the workspace is
    told: a ``plan`` task that failed, a worker that was killed, a run that someone deleted or marked in the UI.

    :param run_id: of the pipeline run, which a client gave the DAG run too.
    """
    state = api.run_state(dag_id, run_id)
    if state is not None and state not in ENDED:
        return False
    if pipeline_status(runs, run_id) in TERMINAL:
        _end_steps(runs, run_id, "The pipeline run has ended.")
        return True
    if runs.state(run_id).status == "CancelRequested":
        end(runs, run_id, "Canceled", {"category": "user", "message": "The run was cancelled."})
    elif state == "success":
        end(runs, run_id, "Completed", {})
    elif state is None:
        end(runs, run_id, "Failed", _error(f"Airflow has no run {run_id} of {dag_id} any more."))
    else:
        end(runs, run_id, "Failed", _failure(dag_id, run_id, api))
    return True


def end(runs: RunStore, run_id: str, status: str, error: dict[str, Any]) -> None:
    """Write the end of a pipeline run, and of its steps that did not."""
    _end_steps(runs, run_id, str(error.get("message") or "The pipeline run has ended."))
    fields = {"error": error} if error else {}
    runs.write(run_id, "status", status=status, final=True, **fields)


def _end_steps(runs: RunStore, run_id: str, why: str) -> None:
    for step_run in attempts(runs, run_id).values():
        if runs.state(step_run).status not in TERMINAL:
            runs.write(step_run, "status", status="Canceled", error={"category": "infrastructure", "message": why})


def _failure(dag_id: str, run_id: str, api: AirflowApi) -> dict[str, Any]:
    """Names the first task that Airflow calls failed, with the end of its log."""
    failed = [task for task in api.task_instances(dag_id, run_id) if task["state"] == "failed"]
    if not failed:
        return _error(f"Airflow ended the run of {dag_id} as failed; none of its tasks says why.")
    first = min(failed, key=lambda task: task["end_date"] or "9")
    lines = list(api.log_lines(dag_id, run_id, first["task_id"], first["try_number"] or 1))
    message = f"Task {first['task_id']!r} of DAG {dag_id!r} failed in Airflow."
    return {**_error(message), "tail": "\n".join(lines[-TAIL:])}


def _error(message: str) -> dict[str, Any]:
    return {"category": "infrastructure", "message": message}
