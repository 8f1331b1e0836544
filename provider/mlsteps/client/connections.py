"""Hands the secrets that a script gave, for stores, machines and package indexes, to the Airflow that runs it all."""

from __future__ import annotations

import json
import warnings
from typing import Any
from urllib.parse import urlsplit

from mlsteps.client.airflow_api import AirflowApi
from mlsteps.contracts.codec import digest_of
from mlsteps.errors import AuthenticationException
from mlsteps.registry import index_credentials
from mlsteps.registry.connections import connection_for
from mlsteps.registry.credentials import given_credentials, variable_of
from mlsteps.registry.documents import list_computes, list_datastores
from mlsteps.storage.workspace_store import WorkspaceStore

_LOCAL = ("127.0.0.1", "localhost", "::1")
# Addresses and digests of connections that this process has handed over, so that each is sent once.
_sent: set[tuple[str, str]] = set()


def hand_over(api: AirflowApi, ws: WorkspaceStore) -> list[str]:
    """Keep the secrets that this process was given, for a workspace's datastores and machines and for package indexes,
    as connections in Airflow.

    Airflow encrypts them in its database; an older connection of the same id is replaced. A connection that lies in a
    variable, or in a secrets backend, is left to it: Airflow asks those first.

    :returns: the ids of the connections that were sent now.
    """
    sent = []
    machines = [{**item, **item.get("settings", {})} for item in list_computes(ws).values()]
    known = [("datastore", item) for item in list_datastores(ws).values()]
    for kind, document in (*known, *(("compute target", item) for item in machines)):
        conn_id = str(document.get("connection") or "")
        secrets = given_credentials(conn_id) if conn_id else None
        if secrets and _put(api, conn_id, connection_for(document, secrets), f"{kind} {document['name']!r}"):
            sent.append(conn_id)
    for conn_id, connection in index_credentials.given().items():
        if _put(api, conn_id, connection, f"package index {connection['host']!r}"):
            sent.append(conn_id)
    return sent


def _put(api: AirflowApi, conn_id: str, connection: dict[str, Any], what: str) -> bool:
    mark = (api.address.url, digest_of([conn_id, connection]))
    if mark in _sent:
        return False
    parts = urlsplit(api.address.url)
    if parts.scheme != "https" and parts.hostname not in _LOCAL:
        _warn(what, conn_id, f"Airflow at {api.address.url} would get it unencrypted")
        return False
    extra = connection.pop("extra", None)
    try:
        api.put_connection(conn_id, {**connection, **({"extra": json.dumps(extra)} if extra else {})})
    except AuthenticationException as error:
        _warn(what, conn_id, str(error))
        return False
    _sent.add(mark)
    return True


def _warn(what: str, conn_id: str, why: str) -> None:
    warnings.warn(
        f"The secret of {what} was not handed to Airflow: {why}. Steps need the connection "
        f"{conn_id!r}: airflow connections add, a secrets backend, or the variable {variable_of(conn_id)}.",
        stacklevel=5,
    )
