"""What a data-driven schedule has seen, so that each change starts one run whatever is killed or restarted.

schedule_state/<id>/<generation>/seen.json       {"round": n, "seen": {path: stamp}}
schedule_state/<id>/<generation>/batches/<n>.json  the batch of round n; created if absent, so that it never changes

A poll takes the batch of the current round: the first to take it writes it down, everyone after gets the same one. Runs
have ids made of generation, round and path, so however often a batch is worked through, each of its runs exists once.
When all of them exist the round is settled: what the batch holds has been seen, and the next round begins.

A generation begins with what there is when a schedule is created, enabled again or pointed elsewhere: only what changes
afterwards starts runs.
"""

from __future__ import annotations

import uuid
from typing import Any, Dict, Iterable, NamedTuple, Optional

from mlsteps.errors import StoreError
from mlsteps.registry.names import file_name
from mlsteps.schedules.changes import Batch, changes, settled
from mlsteps.storage.base import Entry
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER = "schedule_state"
#: Runs that one batch may start; Airflow maps a task at most 1024 times.
MOST = 1000


class Round(NamedTuple):
    """A batch and where it belongs."""

    generation: str
    number: int
    batch: Batch


def begin(ws: WorkspaceStore, schedule_id: str, found: Iterable[Entry]) -> str:
    """Begin a generation with the files that there are; answers it."""
    generation = uuid.uuid4().hex
    seen = {entry.path: stamp_of(entry) for entry in found}
    ws.write_json(_seen(schedule_id, generation), {"round": 0, "seen": seen})
    return generation


def stamp_of(entry: Entry) -> str:
    """What tells one state of a file from another: its size too, since clocks of file systems can be coarse."""
    return f"{entry.size}/{entry.stamp}"


def pending(ws: WorkspaceStore, schedule_id: str, generation: str, found: Iterable[Entry]) -> int:
    """How many files a poll would work on now; 0 for nothing to do. Writes nothing."""
    state = _state(ws, schedule_id, generation)
    batch = _taken(ws, schedule_id, generation, state["round"]) or _compared(found, state)
    return len(batch.changed) + len(batch.gone)


def take(ws: WorkspaceStore, schedule_id: str, generation: str, found: Iterable[Entry]) -> Optional[Round]:
    """The batch to work on, the same one until it is settled; None when there is nothing to do."""
    state = _state(ws, schedule_id, generation)
    number = int(state["round"])
    taken = _taken(ws, schedule_id, generation, number)
    if taken is None:
        fresh = _compared(found, state)
        if not fresh.changed and not fresh.gone:
            return None
        is_mine = ws.create_json(_batch(schedule_id, generation, number), fresh.to_json())
        taken = fresh if is_mine else _taken(ws, schedule_id, generation, number)
    assert taken is not None
    return Round(generation, number, taken)


def settle(ws: WorkspaceStore, schedule_id: str, generation: str, number: int) -> None:
    """Say that every run of a round exists; saying it again changes nothing."""
    state = _state(ws, schedule_id, generation)
    batch = _taken(ws, schedule_id, generation, number)
    if state["round"] == number and batch is not None:
        after = {"round": number + 1, "seen": settled(batch, state["seen"])}
        ws.write_json(_seen(schedule_id, generation), after)


def _compared(found: Iterable[Entry], state: Dict[str, Any]) -> Batch:
    return changes(((entry.path, stamp_of(entry)) for entry in found), state["seen"], MOST)


def _state(ws: WorkspaceStore, schedule_id: str, generation: str) -> Dict[str, Any]:
    path = _seen(schedule_id, generation)
    found = ws.read_json(path)
    if found is None:  # to take everything for new would start a run for each file there is
        raise StoreError(f"What the schedule {schedule_id} has seen is gone: {ws.store.url_of(path)}. Enable it again.")
    return dict(found)


def _taken(ws: WorkspaceStore, schedule_id: str, generation: str, number: int) -> Optional[Batch]:
    document = ws.read_json(_batch(schedule_id, generation, number))
    return None if document is None else Batch.from_json(document)


def _seen(schedule_id: str, generation: str) -> str:
    return f"{FOLDER}/{file_name(schedule_id)}/{file_name(generation)}/seen.json"


def _batch(schedule_id: str, generation: str, number: int) -> str:
    return f"{FOLDER}/{file_name(schedule_id)}/{file_name(generation)}/batches/{int(number)}.json"
