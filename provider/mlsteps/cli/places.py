"""Which workspace a command is about."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from mlsteps.errors import UserErrorException

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.sdk.workspace import Workspace

#: Set when commands run in Airflow's command line, where workspaces and credentials may be in Airflow's connections.
_in_airflow = False


def use_airflow() -> None:
    """From now on Airflow's connections count."""
    global _in_airflow
    from mlsteps.hooks.connections import use_airflow_connections

    use_airflow_connections()
    _in_airflow = True


def in_airflow() -> bool:
    """Whether this is a command of Airflow's command line."""
    return _in_airflow


def workspace_of(args: Namespace) -> Workspace:
    """The workspace that ``--workspace`` means.

    :raises UserErrorException: when it does not exist: to read it would make it.
    """
    found = named(args.workspace)
    if not found._exists():
        raise UserErrorException(
            f"There is no workspace {found.name!r} yet (it would lie at {root_of(found)}). To mend it: mlsteps "
            "workspace init, or say which one is meant: --workspace, a config.json, MLSTEPS_WORKSPACE_ROOT."
        )
    return found


def named(text: str | None) -> Workspace:
    """The workspace of a name, a root, or a connection's id; None for the default one. Nothing is opened or made."""
    from mlsteps.sdk.workspace import Workspace

    if text is None:
        return _default()
    if "/" in text or "\\" in text:
        return Workspace._from_reference(_of_root(text))
    if text.startswith("mlsteps_"):
        return Workspace._from_reference(_of_connection(text))
    if _in_airflow:
        from mlsteps.hooks.mlsteps import resolve_reference

        return Workspace._from_reference(resolve_reference({"name": text}))
    return Workspace.get(text)


def root_of(workspace: Workspace) -> str:
    """Where a workspace lies, whether it is there or not."""
    from mlsteps.registry.workspaces import workspace_root

    return workspace_root(workspace._reference())


def _default() -> Workspace:
    from mlsteps.sdk.workspace import Workspace
    from mlsteps.sdk.workspace_reference import find_config

    if _in_airflow and find_config(None, None) is None:
        from mlsteps.hooks.mlsteps import resolve_reference

        return Workspace._from_reference(resolve_reference({}))
    with contextlib.redirect_stdout(sys.stderr):  # it may tell which workspace it takes; our answer is data
        return Workspace.from_config()


def _of_root(root: str) -> dict[str, Any]:
    from mlsteps.registry.workspaces import workspace_store
    from mlsteps.sdk.workspace_reference import absolute_root

    whole = absolute_root(root)
    document = workspace_store({"root": whole}).read_json("workspace.json") or {}
    known = {key: document[key] for key in ("subscription_id", "resource_group", "location") if key in document}
    return {
        "name": document.get("name") or os.path.basename(whole.rstrip("/\\")) or "workspace",
        "root": whole,
        **known,
    }


def _of_connection(conn_id: str) -> dict[str, Any]:
    from mlsteps.sdk.workspace_reference import connections

    found = dict(connections()).get(conn_id.lower())
    if found is not None:
        return {"name": conn_id.removeprefix("mlsteps_"), **found}
    if _in_airflow:
        from mlsteps.hooks.mlsteps import MlstepsHook

        return MlstepsHook(conn_id).reference()
    raise UserErrorException(
        f"There is no connection {conn_id!r} in this process's variables (AIRFLOW_CONN_{conn_id.upper()}). "
        "To mend it: airflow mlsteps ..., which also looks into Airflow's connections."
    )
