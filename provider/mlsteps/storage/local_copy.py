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
from mlsteps.storage.part_file import PartFile, remove_part

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
    size = found_at.st_size
    if known is not None and known.state == state_of_file(found_at):
        _copy(file.fileno(), target.fileno(), 0, size, passing)
        return files.Passed(known.sha256, os.fstat(target.fileno()).st_size)
    with _Digest(file, hashlib.sha256(), 0) as digest:
        _copy(file.fileno(), target.fileno(), 0, size, passing)
    return digest.passed()


def copy_in_parts(
    source: str, final: str, passing: Passing, kept: Callable[[int], Any], known: Known | None
) -> files.Passed:
    """As :func:`copy_hashed_fast` for a large file, going on with what a killed call has left.

    What has been copied counts as far as its digest is known: nothing when ``known`` makes reading it needless.

    :param kept: told how many bytes are there already.
    :raises InUse: when another process copies to the same name.
    """
    with files.open_existing(source) as file:
        before = os.fstat(file.fileno())
        state = state_of_file(before)
        with PartFile(final, f"{os.path.abspath(source)} {state}") as part:
            kept(part.size)
            if known is not None and known.state == state:
                _copy(file.fileno(), part.fileno(), part.size, before.st_size, passing)
                passed = files.Passed(known.sha256, os.fstat(part.fileno()).st_size)
            else:
                with _Digest(file, part.whole, part.size, part.remark) as digest:
                    _copy(file.fileno(), part.fileno(), part.size, before.st_size, digest.following(passing))
                passed = digest.passed()
            made, after = os.fstat(part.fileno()), os.fstat(file.fileno())
            if state != state_of_file(after) or passed.size != after.st_size or made.st_size != passed.size:
                remove_part(final)
                raise StoreError(f"{source} changed while it was being read. Write it completely before it is taken.")
            return passed._replace(changed=part.finish())


class _Digest:
    """Of an open file, from a place on, by a second thread: the pages are those that the copy has just brought.

    :param remark: told the digests of what is both copied and hashed, every so many bytes.
    """

    def __init__(self, file: Any, whole: Any, start: int, remark: Callable[[int, str], Any] | None = None) -> None:
        self._file, self._whole, self._size = file, whole, start
        self._remark = remark
        self._copied = start
        self._waiting: List[Tuple[int, str]] = []
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlsteps-digest")

    def following(self, passing: Passing) -> Passing:
        """``passing``, which this then knows of, too."""

        def passed(count: int) -> None:
            self._copied += count
            self._tell()
            passing(count)

        return passed

    def _run(self) -> None:
        try:
            buffer = memoryview(bytearray(files.CHUNK))
            self._file.seek(self._size)  # the copy names its places and moves no position
            while not self._stop.is_set():
                count = self._file.readinto(buffer)
                if not count:
                    return
                self._whole.update(buffer[:count])
                self._size += count
                if self._remark is not None and self._size % _PIECE == 0:
                    self._waiting.append((self._size, self._whole.hexdigest()))
                    self._tell()
        except BaseException as error:
            self._failure = error

    def _tell(self) -> None:
        """Remark what is both copied and hashed: called by either thread, as either may be behind."""
        with self._lock:
            while self._remark is not None and self._waiting and self._waiting[0][0] <= self._copied:
                self._remark(*self._waiting.pop(0))

    def passed(self) -> files.Passed:
        """Digest and size, when all has been read."""
        if self._failure is not None:
            raise self._failure
        return files.Passed(self._whole.hexdigest(), self._size)

    def __enter__(self) -> _Digest:
        self._thread.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None:
            self._stop.set()
        self._thread.join()


def _copy(source: int, target: int, done: int, size: int, passing: Passing | None) -> None:
    by_kernel = hasattr(os, "copy_file_range")
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
