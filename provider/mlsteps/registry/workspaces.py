"""Open a workspace; make a local one on first use."""

from __future__ import annotations

import os
import re
import uuid
from typing import Any, Mapping

from mlsteps.errors import InvalidInput, WorkspaceException
from mlsteps.registry.credentials import load_credentials
from mlsteps.registry.names import file_name
from mlsteps.storage.addresses import split_connection
from mlsteps.storage.workspace_store import WorkspaceStore

#: Variable that names the root of every workspace that is opened without a ``root`` of its own.
ROOT_VARIABLE = "MLSTEPS_WORKSPACE_ROOT"
#: The default datastore of a new workspace, as in the SDK.
BLOB_STORE = "workspaceblobstore"
#: The second datastore that the SDK makes with a workspace.
FILE_STORE = "workspacefilestore"

_WORKSPACES = uuid.UUID("7c1d2c0a-3f2a-4d3e-9a7b-5a1f4b9d6e20")
_LOCAL = {
    "subscription_id": "00000000-0000-0000-0000-000000000000",
    "resource_group": "mlsteps",
    "location": "local",
}


def home() -> str:
    """``MLSTEPS_HOME``, by default ``~/.mlsteps``: what is local to this machine."""
    return os.environ.get("MLSTEPS_HOME") or os.path.join(os.path.expanduser("~"), ".mlsteps")


def workspace_root(reference: Mapping[str, Any]) -> str:
    """Where the workspace lies: its own ``root``, else ``MLSTEPS_WORKSPACE_ROOT``, else below ``MLSTEPS_HOME``.

    :raises InvalidInput: when there is neither a root nor a name.
    """
    root = reference.get("root") or os.environ.get(ROOT_VARIABLE)
    if root:
        return str(root)
    if not reference.get("name"):
        raise InvalidInput(
            "The workspace has neither a name nor a root", expected='{"name": ...} or {"root": a path or URL}'
        )
    return os.path.join(home(), "workspaces", file_name(str(reference["name"])))


def open_workspace(reference: Mapping[str, Any]) -> WorkspaceStore:
    """The store of a workspace; makes the workspace when its root holds none.

    Any number of processes may do this at once: all that is written is derived from the reference, each document is
    created if absent, and ``workspace.json`` comes last, so that where it exists all of the workspace exists.

    :param reference: ``{"name":, "root":?, "root_conn_id":?, "subscription_id":?, "resource_group":?, "location":?}``.
    """
    ws = workspace_store(reference)
    if ws.read_json("workspace.json") is None:
        _make(ws, reference)
    return ws


def workspace_store(reference: Mapping[str, Any]) -> WorkspaceStore:
    """The store of a workspace, whether it exists or not; nothing is made."""
    root = workspace_root(reference)
    conn_id = str(reference.get("root_conn_id") or "") or split_connection(root)[1]
    return WorkspaceStore(root, load_credentials(conn_id), conn_id)


def workspace_document(ws: WorkspaceStore) -> dict[str, Any]:
    """What is known of the workspace: ``name``, ``subscription_id``, ``resource_group``, ``location``, ``id``,
    ``default_datastore``.

    :raises WorkspaceException: when the root holds no workspace.
    """
    document = ws.read_json("workspace.json")
    if document is None:
        raise WorkspaceException(f"There is no workspace at {ws.root}: it has no workspace.json.")
    return dict(document)


def _make(ws: WorkspaceStore, reference: Mapping[str, Any]) -> None:
    document: dict[str, Any] = {"name": str(reference.get("name") or _last_part(ws.root))}
    document.update({key: str(reference.get(key) or value) for key, value in _LOCAL.items()})
    identity = "/".join((document["subscription_id"], document["resource_group"], document["name"]))
    document["id"] = str(uuid.uuid5(_WORKSPACES, identity))
    document["default_datastore"] = BLOB_STORE
    for store in _default_datastores(document):
        ws.create_json(f"datastores/{store['name']}.json", store)
    ws.create_json("workspace.json", document)


def _default_datastores(workspace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Datastores that lie in the workspace itself; scripts read ``container_name`` and ``account_name``."""
    account = (re.sub("[^a-z0-9]", "", workspace["name"].lower()) or "mlsteps")[:17] + "storage"
    return [
        {
            "name": name,
            "type": kind,
            "url": f"stores/{name}",
            "container_name": f"azureml-{suffix}-{workspace['id']}",
            "account_name": account,
            "protocol": "https",
            "endpoint": "core.windows.net",
        }
        for name, kind, suffix in ((BLOB_STORE, "AzureBlob", "blobstore"), (FILE_STORE, "AzureFile", "filestore"))
    ]


def _last_part(root: str) -> str:
    return re.split(r"[\\/]", root.rstrip("\\/"))[-1] or "workspace"
