"""What every store can do: :class:`Store`, :class:`Entry`, :func:`safe_path`.

A store is one place, such as a folder or a container and a folder in it. Paths in it are posix, relative, without
``..``; ``""`` is the place itself. A file appears whole under its final name or not at all.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import Any, BinaryIO, Callable, Iterator, List, Mapping, NamedTuple, Tuple

from mlsteps.contracts.manifest import FileEntry
from mlsteps.errors import AzureMLException, InvalidInput, StoreError, UnsupportedFeature
from mlsteps.storage.ahead import all_of
from mlsteps.storage.parts import Coming, Kept, Remarks

#: Names that begin so are files on their way; no listing ever shows them.
TEMPORARY = ".mlsteps-tmp-"

#: Told how many bytes have just passed; what it raises ends the transfer, and nothing of the file counts.
Passing = Callable[[int], None]

_DRIVE = re.compile(r"[A-Za-z]:([\\/]|$)")
_SECRETS = re.compile(
    r"(?i)\b((?:sig|signature|token|sas_?token|sas|account_?key|key|client_?secret|secret|password|x-amz-[a-z-]+)=)"
    r"[^&;\s'\"<>]+"
)
_USERINFO = re.compile(r"(\w+://)[^/@\s]*:[^/\s]*@")


class Entry(NamedTuple):
    """One file of a store: its path, its size in bytes, and a stamp that changes when it is written again.

    The stamp is the content's MD5 or the etag where the store gives one, otherwise the time of the last change (a
    local store: nanoseconds).

    :param changed: when the file was last written, in ns since the epoch as far as the store tells it (most: whole
        seconds); 0 when it does not.
    :param tag: the etag, if there is one: a put tells no more than it.
    """

    path: str
    size: int
    stamp: str
    changed: int = 0
    tag: str = ""

    def is_stamped(self, stamp: str) -> bool:
        """Whether ``stamp`` is this file's, be it as a listing gives it or as ``tag:`` and what a put answered."""
        return stamp == self.stamp or bool(self.tag and stamp == f"tag:{self.tag}")


class Known(NamedTuple):
    """The digest of a local file in one state: size, mtime, inode, ctime."""

    sha256: str
    state: Tuple[int, int, int, int]


class Child(NamedTuple):
    """A name immediately below a folder."""

    name: str
    is_folder: bool


class MissingFile(StoreError, FileNotFoundError):
    """There is nothing at this path; also a ``FileNotFoundError``."""


def safe_path(path: str) -> str:
    """``path`` in its one normal form: no ``.``, no doubled or trailing slash.

    :raises InvalidInput: for ``..``, an absolute path, a drive letter or NUL, which could leave the store.
    """
    if not path:
        return ""
    if "\0" in path or path.startswith(("/", "\\")) or _DRIVE.match(path):
        raise InvalidInput(f"{path!r} is no path inside a store", expected="a relative path such as 'data/train.csv'")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if any(".." in part.split("\\") for part in parts):
        raise InvalidInput(f"{path!r} leaves its folder", expected="a path without '..'")
    return "/".join(parts)


def redact(text: str) -> str:
    """``text`` without what looks like a secret: passwords and signatures in URLs."""
    return _SECRETS.sub(r"\1***", _USERINFO.sub(r"\1***@", text))


_WRITING = ("write", "create", "append to")  # what is to be written need not be there: what it goes to is not


def _is_absence(error: Exception) -> bool:
    absent = isinstance(error, FileNotFoundError) or getattr(error, "errno", None) == errno.ENOENT
    return absent or type(error).__name__ in ("ResourceNotFoundError", "NoSuchKey")


def _of_another(error: Exception, place: str) -> str:
    """The file that an error is about, where that is another one than ``place``: what was to be written there."""
    name = getattr(error, "filename", None)
    if not isinstance(error, OSError) or not isinstance(name, str) or TEMPORARY in name or name in place:
        return ""
    # The web's errors have an address there, with what it was signed by.
    return f": {name}" if os.path.isabs(name) else ""


