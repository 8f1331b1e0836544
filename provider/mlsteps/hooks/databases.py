"""The database of a SQL datastore, through Airflow's hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.errors import UnsupportedFeature, UserErrorException
from mlsteps.registry.connections import connection_for

if TYPE_CHECKING:
    from mlsteps.hooks.postgres import PostgresRows

#: Databases that no transfer reads or writes yet, and the package whose hook would open them.
_OTHERS = {
    "AzureSqlDatabase": ("SQL Server", "apache-airflow-providers-microsoft-mssql"),
    "AzureMySql": ("MySQL", "apache-airflow-providers-mysql"),
}


def open_database(document: Mapping[str, Any]) -> PostgresRows:
    """The database of a datastore. No request is made yet.

    :param document: the datastore's; its connection holds user and password, and may name another host or database.
    :raises UnsupportedFeature: for a database other than PostgreSQL.
    :raises UserErrorException: when the datastore holds files, or its connection does not exist.
    """
    name, kind = document["name"], str(document.get("type"))
    if kind in _OTHERS:
        title, package = _OTHERS[kind]
        raise UnsupportedFeature(
            f"A transfer to or from datastore {name!r} ({title})",
            "rows are moved by PostgreSQL's COPY, and no other database is read or written yet",
            f"a PythonScriptStep, or an Airflow task with the hook of {package},",
        )
    if kind != "AzurePostgreSql":
        raise UserErrorException(f"Datastore {name!r} ({kind}) is no database, so it has no rows.")
    from mlsteps.hooks.postgres import PostgresRows

    return PostgresRows(_connection(document), name)


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
        raise UserErrorException(
            f"Datastore {document['name']!r} names the connection {conn_id!r}, which does not exist. Register it again "
            "with user and password in the script that submits the pipeline, or add the connection to Airflow."
        )
    if connection.password:
        mask_secret(connection.password)
    for field, value in connection_for(document, {}).items():
        if field in ("host", "port", "login", "schema") and not getattr(connection, field):
            setattr(connection, field, value)
    return connection
