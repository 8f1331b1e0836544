"""Where a step runs, and the credentials that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import UserErrorException

if TYPE_CHECKING:
    from mlsteps.compute.base import Target
    from mlsteps.storage.workspace_store import WorkspaceStore


def target_for(node: StepNode, ws: WorkspaceStore) -> Target:
    """The target of a step: a process on the worker, whatever compute target the SDK named."""
    from mlsteps.compute.local import LocalTarget

    return LocalTarget()


def credentials_for(ws: WorkspaceStore, datastores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """``{"datastores": {name: options}, "workspace": options}``: what the runner needs to open the stores of a step.

    Handed to the runner on its standard input; every secret is masked in logs by its value, whatever it is called.

    :raises UserErrorException: naming the connection that a datastore names and nothing knows.
    """
    named = {name: document["connection"] for name, document in datastores.items() if document.get("connection")}
    found = {name: _credentials(f"Datastore {name!r}", conn_id) for name, conn_id in named.items()}
    whole: dict[str, Any] = {"datastores": found} if found else {}
    if ws.connection:
        whole["workspace"] = _credentials("The workspace's root", ws.connection)
    return whole


def _credentials(what: str, conn_id: str) -> dict[str, Any]:
    from mlsteps.hooks.connections import mask
    from mlsteps.registry.credentials import load_credentials, variable_of

    options = load_credentials(conn_id)
    if options is None:
        raise UserErrorException(
            f"{what} names the connection {conn_id!r}, which does not exist. Add it to Airflow "
            f"(airflow connections add {conn_id} ..., a secrets backend, or the variable {variable_of(conn_id)}), or "
            "register the datastore again in the script that submits the pipeline."
        )
    mask(options)
    return options
