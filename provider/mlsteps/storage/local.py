"""A store in a folder of this machine (or of a network file system mounted on it). Standard library only."""

from __future__ import annotations

import errno
import os
import shutil
import stat as stats
from typing import BinaryIO, Iterator, List

from mlsteps.contracts.manifest import FileEntry
from mlsteps.storage import files
from mlsteps.storage.base import TEMPORARY, Child, Entry, Known, MissingFile, Passing, Store, safe_path
from mlsteps.storage.local_copy import copy_hashed_fast, copy_in_parts
from mlsteps.storage.part_file import InUse, PartFile, remove_part
from mlsteps.storage.parts import LARGE, Coming, Kept, Remarks
from mlsteps.storage.walk import Walk


class LocalStore(Store):
    """Files below ``root``, which is made when the first file is written.

    Links to files and folders are followed; one that leads round in a circle is passed by in listings.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.url = "file://" + self.root

    def _at(self, path: str) -> str:
        path = safe_path(path)
        return os.path.join(self.root, path) if path else self.root

    def list(self, path: str = "") -> Iterator[Entry]:
        path = safe_path(path)
        at = self._at(path)
        single = self.entry(path)
        if single is not None:
            yield single
            return
        prefix = path + "/" if path else ""
        with self._trouble(path, "list"):
            rows = Walk(at).rows() if os.path.isdir(at) else []
        for name, size, changed, _, _ in rows:
            if TEMPORARY not in name:
                yield Entry(prefix + name, size, str(changed), changed)

    def children(self, path: str = "") -> List[Child]:
        found = []
        with self._trouble(path, "list"):
            try:
                with os.scandir(self._at(path)) as entries:
                    found = [Child(item.name, item.is_dir()) for item in entries if not item.name.startswith(TEMPORARY)]
            except (FileNotFoundError, NotADirectoryError):
                return []
        return sorted(found)

    def files_in(self, path: str = "") -> List[Entry]:
        path = safe_path(path)
        prefix = path + "/" if path else ""
        found = [self.entry(prefix + child.name) for child in self.children(path) if not child.is_folder]
        return [entry for entry in found if entry is not None]  # one may have gone since

    def entry(self, path: str) -> Entry | None:
        path = safe_path(path)
        at = self._at(path)
        with self._trouble(path, "look at"):
            try:
                found = os.stat(at)
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not os.path.isfile(at):
            return None
        return Entry(path, found.st_size, str(found.st_mtime_ns), found.st_mtime_ns)

    def kind(self, path: str) -> str | None:
        with self._trouble(path, "look at"):
            try:
                mode = os.stat(self._at(path)).st_mode
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    raise
                return None
        return "directory" if stats.S_ISDIR(mode) else "file" if stats.S_ISREG(mode) else None

    def read(self, path: str) -> bytes:
        with self._trouble(path, "read"), open(self._at(path), "rb") as file:
            return file.read()

    def open(self, path: str, size: int | None = None) -> BinaryIO:
        with self._trouble(path, "open"):
            return open(self._at(path), "rb")

    def write(self, path: str, data: bytes) -> None:
        with self._trouble(path, "write"):
            files.write_whole(self._at(path), data)

    def create(self, path: str, data: bytes) -> bool:
        with self._trouble(path, "create"):
            at = self._at(path)
            return not os.path.lexists(at) and files.create_whole(at, data)

    def append(self, path: str, data: bytes) -> None:
        """Add to the end in one system call; lines of several writers do not mix (local file systems, not NFS)."""
        at = self._at(path)
        with self._trouble(path, "append to"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            try:
                descriptor = os.open(at, flags, 0o666)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(at), exist_ok=True)
                descriptor = os.open(at, flags, 0o666)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                files.write_all(file, data)

    def delete(self, path: str) -> None:
        """Remove a file or a tree; a tree is first renamed, so that it goes at once for whoever looks."""
        at = self._at(self._not_root(path))
        with self._trouble(path, "delete"):
            if os.path.isdir(at) and not os.path.islink(at):
                hidden = files.temporary_beside(at)
                os.rename(at, hidden)
                shutil.rmtree(hidden)
            else:
                files.remove_quietly(at)

    def put_file(self, local: str, path: str, *, move: bool = False, stamp: bool = True) -> FileEntry:
        final = self._at(path)
        with self._trouble(path, "write"):
            if move and os.path.exists(final) and os.path.samefile(local, final):
                passed = files.digest_of_file(final)
            else:
                passed = (_renamed(local, final) if move else None) or _copied(local, final, remove=move)
        return FileEntry(path, passed.size, passed.sha256, str(passed.changed) if stamp else "")

    def get_file(self, path: str, local: str) -> FileEntry:
        if self.kind(path) != "file":
            raise MissingFile(f"{self.url_of(path)} is not there, or is not a file.")
        with self._trouble(path, "read"), files.replacing(os.path.abspath(local)) as target:
            passed = files.copy_hashed(self._at(path), target)
        return FileEntry(path, passed.size, passed.sha256, str(passed.changed))

    def receive(self, source: BinaryIO, path: str, *, stamp: bool = True, passing: Passing | None = None) -> FileEntry:
        with self._trouble(path, "write"), files.replacing(self._at(path)) as target:
            passed = files.transfer(source, target, passing=passing)
            changed = os.fstat(target.fileno()).st_mtime_ns
        return FileEntry(path, passed.size, passed.sha256, str(changed) if stamp else "")

    def receive_parts(
        self,
        coming: Coming,
        path: str,
        *,
        remarks: Remarks,
        passing: Passing,
        kept: Kept,
    ) -> FileEntry | None:
        """In a file beside it; of two at once, the second does it in the ordinary way."""
        try:
            with self._trouble(path, "write"), PartFile(self._at(path), coming.key, coming.stamp) as part:
                kept(part.size)
                with coming.open(part.size, coming.size) as source:
                    part.take(source, coming.size - part.size, passing)
                coming.check()
                part.verify(coming.place)
                changed = part.finish()
        except InUse:
            return None
        return FileEntry(path, part.size, part.whole.hexdigest(), str(changed))

    def give_up_parts(self, path: str, remark: str) -> None:
        with self._trouble(path, "clean up"):
            remove_part(self._at(path))

    def copy_from(
        self,
        source: Store,
        source_path: str,
        path: str,
        *,
        passing: Passing | None = None,
        kept: Kept | None = None,
        known: Known | None = None,
        size: int = -1,
    ) -> FileEntry | None:
        """From another folder of this machine: the kernel copies while the digest is computed beside it."""
        real = source.local_path(source_path)
        if real is None:
            return None
        with self._trouble(path, "write"):
            if os.path.getsize(real) >= LARGE and passing is not None and kept is not None:
                try:
                    passed = copy_in_parts(real, self._at(path), passing, kept, known)
                except InUse:
                    passed = copy_hashed_fast(real, self._at(path), passing, known)
            else:
                passed = copy_hashed_fast(real, self._at(path), passing, known)
        return FileEntry(path, passed.size, passed.sha256, str(passed.changed))

    def below(self, path: str) -> LocalStore:
        return LocalStore(self._at(path))

    def local_path(self, path: str) -> str | None:
        return self._at(path)


def _copied(local: str, final: str, remove: bool) -> files.Passed:
    with files.replacing(final) as target:
        passed = files.copy_hashed(local, target)
        changed = os.fstat(target.fileno()).st_mtime_ns
    if remove:
        files.remove_quietly(local)
    return passed._replace(changed=changed)


def _renamed(local: str, final: str) -> files.Passed | None:
    """Give the local file its final name without copying; None when that cannot be done or would share it.

    A link, or a file that has a second hard link, is somebody else's as well: it is copied.
    """
    if os.path.islink(local) or not os.path.isfile(local) or os.stat(local).st_nlink > 1:
        return None
    passed = files.digest_of_file(local)
    os.makedirs(os.path.dirname(final), exist_ok=True)
    try:
        os.replace(local, final)
    except OSError:
        if os.path.isdir(final):
            raise
        return None  # another file system
    return passed
