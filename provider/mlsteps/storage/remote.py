"""A store on any file system that fsspec knows: Azure Blob, S3, GCS, SFTP, SMB, memory ...

Where a put is atomic (object stores) files are put straight under their final name; elsewhere they are written under
a hidden temporary name and then renamed.
"""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO, Dict, Iterator, List, Mapping, Tuple

from mlsteps.contracts.manifest import FileEntry
from mlsteps.errors import StoreError
from mlsteps.storage import files
from mlsteps.storage.ahead import PIECE, Pieces
from mlsteps.storage.azure_blob import AZURE, unlike
from mlsteps.storage.base import TEMPORARY, Child, Entry, Known, MissingFile, Passing, Store, safe_path
from mlsteps.storage.hidden import put_hidden, remove_tree
from mlsteps.storage.objects.client import Objects
from mlsteps.storage.objects.failures import RequestFailed, Unanswered
from mlsteps.storage.objects.google_parts import GoogleObjects
from mlsteps.storage.open_files import abandon, after, size_of
from mlsteps.storage.parts import Coming, Kept, Remarks
from mlsteps.storage.ranges import open_ranges
from mlsteps.storage.sftp import GrowingFiles, piece_of
from mlsteps.storage.stamps import changed_of, stamp_of, tag_of

#: Protocols where a put appears whole or not at all, with what makes a put fail when the name is taken. An empty
#: mapping: no such condition through fsspec.
_ATOMIC: Dict[str, Dict[str, Any]] = {
    "s3": {"mode": "create"},
    "s3a": {"mode": "create"},
    "gs": {"mode": "create"},
    "gcs": {"mode": "create"},
    "abfs": {"overwrite": False},
    "abfss": {"overwrite": False},
    "az": {"overwrite": False},
    "oss": {},
    "oci": {},
}
#: What sends large files so that a later process can go on, where obstore does not.
_SENDERS: Dict[str, Any] = {"gs": GoogleObjects, "gcs": GoogleObjects, "sftp": GrowingFiles, "ssh": GrowingFiles}
_TAKEN = ("FileExistsError", "ResourceExistsError", "PreconditionFailed")

#: Files up to this size in bytes pass in one request, held in memory.
WHOLE = 8 << 20

# Serialises what a file system without conditional writes cannot do at once, among the threads of this process.
_ONE_AT_A_TIME = threading.Lock()


