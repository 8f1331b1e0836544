"""Walk a local tree fast, with one rule for links: followed, never round in a circle.

The loops are written for speed (:func:`state_of` sees 20,000 files in less than twice the time of ``git status``),
hence plain tuples. Threads only make them slower: Python's own lock is what they would wait for.
"""

from __future__ import annotations

import hashlib
import marshal
import os
from typing import Callable, Collection, Dict, FrozenSet, List, Set, Tuple

from mlsteps.errors import StoreError

#: path relative to the root (posix), size, mtime in ns, inode, ctime in ns
Row = Tuple[str, int, int, int, int]

#: Called with (relative path, absolute path) of a folder; False leaves it out with all below.
Enter = Callable[[str, str], bool]

#: Called with (relative path, absolute path, reason) of what cannot be walked; may raise.
Trouble = Callable[[str, str, str], None]

_LOOP = "is a link to a folder that holds it, a loop"
_BROKEN = "is a link to nothing"
_SPECIAL = "is neither a file nor a folder"


class _Folder:
    """A folder still to be read; ``holders`` are the real folders whose links led here."""

    __slots__ = ("holders", "path", "prefix")

    def __init__(self, path: str, prefix: str, holders: Tuple[str, ...] = ()) -> None:
        self.path = path
        self.prefix = prefix
        self.holders = holders


class Walk:
    """One walk of a tree; :meth:`rows` does it.

    :param left_out: relative paths to pass by; folders end in ``/``.
    :param enter: asked for each folder below the root.
    :param trouble: told of loops, broken links and special files, which are passed by unless it raises.
    :param link: told of each other link before it is followed: its relative path and what it leads to.
    """

    def __init__(
        self,
        root: str,
        *,
        left_out: FrozenSet[str] = frozenset(),
        enter: Enter | None = None,
        trouble: Trouble | None = None,
        link: Callable[[str, str], None] | None = None,
    ) -> None:
        self.root = root
        self.left_out = left_out
        self.enter = enter
        self.trouble = trouble
        self.link = link
        self.folders: List[str] = []
        self._found: List[Row] = []
        self._waiting: List[_Folder] = []

    def rows(self) -> List[Row]:
        """Every file, sorted by path.

        :raises StoreError: for a folder that cannot be read; OSError when it is the root.
        """
        self._found = []
        self._waiting = [_Folder(self.root, "")]
        while self._waiting:
            folder = self._waiting.pop()
            try:
                self._read(folder)
            except FileNotFoundError:
                if folder.path == self.root:
                    raise
            except OSError as error:
                if folder.path == self.root:
                    raise
                # Never passed by: a listing that lacks a folder would be taken for the whole.
                raise StoreError(f"The folder {folder.path} cannot be read: {error.strerror}", error) from error
        self._found.sort()
        return self._found

    def _read(self, folder: _Folder) -> None:
        prefix, left_out, found = folder.prefix, self.left_out, self._found
        with os.scandir(folder.path) as entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.is_file(follow_symlinks=False):
                    if path in left_out:
                        continue
                    try:
                        at = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # gone since the folder was read, as files on their way do
                    found.append((path, at.st_size, at.st_mtime_ns, at.st_ino, at.st_ctime_ns))
                elif entry.is_dir(follow_symlinks=False):
                    self._folder(path, entry.path, folder.holders)
                elif path not in left_out:
                    self._other(folder, entry, path)

    def _folder(self, path: str, real: str, holders: Tuple[str, ...]) -> None:
        if path + "/" in self.left_out or (self.enter and not self.enter(path, real)):
            return
        self.folders.append(path)
        self._waiting.append(_Folder(real, path + "/", holders))

    def _other(self, folder: _Folder, entry: os.DirEntry[str], path: str) -> None:
        if not entry.is_symlink():
            self._tell(path, entry.path, _SPECIAL)
            return
        target = os.path.realpath(entry.path)
        try:
            at = os.stat(entry.path)
        except OSError:
            self._tell(path, entry.path, _BROKEN)
            return
        if entry.is_dir():
            self._linked_folder(folder, path, entry.path, target)
        elif entry.is_file():
            if self.link:
                self.link(path, target)
            self._found.append((path, at.st_size, at.st_mtime_ns, at.st_ino, at.st_ctime_ns))
        else:
            self._tell(path, entry.path, _SPECIAL)

    def _linked_folder(self, folder: _Folder, path: str, absolute: str, target: str) -> None:
        if path + "/" in self.left_out:
            return
        holders = folder.holders + (os.path.realpath(folder.path),)
        if any((holder + "/").startswith(target.rstrip("/") + "/") for holder in holders):
            self._tell(path, absolute, _LOOP)
            return
        if self.link:
            self.link(path, target)
        self._folder(path, absolute, holders)

    def _tell(self, path: str, absolute: str, reason: str) -> None:
        if self.trouble:
            self.trouble(path, absolute, reason)


def is_below(path: str, root: str) -> bool:
    """Whether the real path ``path`` is the real folder ``root`` or lies in it."""
    return (path + "/").startswith(root.rstrip("/") + "/")


def state_of(root: str, left_out: FrozenSet[str]) -> str | None:
    """One digest over the names, sizes, times and inodes of all files; nothing is read.

    :returns: None when the tree holds links or special files, which need the rules of :class:`Walk`, or changes
        meanwhile.
    """
    passed_by = _by_folder(left_out)
    whole = hashlib.sha256()
    waiting = [(root, "")]
    try:
        while waiting:
            folder, prefix = waiting.pop()
            names, stats, folders = _look(folder, passed_by.get(prefix, ()))
            states = [(at.st_size, at.st_mtime_ns, at.st_ino, at.st_ctime_ns) for at in stats]
            whole.update(marshal.dumps([prefix, names, states], 2))
            waiting += [(f"{folder}/{name}", f"{prefix}{name}/") for name in folders]
    except OSError:
        return None
    return whole.hexdigest()


def _look(folder: str, passed_by: Collection[str]) -> Tuple[List[str], List[os.stat_result], List[str]]:
    """Names and states of a folder's files, and names of its folders; OSError for anything else in it."""
    descriptor = os.open(folder, os.O_RDONLY)  # relative to it, the system need not resolve each path again
    try:
        with os.scandir(descriptor) as found:
            entries = list(found)
        if passed_by:
            entries = [entry for entry in entries if entry.name not in passed_by]
        files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
        folders: List[str] = []
        if len(files) < len(entries):
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            if len(files) + len(folders) < len(entries):
                raise OSError("links and special files are for Walk")
        return [entry.name for entry in files], [entry.stat(follow_symlinks=False) for entry in files], folders
    finally:
        os.close(descriptor)


def _by_folder(paths: FrozenSet[str]) -> Dict[str, Set[str]]:
    answer: Dict[str, Set[str]] = {}
    for path in paths:
        folder, _, name = path.rstrip("/").rpartition("/")
        answer.setdefault(folder + "/" if folder else "", set()).add(name)
    return answer
