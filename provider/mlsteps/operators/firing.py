"""What a schedule starts: which DAG, under which run id, with which conf. Decided when it fires, from its document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlsteps.operators.parameters import CONTINUE, SUBMISSION
from mlsteps.registry import schedules
from mlsteps.registry.runs import RunStore
from mlsteps.schedules.rule import UTC, is_fire
from mlsteps.storage.workspace_store import WorkspaceStore

#: Types of DAG runs that a person asked for: these start a pipeline run whatever the schedule says.
ASKED_FOR = ("manual", "backfill")


@dataclass(frozen=True)
class Firing:
    """One run of a pipeline that a schedule starts.

    :param said: what the schedule's list of runs says of it.
    """

    schedule_id: str
    dag_id: str
    run_id: str
    conf: Mapping[str, Any]
    said: Mapping[str, Any]


def firing(
    ws: WorkspaceStore, schedule: Mapping[str, Any], key: str, *, path: str | None = None, at: datetime | None = None
) -> Firing:
    """The run that a fire time or a change starts.

    :param key: tells it from every other one of the schedule; equal keys are the same run.
    :param path: of the file that has changed; :param at: the fire time.
    :raises UserErrorException: when the pipeline or the endpoint is gone or disabled.
    """
    pipeline = schedules.pipeline_of(ws, schedule)
    values = dict(schedule.get("parameters") or {})
    watch = schedule.get("watch") or {}
    if path is not None and watch.get("parameter"):
        values[watch["parameter"]] = {"datastore": watch["datastore"], "path": path}
    go_on = schedule.get("continue_on_step_failure")
    conf = {
        **values,
        CONTINUE: bool(pipeline.get("continue_on_step_failure") if go_on is None else go_on),
        SUBMISSION: {
            "experiment_name": schedule["experiment"],
            "properties": {
                "azureml.pipelineid": pipeline["id"],
                "azureml.runsource": "azureml.PipelineRun",
                "runSource": "Schedule",
                "runType": "Schedule",
                "azureml.scheduleid": schedule["id"],
            },
        },
    }
    said = {"path": path, "at": None if at is None else at.astimezone(UTC).isoformat()}
    return Firing(
        schedule["id"],
        pipeline["dag_id"],
        schedules.run_id(schedule["id"], key),
        conf,
        {name: value for name, value in said.items() if value is not None},
    )


def time_key(run_type: str, run_id: str, at: datetime | None, clear_number: int) -> str:
    """The key of a run that was started by the clock, or by a person.

    A task that is retried has the same key, so its run is not started twice; a person who clears it wants another.
    """
    key = f"at {at.astimezone(UTC).isoformat()}" if run_type == "scheduled" and at is not None else f"run {run_id}"
    return f"{key} again {clear_number}" if clear_number else key


def change_key(generation: str, number: int, path: str) -> str:
    """The key of the run for a changed file (see :mod:`mlsteps.registry.schedule_state`)."""
    return f"change {generation}/{number}/{path}"


def refusal(schedule: Mapping[str, Any], run_type: str, at: datetime | None) -> str | None:
    """Why a run of the schedule's DAG starts nothing, or None.

    Airflow may still hold a time from before an update, a disable or an enable: what the document says now counts.
    """
    if run_type in ASKED_FOR:
        return None
    if schedule["status"] != schedules.ACTIVE:
        return f"the schedule is {schedule['status'].lower()}"
    rule = schedules.rule_of(schedule)
    if rule is not None and at is not None and not is_fire(rule, at):
        return f"by what the schedule says now, {rule.describe()}, it does not fire at {at.isoformat()}"
    return None


def has_begun(ws: WorkspaceStore, run_id: str) -> bool:
    """Whether the run is known to the workspace, also when Airflow has forgotten it."""
    return RunStore(ws).head(run_id) is not None
