"""Airflow's connections as a source of credentials, masked by value."""

from __future__ import annotations

from typing import Any

from mlsteps.registry import credentials
from mlsteps.registry.connections import driver_options, secret_texts


def use_airflow_connections() -> None:
    """From now on this process finds the connections that datastores and workspaces name in Airflow.

    Each is asked for when a store that needs it is opened, not before.
    """
    credentials.add_source(airflow_credentials)


def airflow_credentials(conn_id: str) -> dict[str, Any] | None:
    """The driver options of an Airflow connection; None when there is none of that id.

    Every secret among them is masked by its value, in this process's logs and in its supervisor's: Airflow itself masks
    by name, and ``account_key`` is not among its names.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None
    options = driver_options(
        {
            "conn_type": connection.conn_type,
            "host": connection.host,
            "login": connection.login,
            "password": connection.password,
            "schema": connection.schema,
            "port": connection.port,
            "extra": connection.extra_dejson,
        }
    )
    mask(options)
    return options


def mask(options: dict[str, Any]) -> None:
    """Keep every secret among driver options out of logs."""
    from airflow.sdk.log import mask_secret

    for text in secret_texts(options):
        mask_secret(text)
