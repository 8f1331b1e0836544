"""The cache itself: find, take in, give out, make room."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Tuple

from mlsteps.storage import files
from mlsteps.storage.caching.fetch import fetch, forget
from mlsteps.storage.caching.locks import is_locked, locked
from mlsteps.storage.caching.settings import copies_always, disk_of, limit
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.digest_cache import RACY
from mlsteps.storage.places import home

#: What tells one account or server from another, among the options of a store; none of it is secret.
_WHOSE = ("account_name", "account_url", "account_host", "endpoint_url", "region_name", "host", "port", "project")
_READ_ONLY = 0o444


class Kept(NamedTuple):
    """One thing in the cache: what is to be removed with it, its size, when it was last used (ns), if it is in use."""

    paths: Tuple[str, ...]
    size: int
    used: int
    in_use: bool


class DataCache:
    """The cache of this machine's user. Any number of processes may use it at once."""

    def __init__(self) -> None:
        self.root = os.path.join(home(), "cache", "data")
        self._parts = os.path.join(self.root, "parts")

    def bring(self, item: SourceFile, place: str) -> None:
        """Have a file of a store at ``place``, fetching it only when it is not kept.

        Of several that want it at once, one fetches it and the others wait.
        """
        key = key_of(item)
        os.makedirs(self._parts, exist_ok=True)
        while True:
            if self._give(self._known(key, item), place):
                return
            with locked(os.path.join(self._parts, key + ".lock")):
                kept = self._known(key, item) or self._fetch(key, item)
                if self._give(kept, place):  # not, when it has just been removed by somebody who needed room
                    return

    def is_kept(self, item: SourceFile) -> bool:
        """Whether a file need not be fetched."""
        return self._known(key_of(item), item) is not None

    def _known(self, key: str, item: SourceFile) -> str | None:
        """The kept file, when it still is what its name says: a script may have had a link to it, and been root."""
        try:
            with open(self._note(key), "rb") as file:
                name = file.read().decode("ascii")
            path = self._file(name)
            found = os.stat(path)
        except FileNotFoundError:
            files.remove_quietly(self._note(key))
            return None
        if item.size in (-1, found.st_size) and str(found.st_mtime_ns) == name.partition(".")[2]:
            return path
        files.remove_quietly(path)
        return None

    def _note(self, key: str) -> str:
        return os.path.join(self.root, "known", key[:2], key)

    def _file(self, name: str) -> str:
        return os.path.join(self.root, "files", name[:2], name)

    def _fetch(self, key: str, item: SourceFile) -> str:
        """Fetch it, with its lock held; the kept file."""
        part = os.path.join(self._parts, key)
        started = time.time_ns()
        fetched = fetch(item, part)
        changed = item.changed or started
        name = f"{fetched.sha256}.{changed}"
        path = self._file(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.utime(part, ns=(time.time_ns(), changed))
        os.chmod(part, _READ_ONLY)
        os.replace(part, path)
        forget(part)
        if item.stamp and item.changed < started - RACY:  # else another content could follow under the same stamp
            files.write_whole(self._note(key), name.encode("ascii"))
        return path

    def _give(self, path: str | None, place: str) -> bool:
        """Have the kept file at a place; False when it is not kept, or not any more."""
        if path is None:
            return False
        os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            found = os.stat(path)
            os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))
            if _may_link() and _linked(path, place):
                return True
            with files.replacing(place) as target, open(path, "rb", buffering=0) as source:
                _copy(source.fileno(), target.fileno(), found.st_size)
            os.utime(place, ns=(found.st_mtime_ns, found.st_mtime_ns))
        except FileNotFoundError:
            return False
        return True

    # -- room

    def make_room(self, wanted: int) -> bool:
        """Remove what was used least lately until so many more bytes may be kept.

        What a running step has a link to, and what is being fetched, stays.

        :returns: False when there is no room for them at all.
        """
        kept = sorted(self.kept(), key=lambda item: item.used)
        total = sum(item.size for item in kept)
        most = limit(disk_of(self.root), total)
        if wanted > most:
            return False
        for item in kept:
            if total + wanted <= most:
                break
            if not item.in_use:
                for path in item.paths:
                    files.remove_quietly(path)
                total -= item.size
        return total + wanted <= most

    def kept(self) -> Iterator[Kept]:
        """Everything that takes room."""
        for path, found in _files_below(os.path.join(self.root, "files")):
            yield Kept((path,), found.st_size, found.st_atime_ns, found.st_nlink > 1)
        for path, found in _files_below(self._parts):
            if not path.endswith((".lock", ".blocks")):
                paths = (path, path + ".blocks")
                yield Kept(paths, found.st_size, found.st_mtime_ns, is_locked(path + ".lock"))


def key_of(item: SourceFile) -> str:
    """What a state of a file of a store is known by."""
    whose = _whose(item.store.opened_with or {})
    text = json.dumps([item.store.url, whose, item.path, item.size, item.stamp, item.changed])
    return hashlib.sha256(text.encode()).hexdigest()


def _whose(opened_with: Mapping[str, Any]) -> Dict[str, str]:
    options = dict(opened_with.get("credentials") or {})
    parts = dict(part.split("=", 1) for part in str(options.get("connection_string") or "").split(";") if "=" in part)
    options.update({"account_name": parts["AccountName"]} if "AccountName" in parts else {})
    options.update({"account_url": parts["BlobEndpoint"]} if "BlobEndpoint" in parts else {})
    return {name: str(options[name]) for name in _WHOSE if options.get(name)}


def _may_link() -> bool:
    """Whether a script could not write to a read-only file: everybody but root."""
    return os.geteuid() != 0 and not copies_always()


def _linked(path: str, place: str) -> bool:
    try:
        os.link(path, place)
    except FileExistsError:
        os.unlink(place)
        os.link(path, place)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        return False  # another file system, or one without links
    return True


def _copy(source: int, target: int, size: int) -> None:
    """By the kernel, which shares the blocks of both where the file system can."""
    done = 0
    while done < size and hasattr(os, "copy_file_range"):
        try:
            count = os.copy_file_range(source, target, size - done)
        except OSError:
            break
        if not count:
            break
        done += count
    os.lseek(source, done, os.SEEK_SET)
    os.lseek(target, done, os.SEEK_SET)
    if done < size:
        with open(source, "rb", closefd=False) as old, open(target, "wb", buffering=0, closefd=False) as new:
            shutil.copyfileobj(old, new, files.CHUNK)


def _files_below(folder: str) -> Iterator[Tuple[str, os.stat_result]]:
    waiting: List[str] = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
                continue
            try:
                yield entry.path, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone meanwhile
