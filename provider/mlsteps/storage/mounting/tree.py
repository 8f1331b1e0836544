"""The fixed list of files that a mount shows, as a tree."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple

from mlsteps.errors import StoreError
from mlsteps.storage.base import safe_path


class Leaf(NamedTuple):
    """One file of a mount.

    :param store: number of its store; :param path: there; :param size: bytes; :param stamp: what it was when the mount
        was made; :param changed: when it was last written, in ns since the epoch.
    """

    store: int
    path: str
    size: int
    stamp: str
    changed: int


class Tree:
    """Files and folders by their path below the mount, without a leading slash; ``""`` is the mount itself.

    :param rows: ``[relative, store, path, size, stamp, changed]`` of each file.
    :raises StoreError: for a name that is a file's and a folder's, which object stores can hold and folders cannot.
    """

    def __init__(self, rows: List[List[Any]]) -> None:
        self.files: Dict[str, Leaf] = {}
        self.folders: Dict[str, List[str]] = {"": []}
        self.size = 0
        for relative, *leaf in rows:
            path = safe_path(relative)
            self._folder(path.rpartition("/")[0])
            self._add(path, Leaf(*leaf))

    def _add(self, path: str, leaf: Leaf) -> None:
        if path in self.files or path in self.folders:
            raise StoreError(f"Two files of the dataset have the name {path!r}, or a file and a folder have.")
        self.files[path] = leaf
        self._list(path)
        self.size += leaf.size

    def _folder(self, path: str) -> None:
        if path in self.folders:
            return
        if path in self.files:
            raise StoreError(f"{path!r} is a file and a folder at once, which no folder of this machine can hold.")
        parent = path.rpartition("/")[0]
        self._folder(parent)
        self.folders[path] = []
        self._list(path)

    def _list(self, path: str) -> None:
        parent, _, name = path.rpartition("/")
        self.folders[parent].append(name)
