"""Secrets given to ``Datastore.register_*``: never written to a workspace.

They stay in the memory of this process, so that a script can use what it has just registered;
:mod:`mlsteps.client.connections` hands them to the Airflow that a pipeline is submitted to, as a connection. Other
processes find them in the variable ``AIRFLOW_CONN_<ID>``.
"""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.registry import credentials

# Two workspaces of one name would share a connection's id; in one process they must not share secrets.
_in_this_process: dict[tuple[str, str], dict[str, Any]] = {}


def connection_id(workspace: Any, datastore: str) -> str:
    """Id of the Airflow connection that holds a datastore's secrets: ``mlsteps_<workspace>_<datastore>``."""
    return credentials.connection_id(str(workspace.name), datastore)


def keep(workspace: Any, datastore: str, secrets: Mapping[str, Any]) -> None:
    """Keep the secrets of a datastore for this process.

    :param secrets: driver options such as ``account_key``; None values do not count.
    """
    given = {name: value for name, value in secrets.items() if value is not None}
    if given:
        _in_this_process[_key(workspace, datastore)] = given
        credentials.store_credentials(connection_id(workspace, datastore), given)


def recall(workspace: Any, datastore: str, conn_id: str | None = None) -> dict[str, Any] | None:
    """The secrets of a datastore: those kept in this process, else those of its connection, else None.

    :param conn_id: the connection that its document names; None for a datastore that needs no secret.
    """
    if workspace is None:
        return None
    known = _in_this_process.get(_key(workspace, datastore))
    if known is not None:
        return dict(known)
    return credentials.load_credentials(conn_id)


def forget(workspace: Any, datastore: str) -> None:
    """Drop what this process keeps."""
    _in_this_process.pop(_key(workspace, datastore), None)
    credentials.forget_credentials(connection_id(workspace, datastore))


def _key(workspace: Any, datastore: str) -> tuple[str, str]:
    return str(workspace._store().root), datastore.lower()
