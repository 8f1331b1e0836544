"""``OutputManifest``: the files of one output and one digest of them all. Written last: it is the commit marker."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar, Iterable, Mapping

from mlsteps.contracts.codec import Document

#: Raise when :func:`tree_digest` changes: every digest in every record changes with it.
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class FileEntry(Document):
    """One file: ``path`` relative to the output (posix, ``""`` when the output is itself one file), ``size`` in bytes,
    ``sha256`` in hex, and ``stamp``: what the store said of the file when it was written (etag, or mtime in ns). The
    stamp makes a later check cheap and is no part of the digest."""

    path: str
    size: int
    sha256: str
    stamp: str = ""


@dataclass(frozen=True)
class OutputManifest(Document):
    """What one output holds.

    :param tree: :func:`tree_digest` of ``files``.
    :param is_file: the output is one file, not a folder.
    """

    files: tuple[FileEntry, ...]
    tree: str
    is_file: bool = False
    version: int = MANIFEST_VERSION

    VERSION: ClassVar[int] = MANIFEST_VERSION
    MANY: ClassVar[Mapping[str, type]] = {"files": FileEntry}

    def to_json(self) -> dict[str, Any]:
        """Compact: one list ``[path, size, sha256, stamp]`` a file, not one object."""
        rows = [[item.path, item.size, item.sha256, item.stamp] for item in self.files]
        return {"version": self.version, "tree": self.tree, "is_file": self.is_file, "files": rows}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OutputManifest:
        """The manifest that :meth:`to_json` gave."""
        cls._check_version(data)
        return cls(tuple(FileEntry(*row) for row in data["files"]), data["tree"], data.get("is_file", False))

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(item.size for item in self.files)

    @classmethod
    def of(cls, files: Iterable[FileEntry], is_file: bool = False) -> OutputManifest:
        """The manifest of these files, sorted by path."""
        ordered = tuple(sorted(files, key=lambda item: item.path))
        return cls(ordered, tree_digest(ordered), is_file)


def tree_digest(files: Iterable[FileEntry]) -> str:
    """SHA-256 (hex) over ``path NUL size NUL sha256 LF`` of each file, sorted by path.

    Empty folders, times and permissions do not count. A path cannot hold NUL, so the encoding is unambiguous.
    """
    whole = hashlib.sha256(b"mlsteps-tree-1\n")
    for item in sorted(files, key=lambda entry: entry.path):
        whole.update(f"{item.path}\0{item.size}\0{item.sha256}\n".encode("utf-8", "surrogatepass"))
    return whole.hexdigest()
