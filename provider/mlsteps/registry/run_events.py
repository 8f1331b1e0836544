"""What happened to a run: append-only files of JSON lines, one a writer, merged when read.

No process ever writes into another's file, so nothing is lost when a step, its operator and a client write at once,
and a line torn by ``kill -9`` is the last of its file.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from typing import Any, Dict, Iterable, Iterator, List

from mlsteps.storage.base import Store

Event = Dict[str, Any]

#: A new file is begun after so many events: stores that cannot append write the whole file again for each one.
_EVENTS_A_FILE = 200


def event(__kind: str, **fields: Any) -> Event:
    """One event, of now."""
    return {**fields, "t": time.time(), "kind": __kind}


class Writer:
    """Appends the events of one process to one run; safe for threads, and a new writer after a fork."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()  # a lock that was held when the process forked stays locked in the child
        host = "".join(c if c.isalnum() else "-" for c in socket.gethostname())
        self._id = f"{host}-{self._pid}-{uuid.uuid4().hex[:8]}"
        self._count = 0
        self._last = 0.0

    def write(self, events: Iterable[Event]) -> None:
        """Append events at once; their ``t`` never goes back within a writer, even when the clock does."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            lines = [self._line(item) for item in events]
            name = f"{self._id}-{self._count // _EVENTS_A_FILE:05d}.jsonl"
            self._store.append(f"{self._folder}/{name}", "".join(lines).encode("utf-8", "surrogatepass"))
            self._count += len(lines)

    def _line(self, item: Event) -> str:
        self._last = max(self._last, item["t"])
        return json.dumps({**item, "t": self._last}, default=plain, ensure_ascii=False) + "\n"


def plain(value: Any) -> Any:
    """JSON data for what scripts log: numbers and arrays of numpy and pandas, sets; text for all else."""
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else str(value)


def read(store: Store, folder: str) -> List[Event]:
    """All events below ``folder`` in order of time; those of one writer stay in their order."""
    events: List[Event] = []
    for entry in store.list(folder):
        events.extend(_lines(store.read(entry.path)))
    return in_order(events)


def in_order(events: Iterable[Event]) -> List[Event]:
    """Events by time; those of the same moment as they were given."""
    return sorted(events, key=_moment)


def _lines(data: bytes) -> Iterator[Event]:
    whole = data.rpartition(b"\n")[0]  # a line without its end was cut off by a kill
    for line in whole.splitlines():
        try:
            event = json.loads(line.decode("utf-8", "surrogatepass"))
        except ValueError:
            continue
        if isinstance(event, dict) and "kind" in event:
            yield event


def _moment(event: Event) -> float:
    return float(event.get("t", 0.0))
