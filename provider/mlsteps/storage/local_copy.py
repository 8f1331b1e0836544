"""A file of this machine to another place on it: copied by the kernel, hashed meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from typing import Any, Callable, List, Tuple

from mlsteps.errors import StoreError
from mlsteps.storage import files
from mlsteps.storage.base import Known

#: From this size in bytes on a second thread pays; below it one read and one write do.
_LARGE = 1 << 20
#: The kernel copies so many bytes at a time, so that progress shows and a request to stop is heard.
_PIECE = 32 << 20
_NOT_HERE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM, errno.ETXTBSY}

Passing = Callable[[int], Any]


def state_of_file(found: os.stat_result) -> Tuple[int, int, int, int]:
    """What tells one state of a file from another."""
    return (found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)


def copy_hashed_fast(
    source: str, final: str, passing: Passing | None = None, known: Known | None = None
) -> files.Passed:
    """Make or replace ``final`` with the content of ``source``; whole or not at all.

    :param passing: told how many bytes have just been copied; what it raises ends the copy.
    :param known: the digest of the source in a certain state: when it is in that state it is not read for a digest.
    :returns: the digest of the source; ``changed`` is the time of the copy.
    :raises StoreError: when the source changes meanwhile.
    """
    with files.open_existing(source) as file:
        before = os.fstat(file.fileno())
        with files.replacing(final) as target:
            if before.st_size < _LARGE:
                passed = _small(file, target, before.st_size)
                if passing is not None:
                    passing(passed.size)
            else:
                passed = _large(file, target, before, passing, known)
            made = os.fstat(target.fileno())
            after = os.fstat(file.fileno())
            unchanged = state_of_file(before) == state_of_file(after)
            if not unchanged or passed.size != after.st_size or made.st_size != passed.size:
                raise StoreError(f"{source} changed while it was being read. Write it completely before it is taken.")
    return passed._replace(changed=made.st_mtime_ns)


def _small(file: Any, target: Any, size: int) -> files.Passed:
    data = file.read(size + 1)
    files.write_all(target, data)
    return files.Passed(hashlib.sha256(data).hexdigest(), len(data))


def _large(
    file: Any, target: Any, found_at: os.stat_result, passing: Passing | None, known: Known | None
) -> files.Passed:
    """The digest is computed by a second thread, from the pages that the copy has just brought into memory."""
    size = found_at.st_size
    if known is not None and known.state == state_of_file(found_at):
        _copy(file.fileno(), target.fileno(), size, passing)
        return files.Passed(known.sha256, os.fstat(target.fileno()).st_size)
    found: List[Any] = []
    stop = threading.Event()

    def read(buffer: memoryview) -> int:
        return 0 if stop.is_set() else file.readinto(buffer) or 0  # the copy names its places and moves no position

    def digest() -> None:
        try:
            found.append(files.pass_through(read, None))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=digest, name="mlsteps-digest")
    thread.start()
    try:
        _copy(file.fileno(), target.fileno(), size, passing)
    except BaseException:
        stop.set()
        raise
    finally:
        thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    passed: files.Passed = found[0]
    return passed


def _copy(source: int, target: int, size: int, passing: Passing | None) -> None:
    by_kernel = hasattr(os, "copy_file_range")
    done = 0
    while done < size:
        count = _by_kernel(source, target, done, size) if by_kernel else None
        if count is None:  # another kernel, or file systems that do not know each other
            by_kernel = False
            count = _by_hand(source, target, done)
        if not count:
            return  # shorter than it was: the caller sees that
        done += count
        if passing is not None:
            passing(count)


def _by_kernel(source: int, target: int, done: int, size: int) -> int | None:
    try:
        return os.copy_file_range(source, target, min(_PIECE, size - done), done, done)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        return None


def _by_hand(source: int, target: int, done: int) -> int:
    data = os.pread(source, files.CHUNK, done)
    view = memoryview(data)
    while len(view):
        view = view[os.pwrite(target, view, done + len(data) - len(view)) :]
    return len(data)
