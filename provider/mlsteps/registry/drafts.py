"""Pipeline drafts: ``drafts/<id>.json``, a graph and what a run of it would be started with; may be changed."""

from __future__ import annotations

import time
import uuid
from typing import Any, Dict, List, Mapping, Optional

from mlsteps.errors import not_found
from mlsteps.registry.names import file_name
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER = "drafts"
_FIELDS: Mapping[str, Any] = {
    "name": None,
    "description": None,
    "experiment_name": None,
    "parameters": {},
    "continue_on_step_failure": None,
    "tags": {},
    "properties": {},
    "parent_pipeline_id": None,
    "parent_pipeline_run_id": None,
    "parent_step_run_ids": None,
    "parent_pipeline_draft_id": None,
    "last_submitted_pipeline_run_id": None,
}


def create(ws: WorkspaceStore, graph: str, **fields: Any) -> Dict[str, Any]:
    """Make a draft; answers its document.

    :param graph: digest of a kept graph.
    :param fields: ``name``, ``description``, ``experiment_name``, ``parameters`` (values as a run's conf holds them),
        ``continue_on_step_failure``, ``tags``, ``properties``, and where it came from.
    """
    given = {key: value for key, value in fields.items() if value is not None}
    document = {**_FIELDS, **given, "id": str(uuid.uuid4()), "graph": graph, "created": time.time()}
    ws.create_json(_path(document["id"]), document)
    return document


def need(ws: WorkspaceStore, id: str) -> Dict[str, Any]:
    """A draft's document.

    :raises ErrorResponseException: when there is none.
    """
    document = ws.read_json(_path(id))
    if document is None:
        raise not_found(f"There is no pipeline draft {id!r} in the workspace at {ws.root}.")
    return dict(document)


def list_drafts(ws: WorkspaceStore, tags: Optional[Mapping[str, str]] = None) -> List[Dict[str, Any]]:
    """All drafts that have these tags, newest first."""
    found = ws.read_many(f"{FOLDER}/{name}.json" for name in ws.names(FOLDER)).values()
    kept = [dict(item) for item in found if all(item["tags"].get(key) == value for key, value in (tags or {}).items())]
    return sorted(kept, key=lambda item: (item["created"], item["id"]), reverse=True)


def update(ws: WorkspaceStore, id: str, **changes: Any) -> Dict[str, Any]:
    """Change what is given; of two changes at once the last one counts."""
    document = {**need(ws, id), **changes}
    ws.write_json(_path(id), document)
    return document


def delete(ws: WorkspaceStore, id: str) -> None:
    """Forget a draft; one that is gone is fine."""
    ws.delete(_path(id))


def _path(id: str) -> str:
    return f"{FOLDER}/{file_name(id)}.json"
