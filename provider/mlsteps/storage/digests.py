"""What a local tree holds: digests of its files, without reading unchanged ones again."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Callable, Collection, Dict, FrozenSet, Iterable, List, Tuple

from mlsteps.contracts.manifest import FileEntry, OutputManifest, tree_digest
from mlsteps.errors import StoreError
from mlsteps.storage import files
from mlsteps.storage.base import TEMPORARY, MissingFile, redact, safe_path
from mlsteps.storage.digest_cache import DigestCache, Stat, now
from mlsteps.storage.walk import Row, Walk, state_of

#: Files from this size in bytes on are hashed by threads; below it, Python's own lock makes threads slower.
_LARGE = 256 << 10

#: Remembered files that a call did not ask for are kept up to this many, or twice what it asked for.
_OTHERS = 10_000


@dataclass(frozen=True)
class Tree:
    """A tree in short: its digest as in an ``OutputManifest``, the number of its files and their bytes."""

    digest: str
    count: int
    size: int


def file_digest(path: str) -> str:
    """SHA-256 (hex) of a local file.

    :raises MissingFile: when it is absent; StoreError when it cannot be read.
    """
    return _passed(path).sha256


def tree_manifest(root: str, files: Iterable[str] | None = None, *, cache: bool = True) -> OutputManifest:
    """The manifest of a local folder or of a single file; stamps are mtimes in ns.

    :param files: paths below ``root`` to take; None takes all. Links are followed; a link that leads round in a
        circle or to nothing, a socket or a device is refused by name.
    :param cache: trust digests remembered under ``MLSTEPS_HOME`` for files whose size, times and inode are the same.
    :raises MissingFile: when the folder or one of ``files`` is absent.
    """
    if os.path.isfile(root):
        found = _passed(root)
        return OutputManifest.of([FileEntry("", found.size, found.sha256, str(found.changed))], is_file=True)
    looked = now()
    rows = rows_of(root) if files is None else _rows_named(root, files)
    digests = _remembered(root, rows, looked, whole=files is None) if cache else hash_files(root, rows)
    return OutputManifest.of(FileEntry(row[0], row[1], digests[row[0]], str(row[2])) for row in rows)


def tree_of(root: str) -> Tree:
    """The digest, count and size of a local folder: :func:`tree_manifest` without its list of files, and faster."""

    def summarise(rows: List[Row], digests: Dict[str, str]) -> Dict[str, Any]:
        return asdict(tree_from(rows, digests))

    cache = DigestCache(root, "summary")
    return Tree(**summary_of(root, cache, lambda _: (rows_of(root), frozenset()), summarise))


#: Gives the files that count and the paths that do not; is handed the paths already known to count.
Look = Callable[[Collection[str]], Tuple[List[Row], FrozenSet[str]]]


def summary_of(
    root: str,
    cache: DigestCache,
    look: Look,
    summarise: Callable[[List[Row], Dict[str, str]], Dict[str, Any]],
) -> Dict[str, Any]:
    """What ``summarise`` says of a tree; at once when nothing in the tree has changed since it was last asked."""
    looked = now()
    state = state_of(root, cache.left_out)  # older than the rows: a change in between makes it useless, never wrong
    known = cache.summary(state)
    if known is not None:
        return known
    remembered = cache.digests()
    rows, left_out = look(remembered)
    if left_out != cache.left_out:
        state = state_of(root, left_out)
        rows, left_out = look(remembered)
    digests, missing = split_known(rows, remembered)
    digests.update(hash_files(root, missing))
    summary = summarise(rows, digests)
    cache.save(rows, digests, looked, state=state, summary=summary, left_out=left_out)
    return summary


def tree_from(rows: List[Row], digests: Dict[str, str]) -> Tree:
    """The tree of these files."""
    digest = tree_digest(FileEntry(row[0], row[1], digests[row[0]]) for row in rows)
    return Tree(digest, len(rows), sum(row[1] for row in rows))


def rows_of(root: str) -> List[Row]:
    """Every file of a local folder.

    :raises StoreError: for what cannot be taken, by name; MissingFile when there is no such folder.
    """
    try:
        rows = Walk(root, trouble=_refuse).rows()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFile(f"{root} is not there, or is no folder.", error) from error
    except OSError as error:
        raise StoreError(f"{root} cannot be read: {error.strerror}", error) from error
    return [row for row in rows if TEMPORARY not in row[0]]


def _rows_named(root: str, names: Iterable[str]) -> List[Row]:
    rows = []
    for name in sorted({safe_path(name) for name in names}):
        try:
            at = os.stat(f"{root}/{name}")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFile(f"{root}/{name} does not exist.", error) from error
        rows.append((name, at.st_size, at.st_mtime_ns, at.st_ino, at.st_ctime_ns))
    return rows


def _remembered(root: str, rows: List[Row], looked: int, *, whole: bool) -> Dict[str, str]:
    """Digests by path: remembered where the file is as it was, else from its bytes; what was learnt is kept."""
    cache = DigestCache(root)
    known = cache.digests()
    digests, missing = split_known(rows, known)
    if missing:
        digests.update(hash_files(root, missing))
        others = {} if whole else {path: item for path, item in known.items() if path not in digests}
        cache.save(rows, digests, looked, others=others if len(others) <= _OTHERS + 2 * len(rows) else None)
    return digests


def split_known(rows: List[Row], known: Dict[str, Tuple[Stat, str]]) -> Tuple[Dict[str, str], List[Row]]:
    """The digests that are remembered for the files as they are, and the rows of the others."""
    digests, missing = {}, []
    for row in rows:
        remembered = known.get(row[0])
        if remembered is not None and remembered[0] == row[1:]:
            digests[row[0]] = remembered[1]
        else:
            missing.append(row)
    return digests, missing


def hash_files(root: str, rows: List[Row]) -> Dict[str, str]:
    """Read and hash files, large ones several at once.

    :raises StoreError: when a file is no longer as it was when its row was taken.
    """
    large = [row for row in rows if row[1] >= _LARGE]
    digests = {row[0]: _hash_row(root, row) for row in rows if row[1] < _LARGE}
    if large:
        with ThreadPoolExecutor(min(8, len(large), (os.cpu_count() or 1) + 2)) as pool:
            digests.update(zip([row[0] for row in large], pool.map(lambda row: _hash_row(root, row), large)))
    return digests


def _hash_row(root: str, row: Row) -> str:
    path = f"{root}/{row[0]}"
    found = _passed(path) if row[1] >= _LARGE else _read_small(path, row[1])
    if found.size != row[1]:
        raise StoreError(f"{path} changed while it was being read. Write it completely before it is taken.")
    return found.sha256


def _read_small(path: str, size: int) -> files.Passed:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            data = os.read(descriptor, size + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(path, error) from error
    return files.Passed(hashlib.sha256(data).hexdigest(), len(data))


def _passed(path: str) -> files.Passed:
    try:
        return files.digest_of_file(path)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> StoreError:
    if isinstance(error, FileNotFoundError):
        return MissingFile(f"{path} does not exist.", error)
    return StoreError(f"{path} cannot be read: {redact(error.strerror or str(error))}", error)


def _refuse(path: str, absolute: str, reason: str) -> None:
    raise StoreError(f"{absolute} {reason}. Remove it, or put the file itself in its place.")
