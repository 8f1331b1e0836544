"""Pipeline endpoints: one name over versions of published pipelines.

endpoints/<id>/endpoint.json        {"id", "description", "dag_id", "created"}; written once
endpoints/<id>/state.json           {"name", "status"}
endpoints/<id>/default.json         {"version"}
endpoints/<id>/versions/<n>.json    {"version", "pipeline_id", "created"}; written once, numbered from 0
endpoint_names/<name>.json          {"id"}; created if absent: a name belongs to one endpoint. It comes last, so that
                                    an endpoint which can be found by its name is whole
"""

from __future__ import annotations

import time
import uuid
from typing import Any, Dict, List, Optional

from mlsteps.errors import InvalidInput, UserErrorException, not_found
from mlsteps.registry import dags, pipelines
from mlsteps.registry.names import file_name
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER, NAMES = "endpoints", "endpoint_names"
ACTIVE, DISABLED, ARCHIVED = "Active", "Disabled", "Archived"


def publish(ws: WorkspaceStore, name: str, description: Optional[str], pipeline_id: str) -> Dict[str, Any]:
    """Make an endpoint whose version ``"0"`` is this pipeline; answers its document (see :func:`get`).

    :raises InvalidInput: when the name is taken, as in the SDK.
    """
    pipelines.need(ws, pipeline_id)
    if _id_of(ws, name) is not None:
        raise _taken(name)
    made = str(uuid.uuid4())
    facts = {"id": made, "description": description, "dag_id": dags.dag_id(name, made), "created": time.time()}
    ws.create_json(f"{_folder(made)}/endpoint.json", facts)
    ws.write_json(f"{_folder(made)}/state.json", {"name": name, "status": ACTIVE})
    add(ws, made, pipeline_id)
    ws.write_json(f"{_folder(made)}/default.json", {"version": "0"})
    if not ws.create_json(_claim(name), {"id": made}):
        ws.delete(_folder(made))
        raise _taken(name)
    _serve(ws, made)
    return need(ws, made)


def get(ws: WorkspaceStore, id: Optional[str] = None, name: Optional[str] = None) -> Optional[Dict[str, Any]]:
    """An endpoint by id or by name, or None: ``{"id", "name", "description", "status", "default_version", "versions":
    {version: pipeline id}, "dag_id", "created"}``.

    :raises InvalidInput: without either.
    """
    if id is None and name is None:
        raise InvalidInput("Neither an id nor a name of an endpoint is given", expected="one of them")
    found = id if id is not None else _id_of(ws, str(name))
    if found is None:
        return None
    folder = _folder(found)
    parts = ws.read_many(f"{folder}/{part}.json" for part in ("endpoint", "state", "default"))
    if len(parts) < 3:
        return None
    facts, state, default = (parts[f"{folder}/{part}.json"] for part in ("endpoint", "state", "default"))
    versions = ws.read_many(f"{folder}/versions/{number}.json" for number in _numbers(ws, found))
    known = {item["version"]: item["pipeline_id"] for item in versions.values()}
    return {**facts, **state, "default_version": default["version"], "versions": known}


def need(ws: WorkspaceStore, id: Optional[str] = None, name: Optional[str] = None) -> Dict[str, Any]:
    """As :func:`get`.

    :raises ErrorResponseException: when there is none; names those that exist.
    """
    found = get(ws, id, name)
    if found is None:
        known = ", ".join(repr(item["name"]) for item in list_endpoints(ws)) or "none"
        raise not_found(
            f"There is no pipeline endpoint {id if id is not None else name!r} in the workspace at {ws.root}. "
            f"It has {known}."
        )
    return found


def list_endpoints(ws: WorkspaceStore, active_only: bool = True) -> List[Dict[str, Any]]:
    """All endpoints, newest first; archived and disabled ones too when ``active_only`` is off."""
    named = {document["id"] for document in ws.read_many(f"{NAMES}/{name}.json" for name in ws.names(NAMES)).values()}
    found = [get(ws, id) for id in ws.names(FOLDER)]
    kept = [item for item in found if item and (item["id"] in named or item["status"] == ARCHIVED)]
    kept = [item for item in kept if not active_only or item["status"] == ACTIVE]
    return sorted(kept, key=lambda item: (item["created"], item["id"]), reverse=True)


def pipeline_id(endpoint: Dict[str, Any], version: Optional[str] = None) -> str:
    """The published pipeline of a version, or of the default one.

    :raises InvalidInput: for a version that is not there; names those that are.
    """
    wanted = endpoint["default_version"] if version is None else str(version)
    found = endpoint["versions"].get(wanted)
    if found is None:
        raise InvalidInput(
            f"The endpoint {endpoint['name']!r} has no version {wanted!r}",
            expected=f"one of {', '.join(map(repr, endpoint['versions']))}",
        )
    return str(found)


