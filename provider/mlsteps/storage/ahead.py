"""A large file that is read once from its start, in pieces: some are fetched ahead, and come in order."""

from __future__ import annotations

import io
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any, Callable, Deque, Generator, Iterator

#: Bytes of one piece: of a request for a part of an object, and of a part that is sent.
PIECE = 8 << 20


#: Writes all that is to come to an open file (its descriptor), from a place in it on; yields how many bytes more are
#: there, in order.
Landing = Callable[[int, int], Generator[int, None, None]]


class Pieces(io.RawIOBase):
    """What ``pieces`` yields, as a file; :meth:`buffers` gives them as they are, without a copy.

    :param landing: for who wants them in a file, and asks before the first is read: they need not be held in memory.
    """

    def __init__(self, pieces: Iterator[Any], size: int, landing: Landing | None = None) -> None:
        self.size = size
        self.landing = landing
        self._pieces = pieces
        self._rest = memoryview(b"")

    def buffers(self) -> Iterator[Any]:
        """What has not been read yet."""
        if len(self._rest):
            rest, self._rest = self._rest, memoryview(b"")
            yield rest
        yield from self._pieces

    def next(self, most: int) -> Any:
        """What comes next, at most so many bytes, as it is; nothing at the end."""
        if not len(self._rest):
            self._rest = memoryview(next(self._pieces, b""))
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not len(self._rest):
            self._rest = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._rest))
        memoryview(buffer).cast("B")[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed and hasattr(self._pieces, "close"):
            self._pieces.close()
        super().close()


def some_of(source: Any, most: int) -> Any:
    """What an open file gives next, at most so many bytes, without a copy where that can be; nothing at the end."""
    return source.next(most) if isinstance(source, Pieces) else source.read(most)


def all_of(source: Any, count: int) -> Iterator[Any]:
    """So many bytes of an open file, in pieces.

    :raises ConnectionError: when it ends before.
    """
    left = count
    while left > 0:
        piece = some_of(source, min(PIECE, left))
        if not len(piece):
            raise ConnectionError(f"{count - left} of {count} bytes came")
        left -= len(piece)
        yield piece


def one_ahead(pieces: Iterator[Any]) -> Iterator[Any]:
    """The same pieces, the next one being fetched by a thread while one is used.

    obstore cannot be waited for where it is itself asking for a piece, so the thread is not only for speed.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="mlsteps-ahead")
    waiting = pool.submit(next, pieces, b"")
    try:
        while True:
            piece = waiting.result()
            if not len(piece):
                return
            waiting = pool.submit(next, pieces, b"")
            yield piece
    finally:
        waiting.cancel()
        pool.shutdown(wait=False)


def without(pieces: Iterator[Any], count: int) -> Iterator[Any]:
    """What comes after the first ``count`` bytes."""
    for piece in pieces:
        rest = memoryview(piece)[count:]
        count = max(0, count - len(piece))
        if len(rest):
            yield rest


def in_order(fetch: Callable[[int, int], Any], start: int, size: int, ahead: int) -> Iterator[Any]:
    """The bytes from ``start`` to ``size`` in pieces, ``ahead`` of them being fetched while one is used."""
    starts = iter(range(start, size, PIECE))
    waiting: Deque[Future[Any]] = Deque()
    pool = ThreadPoolExecutor(ahead, thread_name_prefix="mlsteps-ahead")
    try:
        while True:
            while len(waiting) < ahead:
                at = next(starts, None)
                if at is None:
                    break
                waiting.append(pool.submit(fetch, at, min(at + PIECE, size)))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()
        pool.shutdown(wait=False)


def as_they_come(
    fetch: Callable[[int, int, Event], int], start: int, size: int, width: int
) -> Generator[int, None, None]:
    """As :func:`in_order`, where what is fetched has been put into its place: how many bytes more are there.

    As it takes no memory, much may come before what is first in order. When this has ended, nothing is under way.

    :param fetch: is told, too, what is set when it need not go on.
    """
    starts = iter(range(start, size, PIECE))
    waiting: Deque[Future[int]] = Deque()
    ended = Event()
    pool = ThreadPoolExecutor(width, thread_name_prefix="mlsteps-ahead")
    try:
        while True:
            while len(waiting) < 4 * width:
                at = next(starts, None)
                if at is None:
                    break
                waiting.append(pool.submit(fetch, at, min(at + PIECE, size), ended))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        ended.set()
        for one in waiting:
            one.cancel()
        pool.shutdown()
