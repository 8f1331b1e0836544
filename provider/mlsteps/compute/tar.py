"""Tar archives, the form in which container engines take and give files."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple

from mlsteps.errors import AzureMLException


class Owner(NamedTuple):
    """Whose a file is; ``all_may_write`` where it is not known who will have to."""

    uid: int
    gid: int
    all_may_write: bool = False


#: Of files that a step only reads.
ROOT = Owner(0, 0)


def folder_entry(path: str, owner: Owner) -> tarfile.TarInfo:
    """A folder at an absolute path."""
    entry = _entry(path, owner, 0o777 if owner.all_may_write else 0o755)
    entry.type = tarfile.DIRTYPE
    return entry


def file_entry(path: str, owner: Owner, size: int, mtime: float | None = None) -> tarfile.TarInfo:
    """A file at an absolute path; its content follows."""
    entry = _entry(path, owner, 0o666 if owner.all_may_write else 0o644)
    entry.size = size
    if mtime is not None:
        entry.mtime = mtime
    return entry


def add_bytes(archive: tarfile.TarFile, path: str, owner: Owner, data: bytes) -> None:
    """A file with this content."""
    archive.addfile(file_entry(path, owner, len(data)), io.BytesIO(data))


def _entry(path: str, owner: Owner, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.uid, entry.gid, entry.mode, entry.mtime = owner.uid, owner.gid, mode, time.time()
    return entry


def packed(write: Callable[[tarfile.TarFile], None]) -> Iterator[bytes]:
    """An archive in pieces, as ``write`` fills it: it is never whole anywhere.

    :raises: what ``write`` raises, at the end.
    """
    reader, writer = os.pipe()
    failed: list[BaseException] = []

    def fill() -> None:
        try:
            with (
                os.fdopen(writer, "wb") as pipe,
                tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                write(tar)
        except BaseException as error:  # it belongs to whoever takes the pieces
            failed.append(error)

    thread = threading.Thread(target=fill, name="mlsteps-pack", daemon=True)
    thread.start()
    try:
        while piece := os.read(reader, 1 << 18):
            yield piece
        thread.join()
        if failed:
            raise failed[0]
    finally:
        os.close(reader)


class Stream(io.RawIOBase):
    """Pieces of an archive as a file that can be read once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of any raw file."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def taken_out(pieces: Iterable[bytes], path: str) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes] | None]]:
    """The folders and regular files of an archive that was fetched for ``path``, at their absolute paths.

    Links, devices and the like are passed over.

    :raises AzureMLException: for an entry that is not below the path.
    """
    parent = os.path.dirname(path)
    with tarfile.open(fileobj=io.BufferedReader(Stream(pieces), 1 << 18), mode="r|") as archive:
        for entry in archive:
            name = os.path.normpath(os.path.join(parent, entry.name))
            if name != path and not name.startswith(path + os.sep):
                raise AzureMLException(f"An archive of {path} holds {entry.name!r}, which does not belong there.")
            if entry.isdir() or entry.isreg():
                yield name, entry, archive.extractfile(entry) if entry.isreg() else None
