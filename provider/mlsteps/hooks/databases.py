"""The database of a SQL datastore, with the credentials of an Airflow connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlsteps.errors import UserErrorException
from mlsteps.hooks.rows import Rows
from mlsteps.registry.connections import connection_for


def open_database(document: Mapping[str, Any]) -> Rows:
    """The database of a datastore. No request is made yet.

    PostgreSQL is opened by Airflow's hook, for its ``COPY``; MySQL and SQL Server by SQLAlchemy.

    :param document: the datastore's; its connection holds user and password, and may name another host or database.
    :raises UserErrorException: when the datastore holds files, or its connection does not exist.
    """
    name, kind = document["name"], str(document.get("type"))
    if kind == "AzurePostgreSql":
        from mlsteps.hooks.postgres import PostgresRows

        return PostgresRows(_connection(document), name)
    if kind in ("AzureMySql", "AzureSqlDatabase"):
        from mlsteps.hooks.sql_rows import SqlRows
        from mlsteps.storage.databases import DatabaseStore

        return SqlRows(DatabaseStore(document, _options(document)))
    raise UserErrorException(f"Datastore {name!r} ({kind}) is no database, so it has no rows.")


def _options(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The driver options of the datastore's connection; None where it needs none: the machine's identity asks."""
    from mlsteps.hooks.connections import airflow_credentials

    conn_id = document.get("connection")
    options = airflow_credentials(str(conn_id)) if conn_id else None
    if conn_id and options is None:
        raise _missing(document)
    return options


def _connection(document: Mapping[str, Any]) -> Any:
    """Airflow's connection, with what it leaves out from the datastore's own properties."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException
    from airflow.sdk.log import mask_secret

    conn_id = document.get("connection")
    try:
        connection = BaseHook.get_connection(str(conn_id)) if conn_id else None
    except AirflowNotFoundException:
        connection = None
    if connection is None:
        raise _missing(document)
    if connection.password:
        mask_secret(connection.password)
    for field, value in connection_for(document, {}).items():
        if field in ("host", "port", "login", "schema") and not getattr(connection, field):
            setattr(connection, field, value)
    return connection


def _missing(document: Mapping[str, Any]) -> UserErrorException:
    return UserErrorException(
        f"Datastore {document['name']!r} names the connection {document.get('connection')!r}, which does not exist. "
        "Register it again with user and password in the script that submits the pipeline, or add the connection to "
        "Airflow."
    )
