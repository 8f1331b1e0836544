"""Schedules of published pipelines and endpoints.

schedules/<id>.json         {"id", "name", "description", "experiment", "pipeline_id" or "pipeline_endpoint_id",
                            "recurrence" and "rule", or "watch", "parameters", "continue_on_step_failure", "dag_id",
                            "created", "written"}
schedule_status/<id>.json   {"status", "changed", "resumed"?}; a document of its own, so that an update that is made
                            meanwhile cannot undo a disable
schedule_runs/<id>/<run id>.json   {"at", "fired"} or {"path", "fired"}: one for each run that it was to start

``recurrence`` is what ``ScheduleRecurrence`` was given, ``rule`` the same as :class:`mlsteps.schedules.rule.Recurrence`
keeps it; ``watch`` is ``{"datastore", "path", "minutes", "parameter"?, "generation"}``.
"""

from __future__ import annotations

import re
import time
import uuid
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional

from mlsteps.errors import InvalidInput, not_found
from mlsteps.registry import dags, endpoints, pipelines
from mlsteps.registry.names import file_name
from mlsteps.schedules.rule import Recurrence
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER, STATUSES, RUNS = "schedules", "schedule_status", "schedule_runs"
ACTIVE, DISABLED = "Active", "Disabled"
#: Name space of the ids of runs that schedules start; never change it: equal ids are how a run is started once.
_RUNS = uuid.UUID("5e2f6c0b-6a64-4a0c-9d0e-0d8d6a1f3b52")

Document = Dict[str, Any]


def create(ws: WorkspaceStore, *, name: str, id: Optional[str] = None, **said: Any) -> Document:
    """Keep a schedule and have Airflow serve its DAG; answers its document with ``status``.

    :param id: when it is known already; :param said: the other keys of the document; None ones are left out.
    """
    made = id or str(uuid.uuid4())
    facts = {"id": made, "name": name, "dag_id": _dag_id(name, made), "created": time.time()}
    document = {**facts, **{key: value for key, value in said.items() if value is not None}, "written": time.time()}
    if not ws.create_json(_path(made), document):
        raise InvalidInput(f"There is a schedule {made!r} already", expected="an id of its own")
    serve(ws, made)
    return need(ws, made)


def get(ws: WorkspaceStore, id: str) -> Optional[Document]:
    """A schedule's document with its ``status``, or None."""
    return next(iter(_read(ws, [id])), None)


def need(ws: WorkspaceStore, id: str) -> Document:
    """As :func:`get`.

    :raises ErrorResponseException: when there is none.
    """
    found = get(ws, id)
    if found is None:
        raise not_found(f"There is no schedule {id!r} in the workspace at {ws.root}.")
    return found


def list_schedules(
    ws: WorkspaceStore,
    active_only: bool = True,
    pipeline_id: Optional[str] = None,
    pipeline_endpoint_id: Optional[str] = None,
) -> List[Document]:
    """All schedules, or those of a pipeline or an endpoint, newest first."""
    wanted = {"pipeline_id": pipeline_id, "pipeline_endpoint_id": pipeline_endpoint_id}
    filters = {key: value for key, value in wanted.items() if value is not None}
    found = [item for item in _read(ws, ws.names(FOLDER)) if all(item.get(key) == filters[key] for key in filters)]
    kept = [item for item in found if not active_only or item["status"] == ACTIVE]
    return sorted(kept, key=lambda item: (item["created"], item["id"]), reverse=True)


def update(ws: WorkspaceStore, id: str, changes: Mapping[str, Any]) -> Document:
    """Change keys of a schedule; a key whose value is None is dropped.

    :raises ErrorResponseException: when there is none.
    """
    need(ws, id)
    document = {**(ws.read_json(_path(id)) or {}), **changes, "written": time.time()}
    ws.write_json(_path(id), {key: value for key, value in document.items() if value is not None})
    serve(ws, id)
    return need(ws, id)


