"""A file of a dataset as its reader sees it: opened as often as needed, its head asked for once."""

from __future__ import annotations

import io
import tempfile
from typing import Any, BinaryIO, Callable

#: Bytes of a remote file that are kept while names, types and rows are read from its start.
HEAD = 256 << 10


class Source:
    """One file.

    :param shown: its place, for messages; :param path: in its store; :param local: its path on this machine, or None.
    :param opens: opens it at its start when it is not on this machine.
    """

    def __init__(self, shown: str, path: str, local: str | None, opens: Callable[[], BinaryIO]) -> None:
        self.shown = shown
        self.path = path
        self.local = local
        self._opens = opens
        self._head: bytes | None = None
        self._after_head: BinaryIO | None = None

    def open(self) -> BinaryIO:
        """Opened to be read from start to end."""
        if self.local is not None:
            return open(self.local, "rb")
        self.head()
        return io.BufferedReader(_Sequential(self), 1 << 20)

    def open_anywhere(self) -> Any:
        """Opened to be read at any place; what cannot be read so is copied to this machine first."""
        if self.local is not None:
            return open(self.local, "rb")
        opened = self._opens()
        if opened.seekable():
            return opened
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        with opened:
            for piece in iter(lambda: opened.read(1 << 20), b""):
                copy.write(piece)
        copy.seek(0)
        return copy

    def head(self) -> bytes:
        """The first bytes."""
        if self.local is not None:
            with open(self.local, "rb") as file:
                return file.read(HEAD)
        if self._head is None:
            opened = self._opens()
            self._head, self._after_head = _full(opened, HEAD), opened
        return self._head

    def release(self) -> None:
        """Forget the head: nobody reads this file any more."""
        if self._after_head is not None:
            self._after_head.close()
        self._head = self._after_head = None

    def _rest(self) -> BinaryIO:
        """What comes behind the head; the first who gets there goes on with the file that the head came from."""
        opened, self._after_head = self._after_head, None
        if opened is None:
            opened = self._opens()
            _full(opened, HEAD)
        return opened


class _Sequential(io.RawIOBase):
    """The head from memory, then the rest of the file, which is opened when somebody gets there."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._head = io.BytesIO(source.head())
        self._rest: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._head.readinto(buffer)
        if count or len(self._head.getvalue()) < HEAD:
            return count
        if self._rest is None:
            self._rest = self._source._rest()
        piece = self._rest.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if self._rest is not None:
            self._rest.close()
        super().close()


def _full(file: BinaryIO, count: int) -> bytes:
    """Up to ``count`` bytes; fewer only when the file has no more."""
    data = b""
    while len(data) < count:
        piece = file.read(count - len(data))
        if not piece:
            break
        data += piece
    return data


def source_of(item: Any) -> Source:
    """The source of a ``SourceFile`` (``storage.datasets``)."""
    local = item.store.local_path(item.path)
    size = item.size if item.size >= 0 else None
    return Source(local or item.store.url_of(item.path), item.path, local, lambda: item.store.open(item.path, size))