def add(ws: WorkspaceStore, id: str, pipeline: str) -> str:
    """Add a version; answers it. Processes that race get different ones."""
    folder = f"{_folder(id)}/versions"
    number = (_numbers(ws, id) or [-1])[-1] + 1
    while True:
        document = {"version": str(number), "pipeline_id": pipeline, "created": time.time()}
        if ws.create_json(f"{folder}/{number}.json", document):
            return str(number)
        number += 1


def set_default(ws: WorkspaceStore, id: str, version: str) -> None:
    """Make a version the default one.

    :raises InvalidInput: for a version that is not there.
    """
    pipeline_id(need(ws, id), str(version))
    ws.write_json(f"{_folder(id)}/default.json", {"version": str(version)})
    _serve(ws, id)


def set_status(ws: WorkspaceStore, id: str, status: str) -> None:
    """Enable, disable, or archive, which frees the name."""
    endpoint = need(ws, id)
    ws.write_json(f"{_folder(id)}/state.json", {"name": endpoint["name"], "status": status})
    if status == ARCHIVED:
        _free(ws, endpoint["name"], id)
    _serve(ws, id)


def set_name(ws: WorkspaceStore, id: str, name: str, status: Optional[str] = None) -> None:
    """Give it another name; its id, and the id of its DAG, stay.

    :raises InvalidInput: when the name is taken.
    """
    endpoint = need(ws, id)
    if not ws.create_json(_claim(name), {"id": id}) and _id_of(ws, name) != id:
        raise _taken(name)
    ws.write_json(f"{_folder(id)}/state.json", {"name": name, "status": status or endpoint["status"]})
    if endpoint["name"] != name:
        _free(ws, endpoint["name"], id)
    _serve(ws, id)


def served_again(ws: WorkspaceStore, pipeline: str) -> None:
    """Serve what is right after a published pipeline was enabled or disabled: endpoints whose default it is."""
    for endpoint in list_endpoints(ws):
        if pipeline_id(endpoint) == pipeline:
            _serve(ws, endpoint["id"])


def check_active(endpoint: Dict[str, Any]) -> None:
    """:raises UserErrorException: for an endpoint that takes no new runs."""
    if endpoint["status"] != ACTIVE:
        raise UserErrorException(
            f"The pipeline endpoint {endpoint['name']!r} ({endpoint['id']}) is {endpoint['status'].lower()}."
        )


def _serve(ws: WorkspaceStore, id: str) -> None:
    """Have Airflow serve the default version. Another process may change it meanwhile: then once more, so that the
    last word is about the last change."""
    done: Any = None
    while True:
        endpoint = need(ws, id)
        default = pipelines.need(ws, pipeline_id(endpoint))
        state = (endpoint["name"], endpoint["status"], endpoint["default_version"], default["status"])
        if state == done:
            return
        if endpoint["status"] == ACTIVE and default["status"] == pipelines.ACTIVE:
            dags.serve(ws, _served(endpoint, default))
        else:
            dags.retire(ws, str(endpoint["dag_id"]))
        done = state


def _served(endpoint: Dict[str, Any], default: Dict[str, Any]) -> Dict[str, Any]:
    return {
        **pipelines.served(default),
        "dag_id": endpoint["dag_id"],
        "kind": "endpoint",
        "id": endpoint["id"],
        "experiment": dags.experiment_name(endpoint["name"]),
        "display_name": endpoint["name"],
        "description": endpoint.get("description") or default.get("description"),
        "version": endpoint["default_version"],
    }


def _numbers(ws: WorkspaceStore, id: str) -> List[int]:
    return sorted(int(item) for item in ws.names(f"{_folder(id)}/versions") if item.isdigit())


def _folder(id: str) -> str:
    return f"{FOLDER}/{file_name(id)}"


def _claim(name: str) -> str:
    return f"{NAMES}/{file_name(name)}.json"


def _id_of(ws: WorkspaceStore, name: str) -> Optional[str]:
    document = ws.read_json(_claim(name))
    return None if document is None else str(document["id"])


def _free(ws: WorkspaceStore, name: str, id: str) -> None:
    if _id_of(ws, name) == id:
        ws.delete(_claim(name))


def _taken(name: str) -> InvalidInput:
    return InvalidInput(
        f"There is a pipeline endpoint {name!r} already",
        mend="PipelineEndpoint.get(workspace, name=...) and its add(), or another name",
    )
