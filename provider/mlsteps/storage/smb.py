"""A store on an SMB share: Azure Files, Samba, Windows. Needs smbprotocol.

fsspec has a driver for SMB, too. This one asks the server for what that cannot: sizes and times with the listing
itself, exclusive creation, renaming onto a file in one step, appending, and copies that the server makes.
"""

from __future__ import annotations

import datetime
import errno
import random
import threading
import time
from typing import Any, BinaryIO, Dict, Iterator, List, Mapping, Tuple
from urllib.parse import unquote, urlsplit

from mlsteps.contracts.manifest import FileEntry
from mlsteps.errors import InvalidInput, StoreError
from mlsteps.storage import files
from mlsteps.storage.base import TEMPORARY, Child, Entry, Known, MissingFile, Passing, Store, safe_path
from mlsteps.storage.growing import Ground, gone, grown
from mlsteps.storage.part_file import InUse
from mlsteps.storage.parts import Coming, Kept, Remarks

_FORBIDDEN = frozenset('\\:*?"<>|')
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_SHARED = "rwd"  # others may read, write and replace a file while it is open here
_IN_USE = 0xC0000043  # STATUS_SHARING_VIOLATION
_IN_THE_WAY = (_IN_USE, 0xC0000022)  # STATUS_ACCESS_DENIED, which is also what it means
_MOMENT = 2.0  # seconds in which another that replaces the same file is done
_PATIENCE = 30.0  # seconds that an append waits for other writers
_FOLDER = 0x10  # FILE_ATTRIBUTE_DIRECTORY

# Connections by server and user, for all stores of the process: a session costs a handshake.
_connections: Dict[Tuple[Any, ...], Tuple[Any, Dict[str, Any]]] = {}
_lock = threading.Lock()


