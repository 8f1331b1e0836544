"""One file of a store, fetched so that a killed fetch goes on where it was."""

from __future__ import annotations

import base64
import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Deque, List, NamedTuple

from mlsteps.errors import StoreError
from mlsteps.storage import files
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.retry import with_retries

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
        whole = _Digests(item.stamp)
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


class _Digests:
    """Of the whole file: SHA-256, and MD5 where the store has said that."""

    def __init__(self, stamp: str) -> None:
        self.sha256 = hashlib.sha256()
        self.wanted = stamp[4:] if stamp.startswith("md5:") else ""
        self.md5 = hashlib.md5() if self.wanted else None

    def update(self, data: bytes) -> None:
        self.sha256.update(data)
        if self.md5 is not None:
            self.md5.update(data)

    def fits(self) -> bool:
        """Whether it is what the store says."""
        return self.md5 is None or base64.b64encode(self.md5.digest()).decode() == self.wanted


def _whole(item: SourceFile, path: str) -> Fetched:
    whole = _Digests(item.stamp)
    entry = with_retries(lambda: item.store.get_file(item.path, path))
    if whole.md5 is not None:
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(files.CHUNK), b""):
                whole.md5.update(piece)
    if not whole.fits() or item.size not in (-1, entry.size):
        forget(path)
        raise _altered(item)
    return Fetched(entry.sha256, entry.size)


def _checked(item: SourceFile, path: str, whole: _Digests, size: int) -> Fetched:
    if not whole.fits():
        forget(path)
        raise _altered(item)
    return Fetched(whole.sha256.hexdigest(), size)


def _altered(item: SourceFile) -> StoreError:
    return StoreError(
        f"{item.store.url_of(item.path)}: what came is not what the store says it holds. It may have been written "
        "meanwhile, or been altered on its way."
    )


def _go_on(target: BinaryIO, listed: BinaryIO, whole: _Digests) -> int:
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
    item: SourceFile, done: int, pool: ThreadPoolExecutor, target: BinaryIO, listed: BinaryIO, whole: _Digests
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
