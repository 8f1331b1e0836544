"""``smb://`` (Azure Files, Samba) for Airflow's ``ObjectStoragePath``: no provider of Airflow has it."""

from __future__ import annotations

from typing import Any

from mlsteps.hooks.file_systems import open_one

schemes = ["smb"]


def get_fs(conn_id: str | None, storage_options: dict[str, Any] | None = None) -> Any:
    """The file system of a connection's server."""
    return open_one("smb", conn_id, storage_options)
