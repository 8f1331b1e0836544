"""Whether a workspace's root and its datastores can be reached, read and written."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.cli.health import Finding, fault, looked, note
from mlsteps.errors import AzureMLException
from mlsteps.registry.credentials import load_credentials, variable_of
from mlsteps.registry.documents import list_datastores
from mlsteps.storage.open import open_datastore

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace
    from mlsteps.storage.base import Store

#: What is written to see whether a store can be written, and deleted again.
_PROBE = ".mlsteps-doctor"
#: Datastores that hold no files.
_TABLES = ("AzureSqlDatabase", "AzurePostgreSql", "AzureMySql")


def root(workspace: Workspace, read_only: bool) -> Iterator[Finding]:
    """The workspace's own store; nothing else is looked at when it cannot be opened."""
    from mlsteps.cli.places import root_of
    from mlsteps.registry.workspaces import workspace_store

    place = root_of(workspace)
    conn_id = workspace._reference().get("root_conn_id")
    try:
        store = workspace_store(workspace._reference()).store
        found = workspace._exists()
    except AzureMLException as error:
        yield fault("workspace", place, error, _login_advice(conn_id))
        return
    if not found:
        yield fault("workspace", place, "there is no workspace here", f"mlsteps workspace init {workspace.name}")
        return
    yield from _store("workspace", place, store, read_only, conn_id)


def datastores(workspace: Workspace, read_only: bool) -> Iterator[Finding]:
    """Each datastore."""
    for name, document in list_datastores(workspace._store()).items():
        if document.get("type") in _TABLES:
            yield note("datastore", name, f"{document['type']}: a database; it is not looked into")
            continue
        conn_id = document.get("connection")
        if conn_id and load_credentials(conn_id) is None:
            yield note(
                "datastore",
                name,
                f"its connection {conn_id!r} is not known here",
                f"set {variable_of(conn_id)}, or ask where Airflow has it: airflow mlsteps workspace doctor",
            )
        yield from _datastore(name, document, conn_id, read_only)


def _datastore(name: str, document: Mapping[str, Any], conn_id: str | None, read_only: bool) -> Iterator[Finding]:
    try:
        store = open_datastore(document, load_credentials(conn_id))
    except AzureMLException as error:
        yield fault("datastore", name, error, _login_advice(conn_id))
        return
    yield from _store("datastore", name, store, read_only or document.get("type") == "Http", conn_id)


def _store(area: str, what: str, store: Store, read_only: bool, conn_id: str | None) -> Iterator[Finding]:
    def read() -> str:
        list(itertools.islice(iter(store.folders("")), 1))
        return f"can be read: {store.url}"

    readable = list(looked(area, what, read, _login_advice(conn_id)))
    yield from readable
    if readable[0].mend or read_only or readable[0].state != "ok":
        return
    yield from looked(area, what, lambda: _write(store), f"give its login the right to write. {_login_advice(conn_id)}")


def _write(store: Store) -> str:
    """Write, read back and delete a small file of a name that nobody else has."""
    path, data = f"{_PROBE}-{uuid.uuid4().hex}", b"mlsteps workspace doctor\n"
    store.write(path, data)
    try:
        if store.read(path) != data:
            raise AzureMLException(f"{store.url_of(path)} does not hold what was written to it a moment ago.")
    finally:
        store.delete(path)
    return "can be written"


def _login_advice(conn_id: str | None) -> str:
    if conn_id:
        return f"check the connection {conn_id!r} (variable {variable_of(conn_id)}, or Airflow's connections)"
    return "name a connection that opens it: root_conn_id of the workspace, or s3://CONNECTION@bucket/folder"
