"""Files of a store in blocks: read when they are asked for, a few ahead, the latest kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Dict, Hashable, Tuple

#: Bytes of a block: large enough that one request is worth its while, small enough to wait for.
BLOCK = 4 << 20
#: Blocks kept; what was read is also kept by the kernel, which knows how much memory there is.
KEPT = 16
#: Blocks asked for ahead of who reads one after the other.
AHEAD = 4
#: Requests at once.
WORKERS = 8


class Blocks:
    """A cache of blocks, for any number of threads. A block is asked for once, however many want it.

    :param fetch: gives the bytes of a file's block: called with the file and the block's number.
    """

    def __init__(self, fetch: Callable[[Any, int], bytes], *, kept: int = KEPT, ahead: int = AHEAD) -> None:
        self._fetch = fetch
        self._kept = kept
        self._ahead = ahead
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Tuple[Hashable, int], Future[bytes]] = OrderedDict()
        self._latest: Dict[Hashable, Tuple[int, int]] = {}
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="mlsteps-block")

    def read(self, file: Hashable, size: int, start: int, count: int) -> bytes:
        """``count`` bytes of a file from ``start`` on, fewer where it ends.

        :param size: of the file.
        :raises: what ``fetch`` raised; the next call tries again.
        """
        end = min(start + count, size)
        pieces = []
        while start < end:
            number, offset = divmod(start, BLOCK)
            piece = memoryview(self._block(file, number, size))[offset : offset + end - start]
            pieces.append(piece)
            start += len(piece)
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    def _block(self, file: Hashable, number: int, size: int) -> bytes:
        with self._lock:
            wanted = self._asked(file, number)
            for ahead in range(number + 1, min(number + self._further(file, number), (size - 1) // BLOCK) + 1):
                self._asked(file, ahead)
            self._blocks.move_to_end((file, number))
            self._drop()
        try:
            return wanted.result()
        except BaseException:
            with self._lock:
                if self._blocks.get((file, number)) is wanted:
                    del self._blocks[file, number]
            raise

    def _further(self, file: Hashable, number: int) -> int:
        """How many blocks after this one will be wanted soon: the more, the longer somebody has read on and on."""
        before, run = self._latest.get(file, (-1, 0))
        if number != before:
            run = run + 1 if number == before + 1 else 0
        self._latest[file] = number, run
        return min(run, self._ahead)

    def _asked(self, file: Hashable, number: int) -> Future[bytes]:
        """The block, asked for if it is not there; with the lock held."""
        found = self._blocks.get((file, number))
        if found is None:
            found = self._blocks[file, number] = self._pool.submit(self._fetch, file, number)
        return found

    def _drop(self) -> None:
        """Forget the blocks that were used least lately; with the lock held."""
        for key in list(self._blocks)[: max(0, len(self._blocks) - self._kept)]:
            if self._blocks[key].done():
                del self._blocks[key]
