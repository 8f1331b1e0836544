"""Published pipelines.

published/<id>.json           written once: {"id", "name", "description", "version", "graph": digest, "steps": how many,
                              "continue_on_step_failure", "dag_id", "created"}
published_status/<id>.json    {"status", "changed"}; one that was never disabled has none
"""

from __future__ import annotations

import time
import uuid
from typing import Any, Dict, List, Mapping, Optional

from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import InvalidInput, UserErrorException, not_found
from mlsteps.registry import dags, graphs
from mlsteps.registry.names import file_name
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER, STATUSES = "published", "published_status"
ACTIVE, DISABLED = "Active", "Disabled"


def publish(
    ws: WorkspaceStore,
    graph: PipelineGraph,
    *,
    name: Optional[str] = None,
    description: Optional[str] = None,
    version: Optional[str] = None,
    continue_on_step_failure: Optional[bool] = None,
) -> Dict[str, Any]:
    """Keep a graph under an id of its own and have Airflow serve it; answers its document.

    :param graph: with snapshots in place of source directories (:func:`.graphs.with_snapshots`).
    :param name: need not be unique, as in the SDK.
    """
    called = str(name or description or "Pipeline")
    made = str(uuid.uuid4())
    document = {
        "id": made,
        "name": called,
        "description": description,
        "version": None if version is None else str(version),
        "graph": graphs.put_graph(ws, graph),
        "steps": len(graph.steps),
        "continue_on_step_failure": continue_on_step_failure,
        "dag_id": dags.dag_id(called, made),
        "created": time.time(),
    }
    # The DAG last: whatever is served can be looked up.
    ws.create_json(_path(made), document)
    dags.serve(ws, served(document))
    return {**document, "status": ACTIVE}


def serve(ws: WorkspaceStore, document: Mapping[str, Any]) -> None:
    """Have Airflow serve a pipeline, if whoever published it was killed over it. One that is served already stays as it
    is: somebody may be disabling it."""
    if dags.get(ws, str(document["dag_id"])) is None:
        dags.serve(ws, served(document))


def served(document: Mapping[str, Any]) -> Dict[str, Any]:
    """What Airflow serves of a published pipeline."""
    return {
        "dag_id": document["dag_id"],
        "kind": "published",
        "id": document["id"],
        "pipeline_id": document["id"],
        "graph": document["graph"],
        "experiment": dags.experiment_name(document["name"]),
        "display_name": document["name"],
        "description": document.get("description"),
        "version": document.get("version"),
        "continue_on_step_failure": bool(document.get("continue_on_step_failure")),
    }


def get(ws: WorkspaceStore, id: str) -> Optional[Dict[str, Any]]:
    """A published pipeline's document with its ``status``, or None."""
    return _read(ws, [id]).get(id)


def need(ws: WorkspaceStore, id: str) -> Dict[str, Any]:
    """As :func:`get`.

    :raises ErrorResponseException: when there is none.
    """
    found = get(ws, id)
    if found is None:
        raise not_found(f"There is no published pipeline {id!r} in the workspace at {ws.root}.")
    return found


def list_published(ws: WorkspaceStore, active_only: bool = True) -> List[Dict[str, Any]]:
    """All published pipelines, newest first."""
    found = list(_read(ws, ws.names(FOLDER)).values())
    kept = [item for item in found if not active_only or item["status"] == ACTIVE]
    return sorted(kept, key=lambda item: (item["created"], item["id"]), reverse=True)


def set_status(ws: WorkspaceStore, id: str, status: str) -> None:
    """Enable or disable a published pipeline; a disabled one takes no new runs, those that go on are finished.

    :raises ErrorResponseException: when there is none.
    """
    document = need(ws, id)
    ws.write_json(f"{STATUSES}/{file_name(id)}.json", {"status": status, "changed": time.time()})
    if status == ACTIVE:
        dags.serve(ws, served(document))
    else:
        dags.retire(ws, str(document["dag_id"]))
    from mlsteps.registry import endpoints

    endpoints.served_again(ws, id)


def disabled_since(ws: WorkspaceStore, id: str) -> Optional[float]:
    """When a pipeline was disabled, in seconds since the epoch; None for one that is active."""
    status = ws.read_json(f"{STATUSES}/{file_name(id)}.json") or {}
    return float(status["changed"]) if status.get("status") == DISABLED else None


def check_active(document: Mapping[str, Any]) -> None:
    """:raises UserErrorException: for a pipeline that takes no new runs."""
    if document["status"] != ACTIVE:
        raise UserErrorException(
            f"The published pipeline {document['name']!r} ({document['id']}) is disabled. "
            "To mend it: PublishedPipeline.enable()."
        )


def graph_of(ws: WorkspaceStore, document: Mapping[str, Any]) -> PipelineGraph:
    """The graph of a published pipeline."""
    return graphs.get_graph(ws, str(document["graph"]))


def _path(id: str) -> str:
    return f"{FOLDER}/{file_name(_checked(id))}.json"


def _checked(id: Any) -> str:
    if not isinstance(id, str) or not id.strip():
        raise InvalidInput(f"The id of the published pipeline is {id!r}", expected="a text, as PublishedPipeline.id")
    return id


def _read(ws: WorkspaceStore, ids: List[str]) -> Dict[str, Dict[str, Any]]:
    known = set(ws.names(STATUSES)) if len(ids) > 1 else {file_name(_checked(id)) for id in ids}
    wanted = [_path(id) for id in ids]
    wanted += [f"{STATUSES}/{name}.json" for name in map(file_name, ids) if name in known]
    found = ws.read_many(wanted)
    answer: Dict[str, Dict[str, Any]] = {}
    for id in ids:
        document = found.get(_path(id))
        if document is not None:
            status = found.get(f"{STATUSES}/{file_name(id)}.json") or {}
            answer[id] = {**document, "status": status.get("status", ACTIVE)}
    return answer
