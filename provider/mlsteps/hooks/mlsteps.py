"""A workspace as an Airflow connection of type ``mlsteps``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from mlsteps.hooks.connections import use_airflow_connections
from mlsteps.sdk.workspace_reference import LOCAL_NAME

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore

FIELDS = ("root", "root_conn_id", "subscription_id", "resource_group", "location", "airflow_url")


class MlstepsHook(BaseHook):  # type: ignore[misc]
    """Opens the workspace that a connection describes.

    :param mlsteps_conn_id: a connection of type ``mlsteps`` with the extras ``workspace_name``, ``root``,
        ``root_conn_id`` (the connection whose credentials open the root), ``subscription_id``, ``resource_group``,
        ``location`` and ``airflow_url``, all of them optional.
    """

    conn_name_attr = "mlsteps_conn_id"
    default_conn_name = "mlsteps_default"
    conn_type = "mlsteps"
    hook_name = "mlsteps workspace"

    def __init__(self, mlsteps_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.mlsteps_conn_id = mlsteps_conn_id

    def reference(self) -> dict[str, Any]:
        """The workspace as a graph names it: ``{"name":, "root":?, "subscription_id":?, ...}``, no secrets.

        :raises AirflowNotFoundException: when there is no such connection.
        """
        extra = self.get_connection(self.mlsteps_conn_id).extra_dejson
        kept = {field: str(extra[field]) for field in FIELDS if extra.get(field)}
        if "root" in kept and "://" not in kept["root"]:
            kept["root"] = os.path.abspath(os.path.expanduser(kept["root"]))
        name = extra.get("workspace_name") or extra.get("name") or self.mlsteps_conn_id.removeprefix("mlsteps_")
        return {"name": str(name), "conn_id": self.mlsteps_conn_id, **kept}

    def get_conn(self) -> WorkspaceStore:
        """The workspace's store; a workspace that is not there yet is made."""
        use_airflow_connections()
        from mlsteps.registry.workspaces import open_workspace

        return open_workspace(self.reference())

    def test_connection(self) -> tuple[bool, str]:
        """Whether the workspace can be opened; for the Test button of Airflow's connection form."""
        try:
            store = self.get_conn()
        except Exception as error:  # whatever a storage driver raises is the answer
            return False, str(error)
        return True, f"The workspace lies at {store.root}."


def resolve_reference(workspace: Mapping[str, Any] | None, conn_id: str | None = None) -> dict[str, Any]:
    """The workspace a graph or an operator means.

    The first of: its own ``root``; the connection it names; connection ``mlsteps_<name>``; ``MLSTEPS_WORKSPACE_ROOT``;
    connection ``mlsteps_default``, unless that is of another name; else the local workspace on this machine that
    ``Workspace.from_config()`` takes, too.

    :raises AirflowNotFoundException: when a connection that was named does not exist.
    """
    use_airflow_connections()
    known = dict(workspace or {})
    if known.get("root"):
        return known
    named = conn_id or known.get("conn_id")
    if named and named != MlstepsHook.default_conn_name:
        return {**MlstepsHook(named).reference(), **known}
    found = _connection_if_any(f"mlsteps_{known['name']}") if known.get("name") else {}
    if not found and not os.environ.get("MLSTEPS_WORKSPACE_ROOT"):
        found = _default_connection(known.get("name"))
    return {"name": LOCAL_NAME, **found, **known}


def _default_connection(name: str | None) -> dict[str, Any]:
    found = _connection_if_any(MlstepsHook.default_conn_name)
    fits = name is None or found.get("name", "").lower() in ("default", name.lower())
    return found if fits else {}


def _connection_if_any(conn_id: str) -> dict[str, Any]:
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return MlstepsHook(conn_id).reference()
    except AirflowNotFoundException:
        return {}