def set_status(ws: WorkspaceStore, id: str, status: str) -> Document:
    """Let a schedule fire, or fire no more. One that is enabled again fires from now on only.

    :raises InvalidInput: for another word than ``Active`` and ``Disabled``.
    """
    if status not in (ACTIVE, DISABLED):
        raise InvalidInput(f"The status of a schedule is {status!r}", expected=f"{ACTIVE!r} or {DISABLED!r}")
    before = need(ws, id)
    if before["status"] != status:
        said: Document = {"status": status, "changed": time.time()}
        if status == ACTIVE:
            said["resumed"] = datetime.now(timezone.utc).isoformat()
        ws.write_json(f"{STATUSES}/{file_name(id)}.json", said)
        serve(ws, id)
    return need(ws, id)


def rule_of(document: Mapping[str, Any]) -> Optional[Recurrence]:
    """When a schedule fires; None for one that watches data.

    :param document: with ``resumed``, as :func:`get` answers it.
    """
    if "rule" not in document:
        return None
    return Recurrence.from_json({**document["rule"], "resumed": document.get("resumed")})


def pipeline_of(ws: WorkspaceStore, document: Mapping[str, Any]) -> Document:
    """The published pipeline that a run of the schedule would be of now.

    :raises UserErrorException: when it, or the endpoint, is gone or disabled.
    """
    if document.get("pipeline_endpoint_id"):
        endpoint = endpoints.need(ws, document["pipeline_endpoint_id"])
        endpoints.check_active(endpoint)
        pipeline = pipelines.need(ws, endpoints.pipeline_id(endpoint))
    else:
        pipeline = pipelines.need(ws, document["pipeline_id"])
    pipelines.check_active(pipeline)
    return pipeline


def run_id(id: str, key: str) -> str:
    """The id of the run that a schedule starts for a fire time or a change: the same for all who ask."""
    return str(uuid.uuid5(_RUNS, f"{id}/{key}"))


def note_run(ws: WorkspaceStore, id: str, run: str, **said: Any) -> None:
    """Say that a run is being started, once."""
    ws.create_json(f"{RUNS}/{file_name(id)}/{file_name(run)}.json", {**said, "fired": time.time()})


def runs_of(ws: WorkspaceStore, id: str) -> List[str]:
    """Ids of the runs that a schedule was to start, newest first."""
    folder = f"{RUNS}/{file_name(id)}"
    found = ws.read_many(f"{folder}/{name}.json" for name in ws.names(folder))
    newest = sorted(found.items(), key=lambda item: (item[1]["fired"], item[0]), reverse=True)
    return [path.rpartition("/")[2][: -len(".json")] for path, _ in newest]


def serve(ws: WorkspaceStore, id: str) -> None:
    """Have Airflow serve what is right now; once more when another process changes it meanwhile."""
    done: Any = None
    while True:
        served = served_document(need(ws, id))
        if served == done:
            return
        dags.serve(ws, served)
        done = served


def served_document(document: Mapping[str, Any]) -> Document:
    """What Airflow serves of a schedule; without ``schedule`` when it is disabled."""
    rule = rule_of(document)
    when = {"rule": rule.to_json()} if rule is not None else {"watch": True}
    return {
        "dag_id": document["dag_id"],
        "kind": "schedule",
        "id": document["id"],
        "experiment": document["experiment"],
        "display_name": document["name"],
        "description": document.get("description"),
        "pipeline_id": document.get("pipeline_id"),
        "pipeline_endpoint_id": document.get("pipeline_endpoint_id"),
        "schedule": when if document["status"] == ACTIVE else None,
    }


def _dag_id(name: str, id: str) -> str:
    """``<name>-schedule-<short id>``."""
    return re.sub("-{2,}", "-", dags.dag_id(f"{name}-schedule", id))


def _path(id: str) -> str:
    if not isinstance(id, str) or not id.strip():
        raise InvalidInput(f"The id of the schedule is {id!r}", expected="a text, as Schedule.id")
    return f"{FOLDER}/{file_name(id)}.json"


def _read(ws: WorkspaceStore, ids: List[str]) -> List[Document]:
    paths = {id: (_path(id), f"{STATUSES}/{file_name(id)}.json") for id in ids}
    found = ws.read_many(path for pair in paths.values() for path in pair)
    answer = []
    for facts, status in paths.values():
        if facts in found:
            said = found.get(status) or {"status": ACTIVE}
            known = {key: said[key] for key in ("status", "resumed") if key in said}
            answer.append({**found[facts], **known})
    return answer
