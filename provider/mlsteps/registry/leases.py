"""One runner per fingerprint at a time.

A lease is a row of generations, ``leases/<fingerprint>/<generation>.json``, each created if absent: whoever creates
the next generation holds the lease, so of two that take over at once one wins, on any store. The holder alone writes
``<generation>.beat.json`` (its heartbeat) and ``<generation>.end.json`` (released); a holder that comes back from a
long pause writes only beside its own generation and learns that the next one exists.

A lease saves work; it does not guard results: attempts write to places of their own and records are created if absent,
so two runners at once waste time and harm nothing.
"""

from __future__ import annotations

import os
import socket
import time
from typing import Any, Mapping, NamedTuple

from mlsteps.registry.names import file_name
from mlsteps.storage.workspace_store import WorkspaceStore


class Holder(NamedTuple):
    """Who holds a lease. ``since`` and ``seen`` (last heartbeat) are seconds since the epoch."""

    dag_id: str
    run_id: str
    task_id: str
    pid: int
    host: str
    url: str
    since: float
    seen: float

    def __str__(self) -> str:
        text = f"{self.dag_id}/{self.run_id}/{self.task_id} (process {self.pid} on {self.host})"
        return f"{text}, {self.url}" if self.url else text


class Lease:
    """A lease that is held; made by :meth:`acquire`."""

    def __init__(self, ws: WorkspaceStore, folder: str, generation: int) -> None:
        self._ws = ws
        self._folder = folder
        self._is_left = False
        self.generation = generation

    @classmethod
    def of(cls, ws: WorkspaceStore, fingerprint: str, generation: int) -> Lease:
        """The lease that another process has left (:meth:`leave`); whether it is still held, it says itself."""
        return cls(ws, f"leases/{file_name(fingerprint)}", generation)

    @classmethod
    def acquire(
        cls, ws: WorkspaceStore, fingerprint: str, holder: Mapping[str, Any], ttl: float = 60.0
    ) -> Lease | Holder:
        """Take the lease when it is free, released, not heard of for ``ttl`` seconds, or its holder is provably dead.

        :param holder: ``{"dag_id":, "run_id":, "task_id":, "url":?}``; what else is needed is found here. ``pid`` and
            ``host`` may be given when another process is meant.
        :returns: the lease, or who holds it. Never waits.
        """
        folder = f"leases/{file_name(fingerprint)}"
        while True:
            generations = _generations(ws, folder)
            last = generations[-1] if generations else 0
            current = _holder(ws, folder, last) if last else None
            if current is not None and not _gone(ws, folder, last, current, ttl):
                return current[0]
            lease = cls(ws, folder, last + 1)
            if ws.create_json(f"{folder}/{last + 1}.json", _document(holder)) and lease._is_newest():
                _tidy(ws, folder, generations)
                return lease

    def _is_newest(self) -> bool:
        """Whether this generation, just created, is the last one.

        While this process was away others may have gone on and tidied up, so that an old number was free again.
        """
        newest = _generations(self._ws, self._folder)[-1] == self.generation
        if not newest:
            self._ws.delete(f"{self._folder}/{self.generation}.json")
        return newest

    def held(self) -> bool:
        """Whether the lease is still this one: not released and not taken over."""
        names = self._ws.names(self._folder)
        newest = max((int(name) for name in names if name.isdigit()), default=0)
        return newest == self.generation and f"{self.generation}.end" not in names

    def heartbeat(self, ahead: float = 0.0) -> bool:
        """Say that the holder lives; do it several times in ``ttl``. False when the lease was lost meanwhile.

        :param ahead: seconds beside ``ttl`` in which the next heartbeat may be wanting.
        """
        if not self.held():
            return False
        self._ws.write_json(f"{self._folder}/{self.generation}.beat.json", {"seen": time.time() + ahead})
        return True

    def leave(self, ahead: float) -> None:
        """This process ends, and the work goes on: from now on only heartbeats tell whether somebody holds it.

        :param ahead: as of :meth:`heartbeat`.
        """
        self._is_left = True
        path = f"{self._folder}/{self.generation}.json"
        document = self._ws.read_json(path)
        if document is not None and self.heartbeat(ahead):
            self._ws.write_json(path, {**document, "machine": ""})

    def take_up(self) -> None:
        """The work is this process's again, after somebody has left it: when this one dies, others may know at once."""
        self._is_left = False
        path = f"{self._folder}/{self.generation}.json"
        document = self._ws.read_json(path)
        if document is not None and self.heartbeat():
            own = {key: value for key, value in document.items() if key not in ("pid", "host", "machine", "born")}
            self._ws.write_json(path, {**_document(own), "since": document["since"]})

    def release(self) -> None:
        """Give the lease back; does nothing to a lease that someone else has taken over, or that was left."""
        if not self._is_left and self.held():
            self._ws.create_json(f"{self._folder}/{self.generation}.end.json", {"released": time.time()})
            self._ws.delete(f"{self._folder}/{self.generation}.beat.json")


def holder_of(ws: WorkspaceStore, fingerprint: str) -> Holder | None:
    """Who holds the lease, dead or alive; None when it is free."""
    folder = f"leases/{file_name(fingerprint)}"
    generations = _generations(ws, folder)
    current = _holder(ws, folder, generations[-1]) if generations else None
    if current is None or f"{generations[-1]}.end" in ws.names(folder):
        return None
    return current[0]


def _generations(ws: WorkspaceStore, folder: str) -> list[int]:
    return sorted({int(name) for name in ws.names(folder) if name.isdigit()})


def _document(holder: Mapping[str, Any]) -> dict[str, Any]:
    pid = int(holder.get("pid") or os.getpid())
    return {
        "dag_id": "",
        "run_id": "",
        "task_id": "",
        "url": "",
        **holder,
        "pid": pid,
        "host": holder.get("host") or socket.gethostname(),
        "machine": "" if holder.get("host") else _machine(),
        "born": _born(pid),
        "since": time.time(),
    }


def _holder(ws: WorkspaceStore, folder: str, generation: int) -> tuple[Holder, Mapping[str, Any]] | None:
    document = ws.read_json(f"{folder}/{generation}.json")
    if document is None:
        return None
    beat = ws.read_json(f"{folder}/{generation}.beat.json") or {}
    seen = float(beat.get("seen", document["since"]))
    known = {name: document[name] for name in Holder._fields if name != "seen"}
    return Holder(**known, seen=seen), document


def _gone(
    ws: WorkspaceStore, folder: str, generation: int, current: tuple[Holder, Mapping[str, Any]], ttl: float
) -> bool:
    holder, document = current
    if time.time() - holder.seen > ttl or _provably_dead(document):
        return True
    return f"{generation}.end" in ws.names(folder)


def _provably_dead(document: Mapping[str, Any]) -> bool:
    """The process lived where this one does, and no process there has its number and its time of birth."""
    if not document.get("machine") or document["machine"] != _machine():
        return False
    pid = int(document["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return bool(document.get("born")) and _born(pid) != document["born"]


def _machine() -> str:
    """One boot of one machine and one process name space; "" where that cannot be told."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _born(pid: int) -> str:
    """When a process started (ticks since boot), so that a reused number is not taken for it; "" for none or a zombie.

    A killed process whose parent has not asked for its exit code yet runs no more, though its number is still taken.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _tidy(ws: WorkspaceStore, folder: str, older: list[int]) -> None:
    for generation in older:
        for name in (f"{generation}.json", f"{generation}.beat.json", f"{generation}.end.json"):
            ws.delete(f"{folder}/{name}")
