"""Files of mounted outputs appear in their stores when the script has closed them, as the SDK's do.

They are no result by that: an output counts when its manifest is stored, after the script has succeeded, and what a
file holds then is what the manifest says. Only outputs whose place in the store is empty are sent early, so a run that
fails touches nothing that was there. Local stores take their files at the end, by a rename.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Callable, Dict, Iterator, List, NamedTuple, Set, Tuple

from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.contracts.spec import OutputSpec
from mlsteps.errors import AzureMLException
from mlsteps.runner import tree
from mlsteps.runner.stores import Stores
from mlsteps.storage.base import Store

#: Seconds between two looks; a file is sent when it was the same in two of them and nobody has it open for writing.
_SECONDS = 1.0

#: Size, time of the last change, inode.
State = Tuple[int, int, int]


class _Sent(NamedTuple):
    state: State
    entry: FileEntry


class EarlyOutputs:
    """Follows the outputs of a script while it runs.

    :param items: outputs with the folder of each; :param note: writes a line to the task's log.
    """

    def __init__(self, items: List[Tuple[OutputSpec, str]], stores: Stores, note: Callable[[str], None]) -> None:
        self._stores = stores
        self._note = note
        self._followed = [_Followed(item, place, stores) for item, place in items if _is_for_early(item, stores)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="mlsteps-outputs", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        if self._followed:
            self._thread.start()

    def stop(self) -> None:
        """The script has ended; what is being sent is sent to its end."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def sent(self, name: str) -> OutputManifest | None:
        """What was sent of an output, whatever has become of the files since; None for nothing."""
        found = next((item for item in self._followed if item.spec.name == name), None)
        return OutputManifest.of(entry for _, entry in found.sent.values()) if found and found.sent else None

    def _follow(self) -> None:
        pause = _SECONDS
        while not self._over.wait(pause):
            began = time.monotonic()
            for item in self._followed:
                try:
                    item.look(self._over)
                except (AzureMLException, OSError) as error:
                    self._note(f"Output {item.spec.name!r} is sent when the script has ended: {error}")
                    item.give_up()
            pause = max(_SECONDS, 10 * (time.monotonic() - began))  # a folder of very many files is looked at seldom


class _Followed:
    """One output."""

    def __init__(self, spec: OutputSpec, place: str, stores: Stores) -> None:
        self.spec = spec
        self.sent: Dict[str, _Sent] = {}
        self._place = place
        self._stores = stores
        self._seen: Dict[str, State] = {}
        self._is_given_up = False

    def give_up(self) -> None:
        """Send no more of it."""
        self._is_given_up = True

    def look(self, over: threading.Event) -> None:
        """Send what is complete."""
        if self._is_given_up or not os.path.isdir(self._place):
            return
        now = dict(_states(self._place))
        waiting = [name for name, state in now.items() if self._seen.get(name) == state and self._is_new(name, state)]
        self._seen = now
        if not waiting:
            return
        written = _open_for_writing()
        store = self._stores.datastore(self.spec.datastore)
        for name in waiting:
            if not over.is_set() and now[name][2] not in written:
                self._send(store, name, now[name])

    def _is_new(self, name: str, state: State) -> bool:
        return name not in self.sent or self.sent[name].state != state

    def _send(self, store: Store, name: str, state: State) -> None:
        local = os.path.join(self._place, name)
        try:
            entry = store.put_file(local, f"{self.spec.path}/{name}")
        except FileNotFoundError:
            return  # removed meanwhile
        self.sent[name] = _Sent(state, FileEntry(name, entry.size, entry.sha256, entry.stamp))


def remove_left(sent: OutputManifest, committed: OutputManifest, store: Store, path: str) -> None:
    """Remove from the store what was sent early of files that the script then removed or renamed."""
    kept: Set[str] = {entry.path for entry in committed.files} if not committed.is_file else set()
    for entry in sent.files:
        if entry.path not in kept:
            store.delete(f"{path}/{entry.path}")


def _is_for_early(item: OutputSpec, stores: Stores) -> bool:
    if item.mode != "mount" or item.kind.startswith("link") or item.globs or not os.path.isdir("/proc/self/fd"):
        return False
    try:
        store = stores.datastore(item.datastore)
        return store.local_path("") is None and next(iter(store.list(item.path)), None) is None
    except AzureMLException:
        return False  # whether it can be reached counts when the script has ended


def _states(folder: str) -> Iterator[Tuple[str, State]]:
    """The files below a folder, without links."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                found = os.lstat(path)
            except FileNotFoundError:
                continue
            if not os.path.islink(path) and os.path.isfile(path):
                relative = os.path.relpath(path, folder).replace(os.sep, "/")
                yield relative, (found.st_size, found.st_mtime_ns, found.st_ino)


def _open_for_writing() -> Set[int]:
    """Inodes of the files that processes of the step have open for writing."""
    found = set()
    for process in tree.descendants():
        folder = f"/proc/{process}/fd"
        try:
            names = os.listdir(folder)
        except OSError:
            continue  # gone, or not ours to look at
        for name in names:
            try:
                with open(f"/proc/{process}/fdinfo/{name}") as file:
                    flags = dict(line.split(":", 1) for line in file if ":" in line).get("flags", "0")
                if int(flags, 8) & (os.O_WRONLY | os.O_RDWR):
                    found.add(os.stat(f"{folder}/{name}").st_ino)
            except (OSError, ValueError):
                continue  # closed meanwhile
    return found
