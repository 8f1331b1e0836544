"""Transfers that began and have not ended well: parts of large files that they left, for the next try.

unfinished/<digest>.json    {"since": seconds, "datastore", "folder", "paths", "size", "step", "run_id",
                             "pipeline_run_id"}

Written before the first byte and deleted after the last, so whoever is killed in between leaves it.
"""

from __future__ import annotations

import time
from typing import Any, List, NamedTuple, Tuple

from mlsteps.contracts.codec import digest_of
from mlsteps.storage.workspace_store import WorkspaceStore

_FOLDER = "unfinished"


class Unfinished(NamedTuple):
    """A transfer of a step.

    :param since: when its last try began, in seconds since the epoch.
    :param datastore: of its destination; :param folder: the hidden one there, in which it keeps notes.
    :param paths: the destinations of its large files; :param size: their bytes.
    """

    since: float
    datastore: str
    folder: str
    paths: Tuple[str, ...]
    size: int
    step: str
    run_id: str
    pipeline_run_id: str

    @property
    def place(self) -> str:
        """Of its document: the same for each try."""
        return f"{_FOLDER}/{digest_of([self.datastore, self.folder])[:32]}.json"


def begin(ws: WorkspaceStore, transfer: Unfinished) -> None:
    """A try of it begins."""
    ws.write_json(transfer.place, {**transfer._asdict(), "paths": list(transfer.paths), "since": time.time()})


def end(ws: WorkspaceStore, transfer: Unfinished) -> None:
    """It has left nothing, or nothing any more."""
    ws.delete(transfer.place)


def unfinished(ws: WorkspaceStore) -> List[Unfinished]:
    """Those of the workspace, oldest first."""
    found = ws.read_many(f"{_FOLDER}/{name}.json" for name in ws.names(_FOLDER))
    return sorted(map(_read, found.values()), key=lambda transfer: transfer.since)


def _read(document: Any) -> Unfinished:
    return Unfinished(**{**document, "paths": tuple(document["paths"])})
