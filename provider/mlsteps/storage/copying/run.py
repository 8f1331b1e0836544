"""Makes the copies of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List

from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.errors import StoreError
from mlsteps.storage.base import Entry
from mlsteps.storage.concurrent import each
from mlsteps.storage.copying.digests import SourceDigests
from mlsteps.storage.copying.ledger import Ledger
from mlsteps.storage.copying.plan import DIRECTORY, FILE, Item, Plan
from mlsteps.storage.copying.progress import Progress
from mlsteps.storage.copying.source import coming
from mlsteps.storage.digests import file_digest
from mlsteps.storage.parts import LARGE
from mlsteps.storage.retry import with_retries
from mlsteps.storage.whole import verified

#: Copies under way at once, unless the caller says otherwise. Each holds at most a few pieces of 8 MiB in memory.
WORKERS = 8

Note = Callable[[str], None]


def copy(
    plan: Plan,
    *,
    workers: int = WORKERS,
    note: Note = lambda text: None,
    check: Callable[[], None] = lambda: None,
    every: float = 5.0,
) -> OutputManifest:
    """Copy the files of a plan; when it answers, all are there and verified.

    Each file appears whole under its name or not at all. Bytes pass through this process once and are hashed while they
    do, or not at all where the service copies by itself. A call after an interrupted one moves only what had not
    arrived, or has changed since then.

    :param note: takes lines about the progress; :param check: called while bytes pass; what it raises ends the copy.
    :returns: what the transfer has put there, paths relative to the plan's. Where the service copied by itself, a
        file's ``sha256`` is ``stamp:`` and what identified the source's content.
    :raises StoreError: naming the file that could not be copied, or that changed while it was.
    """
    return _Copy(plan, workers, note, check, every).run()


class _Copy:
    def __init__(self, plan: Plan, workers: int, note: Note, check: Callable[[], None], every: float) -> None:
        self._plan = plan
        self._workers = workers
        self._note = note
        self._check = check
        #: Many files are looked at in one listing at the end, so none needs a look of its own.
        self._is_looked_at = len(plan.items) > 1 and plan.store.local_path("") is None
        self._stopped: BaseException | None = None
        self._ledger = Ledger(plan)
        self._digests = SourceDigests(plan.items)
        self._progress = Progress(len(plan.items), plan.size, note, every)

    def run(self) -> OutputManifest:
        plan = self._plan
        entries = self._arrived()
        missing = [item for item in plan.items if item.path not in entries]
        try:
            made = each(self._copy, missing, self._useful(missing))
            entries.update({item.path: entry for item, entry in zip(missing, made)})
            self._check_all(missing, entries)
        except BaseException:
            self._ledger.keep()
            raise
        self._ledger.forget()
        self._digests.keep()
        if plan.kind == DIRECTORY and plan.store.local_path("") is not None:
            self._make_folder()
        self._note(f"Transferred {self._progress.summary()}.")
        return OutputManifest.of(entries.values(), is_file=plan.kind == FILE)

    def _arrived(self) -> Dict[str, FileEntry]:
        """The files that an earlier try has moved already, by path in the destination."""
        if self._ledger.is_empty:
            return {}
        there = self._listed(self._plan.items)
        found = {item.path: self._ledger.arrived(item, there.get(item.path)) for item in self._plan.items}
        known = {path: entry for path, entry in found.items() if entry is not None}
        for entry in known.values():
            self._progress.kept(entry.size)
        self._note(f"{len(known):,} of {len(found):,} files arrived in an earlier try.")
        return known

    def _listed(self, items: List[Item]) -> Dict[str, Entry]:
        """What the destination holds under the names of these items: one listing, or one look for a single file."""
        plan = self._plan
        if len(items) == 1:
            found = with_retries(lambda: plan.store.entry(items[0].path))
            return {} if found is None else {items[0].path: found}
        return with_retries(lambda: {entry.path: entry for entry in plan.store.tree(plan.path)})

    def _useful(self, items: List[Item]) -> int:
        """Threads would only wait for Python's own lock where small files stay on this machine."""
        local = self._plan.store.local_path("") is not None and all(i.source.store.local_path("") for i in items)
        size = sum(item.source.size for item in items)
        return 1 if local and size < (128 << 10) * len(items) else self._workers

    def _copy(self, item: Item) -> FileEntry:
        moved = there = 0

        def passing(count: int) -> None:
            nonlocal moved
            self._look()
            moved += count
            self._progress.passed(count)

        def kept(count: int) -> None:
            nonlocal there
            there += count
            self._progress.resumed(count)

        self._look()
        try:
            entry = self._moved(item, passing, kept)
            if item.source.size >= 0 and entry.size != item.source.size:
                raise StoreError(
                    f"{item.source.store.url_of(item.source.path)} had {item.source.size} bytes when it was listed and "
                    f"{entry.size} when it was copied: it changed meanwhile."
                )
        except BaseException as error:
            self._progress.resumed(-there)
            self._progress.passed(-moved)  # they pass again when it is tried again
            raise self._stopped or error from error.__cause__  # a store may have taken the stop for trouble of its own
        entry = replace(entry, path=item.name)
        self._progress.finished()
        self._digests.learn(item, entry.sha256)
        if entry.stamp:
            self._ledger.add(item, entry)
        return entry

    def _look(self) -> None:
        try:
            self._check()
        except BaseException as error:
            self._stopped = error
            raise

    def _moved(self, item: Item, passing: Callable[[int], None], kept: Callable[[int], None]) -> FileEntry:
        source, store = item.source, self._plan.store
        if source.store.url_of(source.path) == store.url_of(item.path):
            return self._itself(item)
        known = self._digests.known(item)
        size = source.size if self._is_looked_at else -1
        told: Any = {"passing": passing, "kept": kept}
        entry = store.copy_from(source.store, source.path, item.path, known=known, size=size, **told)
        if entry is None and source.size >= LARGE and source.stamp:
            entry = store.receive_parts(coming(source), item.path, remarks=self._ledger.remarks(item), **told)
        if entry is not None:
            return entry if entry.sha256 else replace(entry, sha256=_identity(source))
        with source.store.stream(source.path, source.size if source.size >= 0 else None) as file:
            looked_at = self._is_looked_at and store.gives_tags
            checked = verified(file, source.stamp, source.size, source.store.url_of(source.path))
            return store.receive(checked, item.path, passing=passing, stamp=not looked_at)

    def _itself(self, item: Item) -> FileEntry:
        """A file that is to be copied onto itself is there already."""
        source = item.source
        local = source.store.local_path(source.path)
        digest = file_digest(local) if local is not None else _identity(source)
        return FileEntry(item.path, source.size, digest, source.stamp)

    def _check_all(self, items: List[Item], entries: Dict[str, FileEntry]) -> None:
        """Many files: one listing tells that every one of them is there, as it was left."""
        if not self._is_looked_at or not items:
            return
        there = self._listed(items)
        for item in items:
            found, entry = there.get(item.path), entries[item.path]
            same = found is not None and (not entry.stamp or found.is_stamped(entry.stamp))
            if found is not None and same and found.size == entry.size:
                entries[item.path] = replace(entry, stamp=found.stamp)
            else:
                held = "it is not there" if found is None else "it holds something else"
                place = self._plan.store.url_of(item.path)
                raise StoreError(f"{place} was written, and now {held}: somebody else writes there, too.")

    def _make_folder(self) -> None:
        import os

        os.makedirs(self._plan.store.local_path(self._plan.path) or "", exist_ok=True)


def give_up(plan: Plan) -> None:
    """Remove the parts of large files that interrupted tries of a plan have left: there will be no other try soon.

    A later one still knows which files had arrived whole.
    """
    Ledger(plan).give_up(plan.items)


def _identity(source: Any) -> str:
    return f"stamp:{source.size}:{source.stamp}"
