"""One file of a store, fetched so that a killed fetch goes on where it was."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Deque, List, NamedTuple

from mlsteps.errors import StoreError
from mlsteps.storage import files
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.retry import with_retries
from mlsteps.storage.whole import Altered, Whole

#: Bytes of a block. Smaller files are fetched in one request.
BLOCK = 4 << 20
#: Blocks of one file on their way at once.
_AT_ONCE = 4
_LENGTH = 64  # of a digest in the list of blocks


class Fetched(NamedTuple):
    """What came: the content's SHA-256, and its size in bytes."""

    sha256: str
    size: int


def fetch(item: SourceFile, path: str) -> Fetched:
    """Fetch a file to ``path``, going on with what is there of it from before.

    ``path`` is a name for this state of this file alone; beside it lies ``path.blocks``, the digests of its blocks.
    What is there is trusted as far as it still has these digests.

    :raises StoreError: when what came is not what the store's own checksum or size says, or it changed meanwhile.
    """
    if 0 <= item.size <= BLOCK or item.size < 0:
        return _whole(item, path)
    with open(path, "r+b" if os.path.exists(path) else "w+b") as target, open(path + ".blocks", "a+b") as listed:
        whole = Whole(item.stamp)
        done = _go_on(target, listed, whole)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mlsteps-fetch") as pool:
            _fetch_blocks(item, done, pool, target, listed, whole)
    found = with_retries(lambda: item.store.entry(item.path))
    if item.stamp and (found is None or found.stamp != item.stamp):
        forget(path)
        raise StoreError(f"{item.store.url_of(item.path)} changed while it was downloaded.")
    return _checked(item, path, whole, item.size)


def forget(path: str) -> None:
    """Remove what there is of a fetch."""
    files.remove_quietly(path)
    files.remove_quietly(path + ".blocks")


def _whole(item: SourceFile, path: str) -> Fetched:
    whole = Whole(item.stamp)
    entry = with_retries(lambda: item.store.get_file(item.path, path))
    if whole.is_compared:
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(files.CHUNK), b""):
                whole.compare(piece)
    if not whole.fits() or item.size not in (-1, entry.size):
        forget(path)
        raise Altered(item.store.url_of(item.path))
    return Fetched(entry.sha256, entry.size)


def _checked(item: SourceFile, path: str, whole: Whole, size: int) -> Fetched:
    if not whole.fits():
        forget(path)
        raise Altered(item.store.url_of(item.path))
    return Fetched(whole.hexdigest(), size)


def _go_on(target: BinaryIO, listed: BinaryIO, whole: Whole) -> int:
    """How many blocks are there already; both files end with them then."""
    listed.seek(0)
    digests = listed.read().decode("ascii", "replace").split("\n")
    done = 0
    for digest in digests:
        block = target.read(BLOCK)
        if len(digest) != _LENGTH or len(block) != BLOCK or hashlib.sha256(block).hexdigest() != digest:
            break
        whole.update(block)
        done += 1
    target.seek(done * BLOCK)
    target.truncate()
    listed.truncate(done * (_LENGTH + 1))
    return done


def _fetch_blocks(
    item: SourceFile, done: int, pool: ThreadPoolExecutor, target: BinaryIO, listed: BinaryIO, whole: Whole
) -> None:
    """Fetch the blocks from number ``done`` on, some at once, and take them in order."""
    starts: List[int] = list(range(done * BLOCK, item.size, BLOCK))
    coming: Deque[Future[bytes]] = deque()
    try:
        for number in range(len(starts) + _AT_ONCE):
            if number < len(starts):
                coming.append(pool.submit(_block, item, starts[number]))
            if number >= _AT_ONCE - 1 and coming:
                block = coming.popleft().result()
                whole.update(block)
                files.write_all(target, block)
                target.flush()
                if len(block) == BLOCK:
                    files.write_all(listed, hashlib.sha256(block).hexdigest().encode() + b"\n")
                    listed.flush()
    finally:
        for future in coming:
            future.cancel()


def _block(item: SourceFile, start: int) -> bytes:
    wanted = min(BLOCK, item.size - start)

    def work() -> bytes:
        data = item.store.read_range(item.path, start, wanted)
        if len(data) != wanted:
            raise ConnectionError(f"{item.store.url_of(item.path)}: {len(data)} of {wanted} bytes came")
        return data

    return with_retries(work)
