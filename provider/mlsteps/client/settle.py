"""Say of a pipeline run that it has ended, when the processes that would have said so are gone."""

from __future__ import annotations

from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace


def end_pipeline_run(root: str, dag_id: str, run_id: str, why: str) -> None:
    """Mark a pipeline run as cancelled, and every step of it that has not ended.

    :param root: root of the workspace; :param run_id: of the DAG run.
    :param why: what a person reads as the error.
    """
    runs = RunStore(open_workspace({"name": dag_id, "root": root}))
    pipeline_run = pipeline_run_id(dag_id, run_id)
    if runs.head(pipeline_run) is None:
        return
    for one in [*attempts(runs, pipeline_run).values(), pipeline_run]:
        if runs.state(one).status not in TERMINAL:
            runs.write(one, "status", status="Canceled", error={"category": "infrastructure", "message": why})
