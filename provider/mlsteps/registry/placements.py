"""Where the steps of a compute target run: the workspace's own mapping, beside what the SDK says of the target.

``placements/<name>.json``: ``{"name", "kind", "options": {...}?, "pool"?, "queue"?, "executor"?}``. It is a document of
its own, so that whoever looks after a workspace can say where ``cpu-cluster`` runs before a script has created it, and
a script that creates or deletes the target does not change that.
"""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.registry.documents import Documents
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER = "placements"
#: The placement of every compute target that has none of its own, and of steps that name no target.
EVERY = "*"


def get_placement(ws: WorkspaceStore, name: str | None) -> dict[str, Any] | None:
    """The placement of a compute target, else the workspace's own for all of them, else None.

    :param name: in any case; None for a step that names no target.
    """
    documents = _documents(ws)
    return (documents.get(name) if name else None) or documents.get(EVERY)


def put_placement(ws: WorkspaceStore, document: Mapping[str, Any]) -> None:
    """Write a placement, in place of an older one of that name."""
    _documents(ws).put(document)


def list_placements(ws: WorkspaceStore) -> dict[str, dict[str, Any]]:
    """All placements by the name of their compute target; ``*`` is the one for all others."""
    return _documents(ws).all()


def delete_placement(ws: WorkspaceStore, name: str) -> bool:
    """Forget a placement; False when there is none."""
    return _documents(ws).delete(name)


def _documents(ws: WorkspaceStore) -> Documents:
    return Documents(ws, FOLDER)