class FsspecStore(Store):
    """Files below ``root`` of an fsspec file system.

    ``create`` is atomic on S3, GCS and Azure Blob (a conditional put). Elsewhere it is "look, then write", safe among
    the threads of one process but not between machines. ``append`` reads and writes the file again.
    """

    def __init__(self, url: str, file_system: Any, root: str, protocol: str, objects: Objects | None = None) -> None:
        self.url = url
        self._objects = objects
        sender = _SENDERS.get(protocol)
        self._sender: Any = objects or (sender(file_system) if sender else None)
        self.gives_tags = objects is not None
        self._fs = file_system
        self._root = root.rstrip("/")
        self._protocol = protocol
        self._atomic = protocol in _ATOMIC

    def _at(self, path: str) -> str:
        path = safe_path(path)
        if "\\" in path and self._protocol in AZURE:
            raise unlike(path, self.url)
        return f"{self._root}/{path}" if path else self._root

    def _fresh(self) -> Any:
        """The file system without remembered listings, which other processes make untrue."""
        self._fs.invalidate_cache()
        return self._fs

    def list(self, path: str = "") -> Iterator[Entry]:
        with self._trouble(path, "list"):
            try:
                found = self._fresh().find(self._at(path), detail=True, withdirs=False)
            except FileNotFoundError:
                found = {}
            if not isinstance(found, dict):  # adlfs: the path is a file's own
                found = {self._at(path): {}}
            if list(found.values()) == [{}]:  # so does fsspec's own find(), which then tells nothing of it
                found = {self._at(path): self._fs.info(self._at(path))}
        entries = [self._entry(info) for info in found.values() if _is_file(info)]
        yield from sorted(entry for entry in entries if TEMPORARY not in entry.path)

    def _entry(self, info: Mapping[str, Any]) -> Entry:
        return self._entry_at(self._relative(info["name"]), info)

    @staticmethod
    def _entry_at(path: str, info: Mapping[str, Any]) -> Entry:
        return Entry(path, int(info.get("size") or 0), stamp_of(info), changed_of(info), tag_of(info))

    def _relative(self, name: str) -> str:
        root, name = self._root.lstrip("/"), name.lstrip("/")
        return name[len(root) :].lstrip("/") if root and name.startswith(root) else name

    def children(self, path: str = "") -> List[Child]:
        return sorted({Child(name, info["type"] == "directory") for name, info in self._below(path)})

    def files_in(self, path: str = "") -> List[Entry]:
        return sorted(self._entry(info) for _, info in self._below(path) if _is_file(info))

    def _below(self, path: str) -> Iterator[Tuple[str, Mapping[str, Any]]]:
        """What one request tells of the names immediately below a folder."""
        with self._trouble(path, "list"):
            try:
                found = self._fresh().ls(self._at(path), detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return
        for info in found:
            name = info["name"].rstrip("/").rpartition("/")[2]
            if name and not name.startswith(TEMPORARY) and self._relative(info["name"].rstrip("/")) != safe_path(path):
                yield name, info

    def _info(self, path: str) -> Mapping[str, Any] | None:
        with self._trouble(path, "look at"):
            try:
                found: Mapping[str, Any] = self._fresh().info(self._at(path))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return found

    def entry(self, path: str) -> Entry | None:
        with self._trouble(path, "look at"):
            info = self._objects.look(self._at(path)) if self._objects else None
        info = self._info(path) if info is None else info
        if not info or not _is_file(info):
            return None
        return self._entry_at(safe_path(path), info)

    def kind(self, path: str) -> str | None:
        info = self._info(path)
        return None if info is None else "file" if _is_file(info) else "directory"

    def read(self, path: str) -> bytes:
        at = self._at(path)
        with self._trouble(path, "read"):
            if self._objects and self._objects.takes(at):
                return bytes(self._objects.read(at))
            return bytes(self._fresh().cat_file(at))

    def open(self, path: str, size: int | None = None) -> BinaryIO:
        found = self.entry(path) if size is None or size > WHOLE else None
        if size is None:
            size = found.size if found else 0
        if size > WHOLE:
            with self._trouble(path, "open"):
                # SFTP tells no two states of one second apart; an open file stays what it was
                file = self._fs.open(self._at(path), "rb") if self._protocol in ("sftp", "ssh") else None
            return open_ranges(lambda start, end: self._range(path, start, end, found, file), size)
        return io.BytesIO(self.read(path))

    def _range(self, path: str, start: int, end: int, before: Entry | None, file: Any = None) -> bytes:
        """A piece; with the last one the file has to be what it was ``before``, or the pieces are of two states."""
        at = self._at(path)
        with self._trouble(path, "read"):
            piece = piece_of(file, start, end) if file else bytes(self._fs.cat_file(at, start=start, end=end))
            if len(piece) != end - start:
                raise ConnectionError(f"{len(piece)} of {end - start} bytes came")
        if before is not None and start and end == before.size:
            found = self.entry(path)
            if found is None or found[:3] != before[:3]:
                raise StoreError(f"{self.url_of(path)} changed while it was being read.")
        return piece

    def read_range(self, path: str, start: int, count: int) -> bytes:
        with self._trouble(path, "read"):
            return bytes(self._fs.cat_file(self._at(path), start=start, end=start + count))

    def stream(self, path: str, size: int | None = None) -> BinaryIO:
        at = self._at(path)
        if self._objects and size is not None and size > WHOLE and self._objects.takes(at):
            return self._objects.open(at, 0, size)
        return self.open(path, size)

    def section(self, path: str, start: int, end: int, size: int) -> BinaryIO:
        at = self._at(path)
        if self._objects and self._objects.takes(at):
            return self._objects.open(at, start, end)
        return super().section(path, start, end, size)

    def write(self, path: str, data: bytes) -> None:
        with self._trouble(path, "write"):
            self._put(path, lambda at: self._fs.pipe_file(at, data))

    def create(self, path: str, data: bytes) -> bool:
        condition = _ATOMIC.get(self._protocol)
        with self._trouble(path, "create"):
            if condition:
                return self._create_on_condition(path, data, condition)
            with _ONE_AT_A_TIME:
                if self.kind(path) is not None:
                    return False
                self.write(path, data)
                return True

    def _create_on_condition(self, path: str, data: bytes, condition: Mapping[str, Any]) -> bool:
        try:
            self._fs.pipe_file(self._at(path), data, **condition)
        except Exception as error:
            if type(error).__name__ in _TAKEN or "PreconditionFailed" in str(error):
                return False
            raise
        return True

    def append(self, path: str, data: bytes) -> None:
        with _ONE_AT_A_TIME:
            before = self.read(path) if self.kind(path) == "file" else b""
            self.write(path, before + data)

    def delete(self, path: str) -> None:
        at = self._at(self._not_root(path))
        kind = self.kind(path)
        with self._trouble(path, "delete"):
            if kind == "file":
                self._fs.rm_file(at)
            elif kind == "directory":
                remove_tree(self._fs, at, has_folders=not self._atomic)

    def put_file(self, local: str, path: str, *, move: bool = False, stamp: bool = True) -> FileEntry:
        with files.open_existing(local) as source:
            entry = self.receive(source, path, stamp=stamp)
        if move:
            files.remove_quietly(local)
        return entry if stamp else replace(entry, stamp="")

    def receive(self, source: BinaryIO, path: str, *, stamp: bool = True, passing: Passing | None = None) -> FileEntry:
        with self._trouble(path, "write"):
            passed, known = self._put(path, lambda at: self._send(source, at, passing))
            # A rename may make another stamp, and a tag is none for everybody; of a large object S3 may tell none.
            is_stamp = bool(known) and self._atomic and not known.startswith("tag:")
            if not is_stamp and (stamp or (not known and passed.size > WHOLE)):
                known = self._stamp_of(path, passed.size)
        return FileEntry(path, passed.size, passed.sha256, known)

    def receive_parts(
        self,
        coming: Coming,
        path: str,
        *,
        remarks: Remarks,
        passing: Passing,
        kept: Kept,
    ) -> FileEntry | None:
        at = self._at(path)
        if not (self._sender and self._sender.takes(at)):
            return None
        with self._trouble(path, "write"):
            sent = self._sender.send(at, coming, remarks, passing, kept)
        if sent is None:
            return None
        return FileEntry(path, coming.size, sent.sha256, self._stamp_of(path, coming.size))

    def give_up_parts(self, path: str, remark: str) -> None:
        if self._sender and remark:
            with self._trouble(path, "clean up"):
                self._sender.give_up(self._at(path), remark)

    def _stamp_of(self, path: str, size: int) -> str:
        """The stamp of a file that was just sent, and that the store must hold whole."""
        found = self.entry(path)
        if found is None or found.size != size:
            held = "nothing" if found is None else f"{found.size} bytes"
            raise StoreError(f"{self.url_of(path)}: {size} bytes were sent and the store holds {held}.")
        return found.stamp

    def _send(self, source: Any, at: str, passing: Passing | None) -> Tuple[files.Passed, str]:
        """Send an open file: small ones in one request, larger ones piece by piece.

        :returns: what passed, and the stamp when the driver tells it.
        """
        first = source.read(WHOLE)
        while len(first) < WHOLE:  # an unbuffered file may give less than it has
            more = source.read(WHOLE - len(first))
            if not more:
                known = self._send_whole(at, first)
                if passing is not None:
                    passing(len(first))
                return files.Passed(files.digest_of_bytes(first), len(first)), known
            first += more
        if self._objects and self._objects.takes(at):
            return self._send_pieces(self._objects, first, source, at, passing)
        target = self._fs.open(at, "wb", block_size=WHOLE)
        try:
            passed = files.pass_through(after(first, source), lambda piece: target.write(bytes(piece)), passing=passing)
        except BaseException:
            abandon(target)
            raise
        target.close()
        return passed, ""

    def _send_whole(self, at: str, data: bytes) -> str:
        """Put a small object; its stamp or tag, when the driver tells it."""
        if self._objects and self._objects.takes(at):
            tag = self._objects.write(at, data)
            return tag if self._protocol in ("s3", "s3a") else f"tag:{tag}"
        answer = self._fs.pipe_file(at, data)
        return stamp_of(answer) if isinstance(answer, Mapping) else ""

    def _send_pieces(
        self, objects: Objects, first: bytes, source: Any, at: str, passing: Passing | None
    ) -> Tuple[files.Passed, str]:
        """Put a large object in pieces, several under way at once; S3's etag of it is another one afterwards."""
        passer = files.Passer(passing)
        rest = source.buffers() if isinstance(source, Pieces) else iter(lambda: source.read(PIECE), b"")
        tag = objects.write_pieces(at, passer.through(chain([first], rest)), size_of(source))
        return passer.passed(), "" if self._protocol in ("s3", "s3a") else f"tag:{tag}"

    def get_file(self, path: str, local: str) -> FileEntry:
        found = self.entry(path)
        if found is None:
            raise MissingFile(f"{self.url_of(path)} is not there, or is not a file.")
        with self._trouble(path, "read"), files.replacing(local) as target:
            with self.stream(path, found.size) as source:
                passed = files.transfer(source, target, found.size)
            if passed.size != found.size:
                raise ConnectionError(f"{passed.size} of {found.size} bytes came")
        return FileEntry(path, passed.size, passed.sha256, found.stamp)

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
        """Within one account the service copies by itself."""
        if not self._atomic or not isinstance(source, FsspecStore) or source._fs is not self._fs:
            return None
        with self._trouble(path, "write"):
            made = self._copied(source._at(source_path), self._at(path), size)
        found = made or self.entry(path)
        if found is None:
            raise StoreError(f"{self.url_of(path)} was copied and is not there.")
        if passing is not None:
            passing(found.size)
        return FileEntry(path, found.size, "", found.stamp)

    def _copied(self, source: str, at: str, size: int) -> Entry | None:
        """Have it copied; what is there now, when it is known without another look."""
        objects = self._objects
        if objects and objects.copies(source, at):
            try:
                head = objects.copy(source, at)
                if head.size < 0:
                    return Entry("", size, f"tag:{head.tag}") if size >= 0 else None
                if size not in (-1, head.size):  # some servers show a copy before it is whole: it is tried again
                    raise Unanswered(f"{head.size} of {size} bytes were copied", 0)
                return Entry("", head.size, head.tag)
            except RequestFailed as error:
                if error.status in (401, 403, 404, 0):
                    raise
                # larger than one request may copy, or a service of its own mind: the driver knows other ways
        answer = self._fresh().cp_file(source, at)
        tag = tag_of(answer) if isinstance(answer, Mapping) else ""
        return Entry("", size, f"tag:{tag}") if tag and size >= 0 else None

    def tree(self, path: str) -> Iterator[Entry]:
        found = [entry for entry in self.list(path) if entry.path != safe_path(path)]
        if not found and self._atomic and path and self.kind(path) == "file":
            return iter(self._behind_a_file(safe_path(path)))
        return iter(found)

    def _behind_a_file(self, path: str) -> List[Entry]:
        """A folder whose name is also a file's: adlfs takes it for the file alone, unless asked by a prefix."""
        folder, _, name = path.rpartition("/")
        with self._trouble(path, "list"):
            found = self._fresh().find(self._at(folder), detail=True, withdirs=False, prefix=name + "/")
        entries = [self._entry(info) for info in found.values() if _is_file(info)]
        return sorted(entry for entry in entries if entry.path.startswith(path + "/") and TEMPORARY not in entry.path)

    def below(self, path: str) -> FsspecStore:
        return FsspecStore(self.url_of(path), self._fs, self._at(path), self._protocol, self._objects)

    def _put(self, path: str, send: Any) -> Any:
        """Call ``send`` with the name to write under, and see that the final name only ever holds all of it."""
        at = self._at(path)
        if self._atomic:
            return send(at)
        return put_hidden(self._fs, at, send)


def _is_file(info: Mapping[str, Any]) -> bool:
    return info.get("type") != "directory" and not str(info["name"]).endswith("/")
