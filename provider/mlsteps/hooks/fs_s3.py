"""``s3://`` for Airflow's ``ObjectStoragePath``, where Airflow's Amazon provider is not installed."""

from __future__ import annotations

from typing import Any

from mlsteps.hooks.file_systems import absent, open_one

schemes = absent(["s3", "s3a"], "airflow.providers.amazon.aws.fs.s3")


def get_fs(conn_id: str | None, storage_options: dict[str, Any] | None = None) -> Any:
    """The file system of a connection."""
    return open_one("s3", conn_id, storage_options)
