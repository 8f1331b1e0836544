"""``gs://`` for Airflow's ``ObjectStoragePath``, where Airflow's Google provider is not installed."""

from __future__ import annotations

from typing import Any

from mlsteps.hooks.file_systems import absent, open_one

schemes = absent(["gs", "gcs"], "airflow.providers.google.cloud.fs.gcs")


def get_fs(conn_id: str | None, storage_options: dict[str, Any] | None = None) -> Any:
    """The file system of a connection."""
    return open_one("gs", conn_id, storage_options)
