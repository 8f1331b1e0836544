"""What a transfer has moved and verified: kept beside the destination while it runs, for a try that comes after a kill.

Segments of JSON lines in a hidden folder, written whole every few seconds; a transfer that is done sooner leaves none.
"""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from typing import Dict, Iterable, List, NamedTuple, Set

from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.manifest import FileEntry
from mlsteps.errors import AzureMLException
from mlsteps.storage.base import TEMPORARY, Entry, MissingFile, Store
from mlsteps.storage.copying.plan import DIRECTORY, Item, Plan
from mlsteps.storage.parts import LARGE, Remarks
from mlsteps.storage.retry import with_retries

#: Seconds between segments.
EVERY = 2.0

_PART = "part-"


class Moved(NamedTuple):
    """A file that has arrived: what the source was, and what the destination held then."""

    source_size: int
    source_stamp: str
    size: int
    sha256: str
    stamp: str


def folder_of(plan: Plan) -> str:
    """The hidden folder of a plan's ledger, in the destination's store; the same for each try."""
    folder = plan.path if plan.kind == DIRECTORY else plan.path.rpartition("/")[0]
    key = digest_of([plan.kind, plan.path, sorted({item.source.store.url for item in plan.items})])[:16]
    return f"{folder}/{TEMPORARY}transfer-{key}" if folder else f"{TEMPORARY}transfer-{key}"


def remove_left(store: Store, folder: str, paths: Iterable[str]) -> None:
    """Remove all that interrupted tries of a transfer have left, but for files that have arrived whole.

    :param folder: of the ledger; :param paths: of the large files.
    """
    for path in paths:
        store.give_up_parts(path, "")
    _give_up_parts(store, folder, set())
    store.delete(folder)


def _give_up_parts(store: Store, folder: str, but: Set[str]) -> None:
    """Of all files but these, which are in their place by now."""
    for child in store.children(folder):
        if child.name.startswith(_PART):
            place = f"{folder}/{child.name}"
            path, remark = json.loads(store.read(place))
            if path not in but:
                store.give_up_parts(path, remark)
                store.delete(place)


class Ledger:
    """The ledger of one plan, and what its store remarks of large files on their way. Safe for threads."""

    def __init__(self, plan: Plan, every: float = EVERY) -> None:
        self._store = plan.store
        self._folder = folder_of(plan)
        self._every = every
        self._lock = threading.Lock()
        self._waiting: List[List[object]] = []
        self._next = 0
        self._remarks: Dict[str, _Remarks] = {}
        self._written = time.monotonic()
        self._known = self._read()

    def _read(self) -> Dict[str, Moved]:
        known: Dict[str, Moved] = {}
        while True:
            try:
                data = with_retries(partial(self._store.read, self._segment(self._next)))
            except MissingFile:
                return known
            self._next += 1
            for line in data.decode("utf-8", "surrogatepass").splitlines():
                path, *values = json.loads(line)
                known[path] = Moved(*values)

    def _segment(self, number: int) -> str:
        return f"{self._folder}/{number}.jsonl"

    @property
    def is_empty(self) -> bool:
        """Whether no earlier try has left anything."""
        return not self._known

    def arrived(self, item: Item, there: Entry | None) -> FileEntry | None:
        """The entry of a file that an earlier try has moved; None when source or destination is another since then."""
        known = self._known.get(item.path)
        if known is None or there is None or not item.source.stamp:
            return None
        same_source = (item.source.size, item.source.stamp) == (known.source_size, known.source_stamp)
        same_there = there.size == known.size and there.is_stamped(known.stamp)
        return FileEntry(item.name, known.size, known.sha256, there.stamp) if same_source and same_there else None

    def add(self, item: Item, entry: FileEntry) -> None:
        """A file has arrived and is verified."""
        row = [item.path, item.source.size, item.source.stamp, entry.size, entry.sha256, entry.stamp]
        with self._lock:
            self._waiting.append(row)
            if time.monotonic() - self._written < self._every:
                return
            rows, number = self._waiting, self._next
            self._waiting, self._next, self._written = [], self._next + 1, time.monotonic()
        self._write(number, rows)

    def keep(self) -> None:
        """Write what is not written yet, when a transfer ends before it is whole."""
        with self._lock:
            rows, number = self._waiting, self._next
            self._waiting, self._next = [], self._next + 1
        if rows:
            try:
                self._write(number, rows)
            except AzureMLException:
                pass  # the transfer has failed for a reason of its own, which is told; those files are moved again

    def _write(self, number: int, rows: List[List[object]]) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        self._store.write(self._segment(number), lines.encode("utf-8", "surrogatepass"))

    def remarks(self, item: Item) -> Remarks:
        """What there is to remark of a large file that comes in parts."""
        place = f"{self._folder}/{_PART}{digest_of(item.path)[:16]}.json"
        with self._lock:
            return self._remarks.setdefault(item.path, _Remarks(self._store, place, item.path))

    def forget(self) -> None:
        """The transfer is whole."""
        if self._next or any(remarks.is_there for remarks in self._remarks.values()):
            _give_up_parts(self._store, self._folder, set(self._remarks))
            self._store.delete(self._folder)

    def give_up(self, items: List[Item]) -> None:
        """There will be no other try soon: remove the parts that lie around. What has arrived whole stays known."""
        for item in items:
            if item.source.size >= LARGE:
                self._store.give_up_parts(item.path, "")
        _give_up_parts(self._store, self._folder, set())
        if not self._next:
            self._store.delete(self._folder)


class _Remarks(Remarks):
    """In a file of the ledger."""

    def __init__(self, store: Store, place: str, path: str) -> None:
        self._store, self._place, self._path = store, place, path
        self.is_there = False

    def read(self) -> str:
        try:
            found = json.loads(with_retries(partial(self._store.read, self._place)))
        except MissingFile:
            return ""
        self.is_there = True
        return str(found[1])

    def write(self, text: str) -> None:
        self.is_there = True
        self._store.write(self._place, json.dumps([self._path, text]).encode())
