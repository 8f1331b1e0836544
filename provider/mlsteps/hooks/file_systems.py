"""Our stores' file systems for Airflow's ``ObjectStoragePath``: the same drivers and connections as datastores have.

Airflow asks each module that the provider information names for its ``schemes`` and its ``get_fs``. Where two have one
scheme the last one wins, so ours name none that an installed provider of Airflow has.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from mlsteps.errors import StoreError, UserErrorException
from mlsteps.hooks.connections import airflow_credentials
from mlsteps.storage.drivers import file_system, for_driver, quieten
from mlsteps.storage.open import package_of


def absent(schemes: list[str], module: str) -> list[str]:
    """The schemes, unless the module of an Airflow provider that has them is installed."""
    try:
        return [] if importlib.util.find_spec(module) else schemes
    except ImportError:  # not even the package around it
        return schemes


def open_one(protocol: str, conn_id: str | None, options: Mapping[str, Any] | None) -> Any:
    """An fsspec file system.

    :param conn_id: of an Airflow connection; None for what the machine itself may open.
    :param options: the driver's own; they win over the connection's.
    :raises UserErrorException: when there is no such connection.
    :raises StoreError: when the driver is missing, naming what to install.
    """
    known = airflow_credentials(conn_id) if conn_id else {}
    if known is None:
        raise UserErrorException(f"{protocol}://{conn_id}@...: there is no connection {conn_id!r} in Airflow.")
    quieten()
    try:
        return file_system(protocol, for_driver(protocol, {**known, **(options or {})}))
    except ImportError as error:
        raise StoreError(
            f"{protocol}:// needs a driver: pip install {package_of(protocol)} ({error}).", error
        ) from error
