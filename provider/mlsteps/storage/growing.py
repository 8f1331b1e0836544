"""A large file that grows under a hidden name on another machine, which a later process goes on with.

For stores whose files can be written at any place and then be renamed: SMB, SFTP. Beside it lies a list: for each piece
that the server has taken the bytes up to there, and the SHA-256 of the last of them. Nothing is read back but these
last bytes. Bytes of one content always lie at one place, so even a process that was thought dead does no harm.
"""

from __future__ import annotations

import errno
import hashlib
import posixpath
from abc import ABC, abstractmethod
from typing import Any, BinaryIO, Iterator, Tuple

from mlsteps.storage.ahead import all_of
from mlsteps.storage.base import TEMPORARY
from mlsteps.storage.parts import Coming, Kept, Remarks
from mlsteps.storage.whole import Altered, Whole

#: Bytes at the end of what has arrived that are read again.
_TAIL = 64 << 10
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LIST = ".parts"


class Ground(ABC):
    """Where files grow; paths are the store's."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """For reading and writing at any place; made, with its folder, when it is not there.

        :raises InUse: when another process has it, where the server can tell.
        """

    @abstractmethod
    def remove(self, path: str) -> None:
        """A file; one that is not there is fine."""

    @abstractmethod
    def write(self, file: BinaryIO, piece: Any) -> None:
        """Write all of a piece; when it answers, the server has taken it, and keeps it where it can be told to."""


def grown(ground: Ground, path: str, coming: Coming, remarks: Remarks, passing: Any, kept: Kept) -> Tuple[str, str]:
    """Receive a file under a hidden name.

    :returns: that name, for :func:`gone` when it has been renamed; and the content's SHA-256, "" where the beginning
        had arrived before and is not at hand.
    :raises InUse: see :class:`Ground`.
    """
    hidden = _hidden(path, coming.key)
    before = remarks.read()
    if before != hidden:
        gone(ground, path, before)  # of another content
        remarks.write(hidden)
    try:
        return hidden, _received(ground, hidden, coming, passing, kept)
    except Altered:
        gone(ground, path, hidden)
        raise
    except OSError as error:
        if error.errno in _FULL:
            gone(ground, path, hidden)  # room for others
        raise


def gone(ground: Ground, path: str, hidden: str) -> None:
    """Remove what there is of a file on its way to ``path``, and its list; nothing is fine."""
    if hidden.startswith(_prefix(path)):  # a remark is no way to remove anything else
        ground.remove(hidden)
        ground.remove(hidden + _LIST)


def _received(ground: Ground, hidden: str, coming: Coming, passing: Any, kept: Kept) -> str:
    whole = Whole(coming.stamp)
    with ground.open(hidden) as file, ground.open(hidden + _LIST) as listed:
        done = _verified(file, listed, coming.size)
        kept(done)
        start = 0 if coming.is_near else done
        with coming.open(start, coming.size) as source:
            for piece in all_of(source, done - start):
                whole.update(piece)
            file.seek(done)
            for piece in all_of(source, coming.size - done):
                passing(len(piece))
                whole.update(piece)
                ground.write(file, piece)
                done += len(piece)
                ground.write(listed, _line(done, piece))
        file.truncate(coming.size)
        coming.check()
    if start:
        return ""
    if not whole.fits():
        raise Altered(coming.place)
    return whole.hexdigest()


def _verified(file: BinaryIO, listed: BinaryIO, most: int) -> int:
    """The bytes that have arrived; the list ends with them then."""
    listed.seek(0)
    lines = _all(listed, 1 << 30).split(b"\n")[:-1]
    done = 0
    while lines and not done:
        done = _held(file, lines[-1], most)
        if not done:
            lines.pop()
    end = sum(len(line) + 1 for line in lines)
    listed.truncate(end)
    listed.seek(end)
    return done


def _line(size: int, piece: Any) -> bytes:
    tail = memoryview(piece)[-_TAIL:]
    return f"{size} {len(tail)} {hashlib.sha256(tail).hexdigest()}\n".encode()


def _held(file: BinaryIO, line: bytes, most: int) -> int:
    """The bytes that a line tells of, when the file has those before their end; else 0."""
    size, count, digest = ([*line.split(b" "), b"", b""])[:3]
    if not (size.isdigit() and count.isdigit() and 0 < int(count) <= int(size) <= most):
        return 0
    file.seek(int(size) - int(count))
    return int(size) if hashlib.sha256(_all(file, int(count))).hexdigest().encode() == digest else 0


def _all(file: BinaryIO, count: int) -> bytes:
    def pieces() -> Iterator[bytes]:
        left = count
        while left > 0:
            piece = file.read(min(left, 1 << 20))
            if not piece:
                return
            left -= len(piece)
            yield piece

    return b"".join(pieces())


def _hidden(path: str, key: str) -> str:
    return _prefix(path) + key[:20]


def _prefix(path: str) -> str:
    folder, name = posixpath.split(path)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:20]
    return posixpath.join(folder, f"{TEMPORARY}part-{digest}-")
