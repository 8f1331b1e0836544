"""Listing what a data-driven schedule watches; used by its trigger and by its DAG's tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlsteps.reuse.verify import opener
from mlsteps.storage.base import Entry
from mlsteps.storage.workspace_store import WorkspaceStore


def listing(ws: WorkspaceStore, schedule: Mapping[str, Any]) -> list[Entry]:
    """The files directly below the watched path now: one request to the datastore.

    :raises UserErrorException: when the datastore is gone; :raises StoreError: when it does not answer.
    """
    watch = schedule["watch"]
    return opener(ws)(watch["datastore"]).files_in(watch["path"])
