"""Local files, whole or not at all: temporary name beside the final one, then one rename."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, Callable, Iterator, NamedTuple

from mlsteps.errors import StoreError
from mlsteps.storage.base import TEMPORARY, MissingFile

CHUNK = 1 << 20


class Passed(NamedTuple):
    """What went by: its SHA-256 in hex, its size in bytes, and when its file was last changed (ns; 0: not known)."""

    sha256: str
    size: int
    changed: int = 0


def open_existing(path: str) -> BinaryIO:
    """Open a local file for reading, unbuffered.

    :raises MissingFile: naming this file, where a store would name the one it was asked to write.
    """
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError as error:
        raise MissingFile(f"{path} does not exist on this machine.", error) from error


def temporary_beside(final: str) -> str:
    """A new hidden name in the folder of ``final``, so that a rename stays on one file system."""
    return os.path.join(os.path.dirname(final), TEMPORARY + secrets.token_hex(8))


def open_new(path: str, mode: int = 0o666) -> BinaryIO:
    """Open a file that must not exist for writing, making its folder when needed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, mode)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, flags, mode)
    return os.fdopen(descriptor, "wb", buffering=0)


@contextmanager
def replacing(final: str) -> Iterator[BinaryIO]:
    """A file to write that becomes ``final`` when the block ends well and vanishes when it does not."""
    temporary = temporary_beside(final)
    try:
        with open_new(temporary) as file:
            yield file
        os.replace(temporary, final)
    except BaseException:
        remove_quietly(temporary)
        raise


def write_whole(final: str, data: bytes) -> None:
    """Make or replace ``final``."""
    with replacing(final) as file:
        write_all(file, data)


def create_whole(final: str, data: bytes) -> bool:
    """Make ``final`` unless it exists; False when it does.

    A hard link gives a complete file its final name, or fails when the name is taken. File systems without hard links
    get an exclusive create, where a kill between two system calls can leave a short file.
    """
    if not data:  # a marker is whole as soon as it is there
        return _create_exclusively(final, data)
    temporary = temporary_beside(final)
    try:
        with open_new(temporary) as file:
            write_all(file, data)
        try:
            os.link(temporary, final)
        except FileExistsError:
            return False
        except OSError:
            return _create_exclusively(final, data)
        return True
    finally:
        remove_quietly(temporary)


def _create_exclusively(final: str, data: bytes) -> bool:
    try:
        file = open_new(final)
    except FileExistsError:
        return False
    try:
        with file:
            write_all(file, data)
    except BaseException:
        remove_quietly(final)
        raise
    return True


def write_all(file: Any, data: Any) -> None:
    """Write every byte; an unbuffered file may take fewer than it is given."""
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) :]


def write_at(descriptor: int, data: Any, place: int) -> int:
    """Write every byte to a place of an open file; how many that were."""
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], place + done)
    return done


def remove_quietly(path: str) -> None:
    """Remove a file if it is there."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # gone already, which is what was wanted


def pass_through(
    read_into: Callable[[memoryview], int | None],
    write: Callable[[memoryview], Any] | None,
    hint: int = CHUNK,
    passing: Callable[[int], Any] | None = None,
) -> Passed:
    """Copy until the end, hashing on the way.

    :param read_into: fills a buffer and answers how much (``file.readinto``).
    :param write: must take all it is given; None only hashes.
    :param hint: expected size in bytes; many small files need no large buffer.
    :param passing: told how many bytes have just been written.
    """
    whole = hashlib.sha256()
    buffer = memoryview(bytearray(max(1, min(CHUNK, hint + 1))))
    size = 0
    while True:
        count = read_into(buffer)
        if not count:
            return Passed(whole.hexdigest(), size)
        whole.update(buffer[:count])
        if write is not None:
            write(buffer[:count])
        size += count
        if passing is not None:
            passing(count)


class Passer:
    """Hashes and counts pieces that somebody else takes."""

    def __init__(self, passing: Callable[[int], Any] | None = None) -> None:
        self._whole = hashlib.sha256()
        self._size = 0
        self._passing = passing

    def through(self, pieces: Iterator[Any]) -> Iterator[Any]:
        """The same pieces."""
        for piece in pieces:
            self._whole.update(piece)
            self._size += len(piece)
            if self._passing is not None:
                self._passing(len(piece))
            yield piece

    def passed(self) -> Passed:
        """What has gone by."""
        return Passed(self._whole.hexdigest(), self._size)


def transfer(
    source: IO[bytes], target: IO[bytes], hint: int = CHUNK, passing: Callable[[int], Any] | None = None
) -> Passed:
    """Copy one open file into another, hashing on the way."""
    return pass_through(_filling(source), lambda piece: write_all(target, piece), hint, passing)


def _filling(file: IO[bytes]) -> Callable[[memoryview], Any]:
    fill: Callable[[memoryview], Any] = file.readinto  # type: ignore[attr-defined]
    return fill


def copy_hashed(source: str, target: IO[bytes]) -> Passed:
    """Copy a local file into an open one.

    :raises StoreError: when the file changes meanwhile: its digest would belong to no state it ever had.
    """
    with open_existing(source) as file:
        before = os.fstat(file.fileno())
        passed = transfer(file, target, before.st_size)
        after = os.fstat(file.fileno())
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size) or passed.size != after.st_size:
        raise StoreError(f"{source} changed while it was being read. Write it completely before it is taken.")
    return passed._replace(changed=after.st_mtime_ns)


def digest_of_file(path: str) -> Passed:
    """SHA-256, size and time of a local file."""
    with open_existing(path) as file:
        found = os.fstat(file.fileno())
        return pass_through(_filling(file), None, found.st_size)._replace(changed=found.st_mtime_ns)


def digest_of_bytes(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_of_stream(file: IO[bytes]) -> Passed:
    """SHA-256 and size of what is left of an open file."""
    return pass_through(_filling(file), None)
