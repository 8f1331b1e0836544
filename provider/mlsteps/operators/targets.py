"""Where a step runs, and the credentials that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode

if TYPE_CHECKING:
    from mlsteps.compute.base import Target
    from mlsteps.storage.workspace_store import WorkspaceStore


def target_for(node: StepNode, ws: WorkspaceStore) -> Target:
    """The target of a step: a process on the worker, whatever compute target the SDK named."""
    from mlsteps.compute.local import LocalTarget

    return LocalTarget()


def credentials_for(datastores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """``{"datastores": {name: ...}}`` for each datastore that names an Airflow connection: what is needed to open it.

    Handed to the runner on its standard input; every value is masked in logs by value, whatever it is called.
    """
    named = {name: document["connection"] for name, document in datastores.items() if document.get("connection")}
    return {"datastores": {name: _credentials(conn_id) for name, conn_id in named.items()}} if named else {}


def _credentials(conn_id: str) -> dict[str, Any]:
    from airflow.sdk import BaseHook
    from airflow.sdk.log import mask_secret

    connection = BaseHook.get_connection(conn_id)
    extra = connection.extra_dejson
    for value in (connection.password, *extra.values()):
        if isinstance(value, str) and value:
            mask_secret(value)
    return {"login": connection.login, "password": connection.password, "host": connection.host, **extra}
