"""A remote file read by ranges: little for who wants its head, much at once for who reads on."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, Callable

#: Bytes of the first request, and of the largest.
FIRST, MOST = 256 << 10, 8 << 20

#: Answers the bytes from ``start`` to before ``end`` of a file.
Fetch = Callable[[int, int], bytes]


def open_ranges(fetch: Fetch, size: int, head: bytes = b"") -> BinaryIO:
    """A file of ``size`` bytes, readable at any place.

    :param fetch: makes one request and answers all that it asks for; what it raises is what reading raises.
    :param head: the file's first bytes, when they are known already.
    """
    return io.BufferedReader(RangeReader(fetch, size, head), FIRST)


class RangeReader(io.RawIOBase):
    """Ranges grow while the reader goes on where it was, by half of what it has read so, and begin small again where it
    jumps: what nobody reads is never more than a half of what was read, and :data:`FIRST`."""

    def __init__(self, fetch: Fetch, size: int, head: bytes = b"") -> None:
        self._fetch = fetch
        self._size = size
        self._position = 0
        self._start, self._piece = 0, head
        self._run = len(head)  # bytes without a jump

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._position >= self._size or not len(view):
            return 0
        if not self._start <= self._position < self._start + len(self._piece):
            self._load(len(view))
        at = self._position - self._start
        count = min(len(view), len(self._piece) - at)
        view[:count] = memoryview(self._piece)[at : at + count]
        self._position += count
        return count

    def _load(self, wanted: int) -> None:
        if self._position != self._start + len(self._piece):
            self._run = 0
        count = min(MOST, max(wanted, FIRST, self._run // 2))
        end = min(self._size, self._position + count)
        self._piece = b""  # never two pieces in memory at once
        self._start, self._piece = self._position, self._fetch(self._position, end)
        self._run += len(self._piece)
