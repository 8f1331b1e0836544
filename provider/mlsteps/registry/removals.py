"""Records that were taken away and whose data goes next.

removals/<step-run-id>.json    {"since": seconds, "record": StepRecord}

A removal is written before its record is deleted, and deleted after its data is: whoever is killed in between leaves
enough for the next to go on.
"""

from __future__ import annotations

import time
from typing import List, NamedTuple

from mlsteps.contracts.record import StepRecord
from mlsteps.registry.names import file_name
from mlsteps.registry.records import delete_record
from mlsteps.storage.workspace_store import WorkspaceStore

_FOLDER = "removals"


class Removal(NamedTuple):
    """A record that no run finds any more, since when (seconds since the epoch)."""

    since: float
    record: StepRecord


def begin(ws: WorkspaceStore, record: StepRecord) -> Removal:
    """Take a record away: runs that look for it from now on find none.

    A record that another run has put in its place meanwhile stays.
    """
    removal = Removal(time.time(), record)
    ws.write_json(_path(record), {"since": removal.since, "record": record.to_json()})
    delete_record(ws, record)
    removal = Removal(time.time(), record)  # only now is it gone for everybody
    ws.write_json(_path(record), {"since": removal.since, "record": record.to_json()})
    return removal


def pending(ws: WorkspaceStore) -> List[Removal]:
    """The removals whose data may still be there, oldest first."""
    found = ws.read_many(f"{_FOLDER}/{name}.json" for name in ws.names(_FOLDER))
    return sorted(
        (Removal(float(item["since"]), StepRecord.from_json(item["record"])) for item in found.values()),
        key=lambda removal: removal.since,
    )


def end(ws: WorkspaceStore, removal: Removal) -> None:
    """The data is gone."""
    ws.delete(_path(removal.record))


def _path(record: StepRecord) -> str:
    return f"{_FOLDER}/{file_name(str(record.producer['step_run_id']))}.json"