class SmbStore(Store):
    """Files below ``root`` of a server: ``share/folder``.

    ``create`` and ``append`` are safe between machines.

    :param access: ``username``, ``password``, ``port``, ``encrypt``.
    """

    def __init__(self, url: str, server: str, root: str, access: Mapping[str, Any]) -> None:
        import smbclient  # type: ignore[import-not-found, import-untyped]

        self.url = url
        self._client = smbclient
        self._server = server
        self._root = root
        self._access = dict(access)
        known = tuple(sorted((name, str(value)) for name, value in access.items()))
        with _lock:
            self._connecting, cache = _connections.setdefault((server, known), (threading.Lock(), {}))
        self._given = {"port": 445, **self._access, "connection_cache": cache}

    @property
    def _options(self) -> Dict[str, Any]:
        """What each call of the client takes, once there is a session, which one thread at a time looks for.

        Left to itself, every thread that finds none begins one, and a server answers one request of a new connection.
        """
        with self._connecting:
            self._client.register_session(self._server, **self._given)
        return self._given

    def _at(self, path: str) -> str:
        """The path as Windows writes it. What a share has no name for is refused by name."""
        path = safe_path(path)
        for part in path.split("/"):
            if _FORBIDDEN & set(part) or part != part.rstrip(". "):
                raise InvalidInput(
                    f"{path!r} cannot be a path on the share {self.url}",
                    expected='names without \\ : * ? " < > | that end in neither a dot nor a space',
                )
        whole = "/".join(item for item in (self._root, path) if item)
        return "\\\\" + self._server + "\\" + whole.replace("/", "\\")

    def list(self, path: str = "") -> Iterator[Entry]:
        single = self.entry(path)
        found = [single] if single else list(self._below(safe_path(path)))
        yield from sorted(entry for entry in found if TEMPORARY not in entry.path)

    def _below(self, path: str) -> Iterator[Entry]:
        for name, is_folder, size, stamp in self._scan(path):
            inner = f"{path}/{name}" if path else name
            if is_folder:
                yield from self._below(inner)
            else:
                yield Entry(inner, size, stamp, _nanoseconds(stamp))

    def _scan(self, path: str) -> List[Tuple[str, bool, int, str]]:
        """Name, whether it is a folder, size and stamp of all that lies immediately below; nothing for no folder."""
        with self._trouble(path, "list"):
            try:
                infos = [item.smb_info for item in self._client.scandir(self._at(path), **self._options)]
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR):
                    return []
                raise
        return [
            (info.file_name, bool(info.file_attributes & _FOLDER), info.end_of_file, _stamp(info.last_write_time))
            for info in infos
            if not info.file_name.startswith(TEMPORARY)
        ]

    def children(self, path: str = "") -> List[Child]:
        return sorted(Child(name, is_folder) for name, is_folder, _, _ in self._scan(path))

    def files_in(self, path: str = "") -> List[Entry]:
        """The files immediately below a folder, sorted by path; none when it is absent."""
        prefix = f"{safe_path(path)}/" if safe_path(path) else ""
        found = [(prefix + name, size, stamp) for name, folder, size, stamp in self._scan(path) if not folder]
        return sorted(Entry(name, size, stamp, _nanoseconds(stamp)) for name, size, stamp in found)

    def _info(self, path: str) -> Any:
        with self._trouble(path, "look at"):
            try:
                return self._client.stat(self._at(path), **self._options)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR):
                    return None
                raise

    def entry(self, path: str) -> Entry | None:
        found = self._info(path)
        if found is None or found.st_file_attributes & _FOLDER:
            return None
        stamp = str(found.st_mtime_ns // 1000)
        return Entry(safe_path(path), found.st_size, stamp, _nanoseconds(stamp))

    def kind(self, path: str) -> str | None:
        found = self._info(path)
        return None if found is None else "directory" if found.st_file_attributes & _FOLDER else "file"

    def read(self, path: str) -> bytes:
        with self._trouble(path, "read"), self._file(path, "rb") as file:
            return bytes(file.read())

    def open(self, path: str, size: int | None = None) -> BinaryIO:
        with self._trouble(path, "open"):
            opened: BinaryIO = self._client.open_file(
                self._at(path), "rb", buffering=files.CHUNK, share_access=_SHARED, **self._options
            )
            return opened

    def _file(self, path: str, mode: str, share_access: str | None = _SHARED) -> Any:
        return self._client.open_file(self._at(path), mode, buffering=0, share_access=share_access, **self._options)

    def write(self, path: str, data: bytes) -> None:
        with self._trouble(path, "write"):
            self._put(path, lambda file: files.write_all(file, data), self._replace)

    def create(self, path: str, data: bytes) -> bool:
        """Make a file unless it exists: renaming fails when the name is taken, on the server, whoever else asks."""
        with self._trouble(path, "create"):
            try:
                self._put(path, lambda file: files.write_all(file, data), self._client.rename)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise
                return False
        return True

    def append(self, path: str, data: bytes) -> None:
        """Add to the end; while one writer has the file open, others wait for it."""
        with self._trouble(path, "append to"):
            try:
                file = self._alone(path)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
                self._make_folder(path)
                file = self._alone(path)
            with file:
                files.write_all(file, data)

    def _alone(self, path: str) -> Any:
        """The file opened for appending, for this writer alone."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._file(path, "ab", share_access="r")
            except OSError as error:
                if getattr(error, "ntstatus", None) != _IN_USE or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.002, 0.03))

    def delete(self, path: str) -> None:
        kind = self.kind(self._not_root(path))
        with self._trouble(path, "delete"):
            if kind == "file":
                self._client.remove(self._at(path), **self._options)
            elif kind == "directory":
                from smbclient.shutil import rmtree  # type: ignore[import-not-found, import-untyped]

                hidden = files.temporary_beside(safe_path(path))
                self._client.rename(self._at(path), self._at(hidden), **self._options)
                rmtree(self._at(hidden), **self._options)

    def put_file(self, local: str, path: str, *, move: bool = False, stamp: bool = True) -> FileEntry:
        with files.open_existing(local) as source:
            entry = self.receive(source, path, stamp=stamp)
        if move:
            files.remove_quietly(local)
        return entry

    def receive(self, source: BinaryIO, path: str, *, stamp: bool = True, passing: Passing | None = None) -> FileEntry:
        with self._trouble(path, "write"):
            passed = self._put(path, lambda file: files.transfer(source, file, passing=passing), self._replace)
            found = self.entry(path) if stamp else None
        if stamp and (found is None or found.size != passed.size):
            held = "nothing" if found is None else f"{found.size} bytes"
            raise StoreError(f"{self.url_of(path)}: {passed.size} bytes were sent and the share holds {held}.")
        return FileEntry(path, passed.size, passed.sha256, found.stamp if found else "")

    def receive_parts(
        self,
        coming: Coming,
        path: str,
        *,
        remarks: Remarks,
        passing: Passing,
        kept: Kept,
    ) -> FileEntry | None:
        """In a hidden file that only ever grows; of two at once, the second does it in the ordinary way."""
        ground = _Ground(self)
        with self._trouble(path, "write"):
            try:
                hidden, sha256 = grown(ground, safe_path(path), coming, remarks, passing, kept)
            except InUse:
                return None
            self._replace(self._at(hidden), self._at(path), **self._options)
            gone(ground, safe_path(path), hidden)
        found = self.entry(path)
        if found is None or found.size != coming.size:
            held = "nothing" if found is None else f"{found.size} bytes"
            raise StoreError(f"{self.url_of(path)}: {coming.size} bytes were sent and the share holds {held}.")
        return FileEntry(path, coming.size, sha256, found.stamp)

    def give_up_parts(self, path: str, remark: str) -> None:
        with self._trouble(path, "clean up"):
            gone(_Ground(self), safe_path(path), remark)

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
        """From the same server: it copies by itself."""
        if not isinstance(source, SmbStore) or (source._server, source._given) != (self._server, self._given):
            return None
        at = self._at(path)
        temporary = self._at(files.temporary_beside(safe_path(path)))
        with self._trouble(path, "write"):
            self._make_folder(path)
            try:
                self._client.copyfile(source._at(source_path), temporary, **self._options)
                self._replace(temporary, at, **self._options)
            except BaseException:
                self._discard(temporary)
                raise
        found = self.entry(path)
        if found is None:
            raise StoreError(f"{self.url_of(path)} was copied and is not there.")
        return FileEntry(path, found.size, "", found.stamp)

    def get_file(self, path: str, local: str) -> FileEntry:
        found = self.entry(path)
        if found is None:
            raise MissingFile(f"{self.url_of(path)} is not there, or is not a file.")
        with self._trouble(path, "read"), files.replacing(local) as target, self._file(path, "rb") as source:
            passed = files.transfer(source, target, found.size)
            if passed.size != found.size:
                raise ConnectionError(f"{passed.size} of {found.size} bytes came")
        return FileEntry(path, passed.size, passed.sha256, found.stamp)

    def below(self, path: str) -> SmbStore:
        root = "/".join(item for item in (self._root, safe_path(path)) if item)
        return SmbStore(self.url_of(path), self._server, root, self._access)

    def _put(self, path: str, fill: Any, name_it: Any) -> Any:
        """Fill a hidden file and give it its final name with ``name_it``."""
        at = self._at(path)
        temporary = files.temporary_beside(safe_path(path))
        try:
            file = self._file(temporary, "xb", share_access=None)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            self._make_folder(path)
            file = self._file(temporary, "xb", share_access=None)
        try:
            with file:
                answer = fill(file)
            name_it(self._at(temporary), at, **self._options)
        except BaseException:
            self._discard(self._at(temporary))
            raise
        return answer

    def _replace(self, temporary: str, at: str, **options: Any) -> None:
        """Give a file its name; where another does the same, it is told for a moment that it may not."""
        deadline = time.monotonic() + _MOMENT
        while True:
            try:
                self._client.replace(temporary, at, **options)
                return
            except OSError as error:
                if getattr(error, "ntstatus", None) not in _IN_THE_WAY or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.002, 0.03))

    def _make_folder(self, path: str) -> None:
        folder = safe_path(path).rpartition("/")[0]
        share = "\\\\" + self._server + "\\" + self._root.partition("/")[0]
        self._client.stat(share, **self._options)  # one that is absent would be looked for above and above without end
        self._client.makedirs(self._at(folder), exist_ok=True, **self._options)

    def _discard(self, temporary: str) -> None:
        try:
            self._client.remove(temporary, **self._options)
        except OSError:
            pass  # never made, or the connection is gone; the hidden name shows in no listing


class _Ground(Ground):
    """Files that one process has open at a time."""

    def __init__(self, store: SmbStore) -> None:
        self._store = store

    def open(self, path: str) -> BinaryIO:
        try:
            opened: BinaryIO = self._opened(path)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            self._store._make_folder(path)
            opened = self._opened(path)
        return opened

    def _opened(self, path: str) -> Any:
        try:
            return self._store._file(path, "a+b", share_access=None)
        except OSError as error:
            if getattr(error, "ntstatus", None) != _IN_USE:
                raise
            raise InUse(f"{self._store.url_of(path)} is being written by another process.") from error

    def write(self, file: BinaryIO, piece: Any) -> None:
        files.write_all(file, piece)
        file.fd.flush()  # type: ignore[attr-defined]  # smbclient's own flush() sends nothing

    def remove(self, path: str) -> None:
        try:
            self._store._client.remove(self._store._at(path), **self._store._options)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise


def open_share(url: str, options: Mapping[str, Any]) -> SmbStore:
    """The store at ``smb://[user[:password]@]server[:port]/share/folder``. No request is made yet.

    :param options: ``username``, ``password``, ``encrypt``; ``host`` and ``port`` win over the URL's.
    :raises InvalidInput: for an address without a share.
    """
    parts = urlsplit(url.replace("#", "%23").replace("?", "%3F"))
    root = safe_path(unquote(parts.path).strip("/"))
    host, port = options.get("host") or parts.hostname, options.get("port") or parts.port
    if not host or not root:
        raise InvalidInput(f"{url!r} names no share", expected="smb://server/share or smb://server/share/folder")
    access = {
        "username": options.get("username") or (unquote(parts.username) if parts.username else None),
        "password": options.get("password") or (unquote(parts.password) if parts.password else None),
        "port": int(port or 445),
        "encrypt": options.get("encrypt"),
    }
    shown = f"smb://{host}:{port}/{root}" if port else f"smb://{host}/{root}"
    return SmbStore(shown, str(host), root, {name: value for name, value in access.items() if value is not None})


def _stamp(written: datetime.datetime) -> str:
    return str((written - _EPOCH) // datetime.timedelta(microseconds=1))


def _nanoseconds(stamp: str) -> int:
    return int(stamp) * 1000
