"""A local file on its way, which a later process goes on with."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, BinaryIO, Callable

from mlsteps.errors import StoreError
from mlsteps.storage import files
from mlsteps.storage.ahead import Pieces, all_of
from mlsteps.storage.base import TEMPORARY
from mlsteps.storage.whole import Altered, Whole

_FULL = (errno.ENOSPC, errno.EDQUOT)


class InUse(StoreError):
    """Another process is writing the file, or nobody can tell."""


class PartFile:
    """Hidden beside ``final``, it becomes that by :meth:`finish`; an interrupted one stays, unless the disk is full.

    In ``<its name>.parts`` are the content's key, and for each piece that was written the bytes up to there and their
    SHA-256. What is there counts as far as it has these digests; what lies behind that, in any order, does not.

    :param stamp: what the content's store says of it.
    """

    def __init__(self, final: str, key: str, stamp: str = "") -> None:
        self._final = final
        self._path = _beside(final)
        self._key = key.encode()
        self._hasher = ThreadPoolExecutor(1, thread_name_prefix="mlsteps-digest")
        self._buffer = memoryview(bytearray(256 << 10))
        self.whole = Whole(stamp)
        self.size = 0

    def __enter__(self) -> PartFile:
        """
        :raises InUse: see there.
        """
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        self._file: BinaryIO = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            self._lock()
            self._listed: BinaryIO = open(self._path + ".parts", "a+b", buffering=0)
        except BaseException:
            self._file.close()
            raise
        self._go_on()
        return self

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                return
        except OSError:
            pass  # its writer has it, or has just finished; or the file system has no locks
        raise InUse(f"{self._final} is being written by another process.")

    def _go_on(self) -> None:
        self._listed.seek(0)
        key, *lines = self._listed.read().split(b"\n")
        listed = len(key) + 1
        for line in lines if key == self._key else []:
            size, _, digest = line.partition(b" ")
            more = self._read(int(size) - self.size) if size.isdigit() else None
            if more is None or more.hexdigest().encode() != digest:
                break
            self.whole, self.size, listed = more, int(size), listed + len(line) + 1
        if os.fstat(self.fileno()).st_size != self.size:  # ext4 writes a file to the disk at its close once it was cut
            self._file.truncate(self.size)
        self._file.seek(self.size)
        self._listed.truncate(listed if self.size else 0)
        if not self.size:
            self._listed.write(self._key + b"\n")

    def _read(self, count: int) -> Whole | None:
        """The digest of all so far and of so many bytes more; None when there are not so many."""
        whole = self.whole.copy()
        while count > 0:
            some = self._file.readinto(self._buffer[:count])  # type: ignore[attr-defined]
            if not some:
                return None
            whole.update(self._buffer[:some], self._hasher)
            count -= some
        return whole

    def take(self, source: Any, count: int, passing: Callable[[int], Any]) -> None:
        """Add so many bytes of an open file.

        :raises ConnectionError: when it ends before.
        """
        landing = source.landing if isinstance(source, Pieces) else None
        if landing is None:
            for piece in all_of(source, count):
                passing(len(piece))
                self.write(piece)
            return
        end = self.size + count
        with closing(landing(self.fileno(), self.size)) as coming:
            for size in coming:
                passing(size)
                self._add(size)
        if self.size != end:
            raise ConnectionError(f"{count - (end - self.size)} of {count} bytes came")

    def _add(self, size: int) -> None:
        """What has been written by the descriptor, from here on. It is in memory still, as it has just come."""
        whole = self._read(size)
        if whole is None:
            raise StoreError(f"{self._path} was cut off by another process.")
        self.whole, self.size = whole, self.size + size
        self.remark(self.size, whole.hexdigest())

    def write(self, data: Any) -> None:
        """Add a piece, which is hashed while it is written."""
        hashed = self._hasher.submit(self.whole.update, data)
        files.write_all(self._file, data)
        hashed.result()
        self.size += len(data)
        self.remark(self.size, self.whole.hexdigest())

    def remark(self, size: int, sha256: str) -> None:
        """So many bytes from the start are written, and have this digest."""
        files.write_all(self._listed, f"{size} {sha256}\n".encode())

    def fileno(self) -> int:
        """For who writes by the file's descriptor, and remarks what."""
        return self._file.fileno()

    def verify(self, place: str) -> None:
        """Compare all of it with what its store says.

        :raises StoreError: when it is something else; then nothing of it is left.
        """
        if not self.whole.fits():
            remove_part(self._final)
            raise Altered(place)

    def finish(self) -> int:
        """Give it its final name; when it was last changed, in ns."""
        changed = os.fstat(self.fileno()).st_mtime_ns
        os.replace(self._path, self._final)
        files.remove_quietly(self._path + ".parts")
        return changed

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._hasher.shutdown()
        if isinstance(error, OSError) and error.errno in _FULL:
            remove_part(self._final)  # room for others
        self._listed.close()
        self._file.close()


def remove_part(final: str) -> None:
    """Remove what an interrupted try has left of a file, if anything."""
    files.remove_quietly(_beside(final))
    files.remove_quietly(_beside(final) + ".parts")


def _beside(final: str) -> str:
    name = hashlib.sha256(os.path.basename(final).encode("utf-8", "surrogateescape")).hexdigest()[:20]
    return os.path.join(os.path.dirname(final), f"{TEMPORARY}part-{name}")
