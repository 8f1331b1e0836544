"""``abfs://`` for Airflow's ``ObjectStoragePath``, where Airflow's Azure provider is not installed."""

from __future__ import annotations

from typing import Any

from mlsteps.hooks.file_systems import absent, open_one

schemes = absent(["abfs", "abfss", "adl"], "airflow.providers.microsoft.azure.fs.adls")


def get_fs(conn_id: str | None, storage_options: dict[str, Any] | None = None) -> Any:
    """The file system of a connection's account."""
    return open_one("abfs", conn_id, storage_options)