class Store(ABC):
    """One place that holds files.

    Methods raise :class:`MissingFile` when a path they must read is absent, :class:`StoreError` for every other
    refusal, and ``InvalidInput`` for paths that :func:`safe_path` refuses.
    """

    url: str
    #: Whether what a put answers is enough to know the file by again.
    gives_tags = False

    #: What another process opens the same store with: ``{"url": ..., "credentials": ...}``. It holds secrets, so it is
    #: for a pipe to that process and nothing else. None: another process cannot open it.
    opened_with: Mapping[str, Any] | None = None

    @abstractmethod
    def list(self, path: str = "") -> Iterator[Entry]:
        """All files below ``path``, or the file at ``path`` itself, sorted by path; nothing when it is absent."""

    @abstractmethod
    def children(self, path: str = "") -> List[Child]:
        """The names immediately below a folder, sorted; none when it is absent."""

    @abstractmethod
    def entry(self, path: str) -> Entry | None:
        """The file at ``path``; None when there is none."""

    @abstractmethod
    def kind(self, path: str) -> str | None:
        """``"file"``, ``"directory"``, or None for neither."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The whole content of a file."""

    @abstractmethod
    def open(self, path: str, size: int | None = None) -> BinaryIO:
        """A file opened for reading from its start; the caller closes it.

        :param size: in bytes, when it is known already: it may save a request.
        """

    def stream(self, path: str, size: int | None = None) -> BinaryIO:
        """As :meth:`open`, for a file that is read once from its start to its end."""
        return self.open(path, size)

    def section(self, path: str, start: int, end: int, size: int) -> BinaryIO:
        """The bytes from ``start`` to before ``end`` of a file of ``size`` bytes, read once in order."""
        file = self.open(path, size) if start else self.stream(path, size)
        try:
            if file.seekable():
                file.seek(start)
            else:
                for _ in all_of(file, start):
                    pass
        except BaseException:
            file.close()
            raise
        return file

    @abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Make or replace a file, whole or not at all."""

    @abstractmethod
    def create(self, path: str, data: bytes) -> bool:
        """Make a file unless it exists; False when it does. Of several at once, one gets True."""

    @abstractmethod
    def append(self, path: str, data: bytes) -> None:
        """Add to the end of a file, making it when absent. Safe with one writer a file, unless the store is local."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file, or a folder with all in it; an absent one is fine. The store's root is refused."""

    @abstractmethod
    def put_file(self, local: str, path: str, *, move: bool = False, stamp: bool = True) -> FileEntry:
        """Bring a local file here, hashing it while it passes.

        :param move: the local file is no longer needed and may be taken as it is.
        :param stamp: False leaves ``stamp`` empty, which saves a request on remote stores.
        :returns: the entry, its ``path`` as given.
        """

    @abstractmethod
    def get_file(self, path: str, local: str) -> FileEntry:
        """Bring a file to ``local``, whole or not at all, hashing it while it passes."""

    @abstractmethod
    def below(self, path: str) -> Store:
        """The store rooted at a folder of this one."""

    def read_range(self, path: str, start: int, count: int) -> bytes:
        """``count`` bytes of a file from ``start`` on; fewer only where the file ends.

        :raises StoreError: when the store cannot read from the middle of a file.
        """
        with self._trouble(path, "read"), self.open(path) as file:
            file.seek(start)
            return file.read(count)

    def receive(self, source: BinaryIO, path: str, *, stamp: bool = True, passing: Passing | None = None) -> FileEntry:
        """Make or replace a file with what an open file holds, hashing it while it passes; whole or not at all.

        :param stamp: False leaves ``stamp`` empty, or a ``tag:`` (see :meth:`Entry.is_stamped`), when it would take a
            request of its own.
        """
        with tempfile.NamedTemporaryFile(prefix="mlsteps-") as spool:
            for piece in iter(lambda: source.read(1 << 20), b""):
                spool.write(piece)
                if passing is not None:
                    passing(len(piece))
            spool.flush()
            return self.put_file(spool.name, path, stamp=stamp)

    def receive_parts(
        self,
        coming: Coming,
        path: str,
        *,
        remarks: Remarks,
        passing: Passing,
        kept: Kept,
    ) -> FileEntry | None:
        """Make or replace a large file, going on with the parts of it that a killed call has left.

        :param remarks: where the store keeps what a later call needs to find them.
        :returns: the entry; its ``sha256`` is empty where parts that had arrived are not at hand to be read again.
            None: the store cannot, and nothing was done.
        """
        return None

    def give_up_parts(self, path: str, remark: str) -> None:
        """Remove what an interrupted :meth:`receive_parts` has left; nothing is fine.

        :param remark: what it had remarked.
        """
        return None

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
        """Make or replace a file with one of another store in a shorter way than through this process.

        :param kept: told how many bytes need not be copied, because a killed call has.

        :param size: of the source in bytes, when the caller looks afterwards whether all of it has arrived; the
            ``stamp`` may then be a ``tag:`` (see :meth:`Entry.is_stamped`).
        :param known: the digest of a local source, which then need not be read for it while it is in that state.
        :returns: the entry; where the service copies by itself its ``sha256`` is empty. None: there is no shorter way.
        """
        return None

    def tree(self, path: str) -> Iterator[Entry]:
        """All files below a folder, as :meth:`list`; never the file of that very name that an object store may have."""
        path = safe_path(path)
        return (entry for entry in self.list(path) if entry.path != path)

    def files_in(self, path: str = "") -> List[Entry]:
        """The files immediately below a folder, sorted by path; none when it is absent."""
        prefix = safe_path(path) + "/" if path else ""
        return [
            entry for entry in self.list(path) if "/" not in entry.path[len(prefix) :] and entry.path != prefix[:-1]
        ]

    def rows(self, query: str, timeout: int = 30) -> Iterator[Any]:
        """The rows of a query, where the store is a database (``storage.databases``)."""
        raise UnsupportedFeature(f"A query to {self.url}", "it holds files and no rows", "a datastore of a database")

    def folders(self, path: str = "") -> List[str]:
        """Names of the immediate sub-folders, sorted."""
        return [child.name for child in self.children(path) if child.is_folder]

    def local_path(self, path: str) -> str | None:
        """The path on this machine's file system; None when the store is not local."""
        safe_path(path)
        return None

    def url_of(self, path: str) -> str:
        """The URL of a path in this store, without credentials."""
        path = safe_path(path)
        above = self.url.rstrip("/")
        above += "//" if above.endswith(":") else ""  # the root of all: file:///
        return f"{above}/{path}" if path else self.url

    @contextmanager
    def _trouble(self, path: str, doing: str) -> Iterator[None]:
        """Turn what drivers and the system raise into errors that name the store and the path."""
        try:
            yield
        except AzureMLException:
            raise
        except Exception as error:  # drivers raise classes of their own, which are not imported here
            place = self.url_of(path)
            if _is_absence(error):
                text = f"{place} does not exist (while trying to {doing} it)."
                if doing in _WRITING:
                    text = f"{place}: could not {doing} it. Does the bucket, container or share of {self.url} exist?"
                raise MissingFile(text, error) from error
            reason = redact(getattr(error, "strerror", None) or str(error) or repr(error)) + _of_another(error, place)
            text = f"{place}: could not {doing} it: {type(error).__name__}: {reason}"
            raise StoreError(text, error) from error

    def _not_root(self, path: str) -> str:
        path = safe_path(path)
        if not path:
            raise InvalidInput(f"The root of {self.url} cannot be deleted", expected="a path below it")
        return path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"
