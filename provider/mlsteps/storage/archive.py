"""Zip files of source directories: the same content gives the same entries, and none can leave its folder."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from contextlib import contextmanager
from typing import IO, Dict, Iterable, Iterator, List, Set, Tuple

from mlsteps.contracts.manifest import FileEntry, tree_digest
from mlsteps.errors import InvalidInput, SnapshotException
from mlsteps.storage import files
from mlsteps.storage.base import safe_path

#: The first moment a zip can hold: times are no part of a snapshot.
_TIME = (1980, 1, 1, 0, 0, 0)

#: Files of an archive at most: an empty one costs a few bytes in it, and an inode outside.
MOST_FILES = 100_000

#: Tree digest of an archive's files, and the paths of those that may be executed.
Content = Tuple[str, List[str]]


def pack(directory: str, names: Iterable[str], path: str) -> Content:
    """Write the files ``names`` of ``directory`` into a new zip at ``path``, hashing what goes in."""
    entries, executable = [], []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as whole:
        for name in sorted(names):
            source = os.path.join(directory, name)
            may_run = bool(os.stat(source).st_mode & 0o100)
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = 3  # Unix: the permission bits count
            info.external_attr = (stat.S_IFREG | (0o755 if may_run else 0o644)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with whole.open(info, "w", force_zip64=True) as target:
                passed = files.copy_hashed(source, target)
            info.comment = passed.sha256.encode()  # goes into the directory at the end, for :func:`digests`
            entries.append(FileEntry(name, passed.size, passed.sha256))
            executable += [name] if may_run else []
    return tree_digest(entries), executable


def digests(file: IO[bytes]) -> Dict[str, str]:
    """SHA-256 of each file of an open zip that :func:`pack` has written, from its directory alone.

    :raises SnapshotException: for what is no zip.
    """
    try:
        with zipfile.ZipFile(file) as whole:
            return {info.filename: info.comment.decode("ascii", "replace") for info in whole.infolist()}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, ValueError) as error:
        raise SnapshotException(f"The snapshot cannot be read: {error}", inner_exception=error) from error


@contextmanager
def into_folder(target: str) -> Iterator[str]:
    """A new folder that becomes ``target`` when the block ends well, and vanishes when it does not."""
    target = os.path.abspath(target)
    if os.path.lexists(target) and not (os.path.isdir(target) and not os.listdir(target)):
        raise SnapshotException(f"{target} is in the way: a snapshot is unpacked into an absent or empty folder.")
    folder = files.temporary_beside(target)
    os.makedirs(folder)
    try:
        yield folder
        os.rename(folder, target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def extract(file: IO[bytes], folder: str, most: int) -> Content:
    """Unpack an open zip into an empty folder.

    :param most: bytes to write at most, as declared and as they really come.
    :raises SnapshotException: for what is no whole zip, for names that leave the folder, links, repeated names, more
        than ``most`` bytes, and more than :data:`MOST_FILES` files.
    """
    entries, executable = [], []
    try:
        with zipfile.ZipFile(file) as whole:
            for info in _checked(whole.infolist(), most):
                target = os.path.join(folder, info.filename)
                with whole.open(info) as source, files.open_new(target) as out:
                    passed = files.transfer(source, out, info.file_size)
                entries.append(FileEntry(info.filename, passed.size, passed.sha256))
                if (info.external_attr >> 16) & 0o100:
                    os.chmod(target, os.stat(target).st_mode | 0o111)
                    executable.append(info.filename)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise SnapshotException(f"The snapshot cannot be unpacked: {error}", inner_exception=error) from error
    return tree_digest(entries), executable


def _checked(infos: List[zipfile.ZipInfo], most: int) -> List[zipfile.ZipInfo]:
    if len(infos) > MOST_FILES:
        raise SnapshotException(f"The snapshot would unpack to {len(infos)} files; the limit is {MOST_FILES}.")
    seen: Set[str] = set()
    declared = 0
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        declared += info.file_size
        if "\\" in info.filename or _normal(info.filename) != info.filename:
            raise SnapshotException(f"The snapshot holds {info.filename!r}, a name that leaves its folder.")
        if kind not in (0, stat.S_IFREG):
            raise SnapshotException(f"The snapshot holds {info.filename!r}, which is no regular file.")
        if info.filename in seen:
            raise SnapshotException(f"The snapshot holds {info.filename!r} twice.")
        seen.add(info.filename)
    if declared > most:
        raise SnapshotException(f"The snapshot would unpack to {declared} bytes; the limit is {most}.")
    return infos


def _normal(name: str) -> str | None:
    try:
        return safe_path(name)
    except InvalidInput:
        return None
