"""What was started for a task: kept in the workspace, so that a try whose worker died is gone on with.

``service_jobs/<digest of the task>.json``: ``{"content", "spec", "job"?}``. Written before the job is started, and
removed when its end is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlsteps.contracts.codec import digest_of
from mlsteps.storage.workspace_store import WorkspaceStore


class Notes:
    """The note of one task; the same for all of its tries (see ``Target.left_behind``)."""

    def __init__(self, ws: WorkspaceStore, task: str) -> None:
        self._ws = ws
        self._path = f"service_jobs/{digest_of(task)}.json"

    def read(self) -> Mapping[str, Any] | None:
        """The note, if there is one."""
        found: Mapping[str, Any] | None = self._ws.read_json(self._path)
        return found

    def write(self, note: Mapping[str, Any]) -> None:
        """Write it, in place of an older one."""
        self._ws.write_json(self._path, note)

    def remove(self) -> None:
        """Forget it."""
        self._ws.delete(self._path)
