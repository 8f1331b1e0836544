"""A schedule as a DAG of its own, which starts runs of the published pipeline's DAG.

The schedule's DAG is small: it says when, the published pipeline's DAG does the work. So pausing or changing a schedule
touches no run that is going on, what it starts is decided when it fires (an endpoint's default version, parameters,
whether it is enabled), and a pipeline with many schedules is read once.

Time: one task, on a :class:`~mlsteps.timetables.recurrence.RecurrenceTimetable`. Data: an asset that the triggerer
watches (:class:`~mlsteps.triggers.datastore.DatastoreChangeTrigger`), and three tasks: look, one run for each changed
file, and remember.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import AzureMLException
from mlsteps.translate.documentation import plain

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from mlsteps.storage.workspace_store import WorkspaceStore

log = logging.getLogger(__name__)
KIND = "schedule"
FIRE, LOOK, REMEMBER = "run", "changes", "remember"
#: Airflow may not know the pipeline's DAG yet when a schedule first fires.
_RETRIES: dict[str, Any] = {
    "retries": 10,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
}


def schedule_dags(ws: WorkspaceStore) -> list[DAG]:
    """The DAGs of all schedules of a workspace, disabled ones too; one that cannot be made is left out and logged."""
    from mlsteps.registry import schedules

    made = []
    for document in schedules.list_schedules(ws, active_only=False):
        try:
            made.append(schedule_dag(schedules.served_document(document), ws.root))
        except (AzureMLException, KeyError, ValueError):
            log.exception("The schedule %s of the workspace at %s cannot become a DAG", document["id"], ws.root)
    return made


def schedule_dag(document: Mapping[str, Any], root: str) -> DAG:
    """The DAG of a schedule.

    :param document: what is served of it (:func:`mlsteps.registry.schedules.served_document`).
    :param root: where the workspace lies.
    """
    from airflow.sdk import DAG

    from mlsteps.translate.dag import dag_file

    when = document.get("schedule")
    workspace = {"root": root}
    is_data = "watch" in (when or {})
    made = DAG(
        document["dag_id"],
        schedule=_schedule(document, workspace),
        catchup=False,
        # A round is worked on by one run at a time; times never wait for each other.
        max_active_runs=1 if is_data else 16,
        description=document.get("description") or _title(document),
        doc_md=_text(document),
        dag_display_name=document["display_name"] + ("" if when else " (disabled)"),
        is_paused_upon_creation=False,
        default_args=_RETRIES,
        tags=["mlsteps", KIND, *([] if when else ["disabled"])],
    )
    made.fileloc = dag_file(made.fileloc)
    common = {"dag": made, "workspace": workspace, "schedule_id": document["id"]}
    if is_data:
        _watching_tasks(common)
    else:
        _firing_task(common)
    return made


def _schedule(document: Mapping[str, Any], workspace: Mapping[str, Any]) -> Any:
    when = document.get("schedule")
    if not when:
        return None
    if "rule" in when:
        from mlsteps.timetables.recurrence import RecurrenceTimetable

        return RecurrenceTimetable(when["rule"])
    return [_watched(document, workspace)]


def _watched(document: Mapping[str, Any], workspace: Mapping[str, Any]) -> Any:
    from airflow.sdk import Asset, AssetWatcher

    from mlsteps.triggers.datastore import DatastoreChangeTrigger

    trigger = DatastoreChangeTrigger(root=workspace["root"], schedule_id=document["id"])
    return Asset(
        name=f"{document['dag_id']}-changes",
        uri=f"mlsteps://schedules/{document['id']}",
        watchers=[AssetWatcher(name="datastore", trigger=trigger)],
    )


def _firing_task(common: Mapping[str, Any]) -> None:
    from mlsteps.operators.schedule import FireOperator

    FireOperator(task_id=FIRE, **common)


def _watching_tasks(common: Mapping[str, Any]) -> None:
    from mlsteps.operators.schedule import ChangesOperator, FireOperator, SettleOperator

    look = ChangesOperator(task_id=LOOK, **common)
    fire = FireOperator.partial(task_id=FIRE, map_index_template="{{ task.change['path'] }}", **common).expand(
        change=look.output
    )
    # A run that was there already is a skipped task; one that could not be started fails, and the round goes on.
    fire >> SettleOperator(task_id=REMEMBER, looked=LOOK, trigger_rule="none_failed", **common)


def mark_of(document: Mapping[str, Any]) -> str:
    """What the DAG's text says that a DAG of other settings does not: a client can see which ones Airflow has.

    :param document: what is served of the schedule.
    """
    return f"Settings `{digest_of({key: value for key, value in document.items() if value is not None})[:16]}`."


def _title(document: Mapping[str, Any]) -> str:
    return f"Runs a published pipeline on a schedule, in experiment {document['experiment']}"


def _text(document: Mapping[str, Any]) -> str:
    which = (
        f"pipeline endpoint `{document['pipeline_endpoint_id']}`"
        if document.get("pipeline_endpoint_id")
        else f"published pipeline `{document.get('pipeline_id')}`"
    )
    lines = [
        plain(document.get("description") or "A schedule of a published pipeline."),
        "",
        f"Schedule `{document['id']}` starts runs of {which} in experiment **{plain(document['experiment'])}**.",
    ]
    if not document.get("schedule"):
        lines.append("It is disabled: it fires no more until `Schedule.enable()`.")
    return "\n".join([*lines, "", mark_of(document)])
