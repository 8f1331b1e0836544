"""A store that another process on this machine opens: the runner, which has the drivers and the credentials.

A step's own Python needs neither, and no secret ever enters its process. The variable :data:`VARIABLE` names a Unix
socket in the step's work directory that only the same user may open. A request is a JSON line and perhaps bytes, and so
is its answer; each request has a connection of its own, so threads and forks of a script may all ask.
"""

from __future__ import annotations

import io
import json
import os
import socket
from contextlib import contextmanager
from typing import Any, BinaryIO, Dict, Iterator, List, Mapping, Tuple, Type

from mlsteps import errors
from mlsteps.contracts.manifest import FileEntry
from mlsteps.storage import files
from mlsteps.storage.base import Child, Entry, MissingFile, Store, safe_path
from mlsteps.storage.row_values import Batch

#: Variable that names the socket.
VARIABLE = "MLSTEPS_STORES"

_LONGEST = 100  # what fits into a socket's address on every system
_ERRORS: Dict[str, Type[Exception]] = {
    "MissingFile": MissingFile,
    "StoreError": errors.StoreError,
    "UserErrorException": errors.UserErrorException,
}


def relay() -> str | None:
    """The socket of the runner that opens stores for this process; None outside a step."""
    return os.environ.get(VARIABLE) or None


@contextmanager
def address_of(path: str) -> Iterator[str]:
    """A name of a socket that fits into its address, which holds fewer characters than a path may have."""
    if len(path.encode()) <= _LONGEST:
        yield path
        return
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)


class Exchange:
    """One side of a connection: messages of a JSON line and ``size`` bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb")

    def send(self, message: Mapping[str, Any], body: Any = b"") -> None:
        """Send a message and the bytes that belong to it."""
        head = json.dumps({**message, "size": len(body)}) + "\n"
        self._connection.sendall(head.encode())
        if len(body):
            self._connection.sendall(body)

    def receive(self) -> Tuple[Dict[str, Any], bytes] | None:
        """The next message and its bytes; None when the other side has gone."""
        line = self._incoming.readline()
        if not line.endswith(b"\n"):
            return None
        message = json.loads(line)
        body = self._incoming.read(message["size"]) if message["size"] else b""
        return None if len(body) < message["size"] else (message, body)

    def close(self) -> None:
        """Hang up."""
        self._incoming.close()
        self._connection.close()


class RelayedStore(Store):
    """A store that the runner holds open.

    :param socket_path: of the runner; :param place: which store: ``{"datastore": name}`` or ``{"url": url}``, and
        perhaps ``below``, a folder in it; :param url: as errors name it.
    """

    def __init__(self, socket_path: str, place: Mapping[str, Any], url: str) -> None:
        self.url = url
        self._socket_path = socket_path
        self._place = dict(place)

    @property
    def place(self) -> Dict[str, Any]:
        """Which store the runner is asked for."""
        return dict(self._place)

    def list(self, path: str = "") -> Iterator[Entry]:
        yield from [Entry(*row) for row in self._ask("list", path)[0]["value"]]

    def children(self, path: str = "") -> List[Child]:
        return [Child(*row) for row in self._ask("children", path)[0]["value"]]

    def files_in(self, path: str = "") -> List[Entry]:
        return [Entry(*row) for row in self._ask("files_in", path)[0]["value"]]

    def entry(self, path: str) -> Entry | None:
        found = self._ask("entry", path)[0]["value"]
        return None if found is None else Entry(*found)

    def kind(self, path: str) -> str | None:
        found: str | None = self._ask("kind", path)[0]["value"]
        return found

    def read(self, path: str) -> bytes:
        return self._ask("read", path)[1]

    def open(self, path: str, size: int | None = None) -> BinaryIO:
        exchange = self._connect(path)
        try:
            answer, _ = self._answer(exchange, "open", path)
            raw = _RelayedFile(self, exchange, safe_path(path), answer["value"])
        except BaseException:
            exchange.close()
            raise
        return io.BufferedReader(raw, files.CHUNK)

    def read_range(self, path: str, start: int, count: int) -> bytes:
        return self._ask("read_range", path, start=start, count=count)[1]

    def write(self, path: str, data: bytes) -> None:
        self._ask("write", path, data)

    def create(self, path: str, data: bytes) -> bool:
        return bool(self._ask("create", path, data)[0]["value"])

    def append(self, path: str, data: bytes) -> None:
        self._ask("append", path, data)

    def delete(self, path: str) -> None:
        self._ask("delete", path)

    def put_file(self, local: str, path: str, *, move: bool = False, stamp: bool = True) -> FileEntry:
        local = os.path.abspath(local)
        return FileEntry(*self._ask("put_file", path, local=local, move=move, stamp=stamp)[0]["value"])

    def get_file(self, path: str, local: str) -> FileEntry:
        return FileEntry(*self._ask("get_file", path, local=os.path.abspath(local))[0]["value"])

    def rows(self, query: str, timeout: int = 30) -> Iterator[Batch]:
        exchange = self._connect("")
        try:
            self._answer(exchange, "rows", "", query.encode(), timeout=timeout)
            while True:
                answer, body = self._answer(exchange, "more_rows", "")
                if not answer["value"]:
                    return
                yield Batch.from_bytes(body)
        finally:
            exchange.close()

    def below(self, path: str) -> RelayedStore:
        below = "/".join(part for part in (self._place.get("below", ""), safe_path(path)) if part)
        return RelayedStore(self._socket_path, {**self._place, "below": below}, self.url_of(path))

    def _connect(self, path: str) -> Exchange:
        connection = socket.socket(socket.AF_UNIX)
        try:
            with address_of(self._socket_path) as address:
                connection.connect(address)
        except OSError as error:
            connection.close()
            raise errors.StoreError(
                f"{self.url_of(path)} is opened by the step's runner, which does not answer any more: {error}", error
            ) from error
        return Exchange(connection)

    def _ask(self, operation: str, path: str, body: bytes = b"", **more: Any) -> Tuple[Dict[str, Any], bytes]:
        exchange = self._connect(path)
        try:
            return self._answer(exchange, operation, path, body, **more)
        finally:
            exchange.close()

    def _answer(
        self, exchange: Exchange, operation: str, path: str, body: bytes = b"", **more: Any
    ) -> Tuple[Dict[str, Any], bytes]:
        path = safe_path(path)
        try:
            exchange.send({"do": operation, "place": self._place, "path": path, **more}, body)
            answer = exchange.receive()
        except OSError as error:
            raise errors.StoreError(f"{self.url_of(path)}: the step's runner hung up: {error}", error) from error
        if answer is None:
            raise errors.StoreError(f"{self.url_of(path)}: the step's runner ended.")
        _raise_error(answer[0])
        return answer


def _raise_error(answer: Mapping[str, Any]) -> None:
    if "error" in answer:
        message = answer["message"]
        if answer["error"] == "InvalidInput":
            refused = errors.InvalidInput("")
            refused.message = message
            raise refused
        raise _ERRORS.get(answer["error"], errors.StoreError)(message)


def ask_relay(message: Mapping[str, Any]) -> Dict[str, Any]:
    """Ask the step's runner for something that is no file of a store; its answer.

    :raises StoreError: when it does not answer, or what went wrong there.
    """
    path = relay()
    if path is None:
        raise errors.StoreError("There is no runner to ask: this process is not a step's.")
    store = RelayedStore(path, {}, "the step's runner")
    exchange = store._connect("")
    try:
        exchange.send(message)
        answer = exchange.receive()
    finally:
        exchange.close()
    if answer is None:
        raise errors.StoreError("The step's runner ended.")
    _raise_error(answer[0])
    return answer[0]


class _RelayedFile(io.RawIOBase):
    """A file that the runner holds open; read at any place, in pieces."""

    def __init__(self, store: RelayedStore, exchange: Exchange, path: str, size: int) -> None:
        self._store = store
        self._exchange = exchange
        self._path = path
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        _, body = self._store._answer(
            self._exchange, "read_at", self._path, at=self._position, count=min(len(view), 8 * files.CHUNK)
        )
        view[: len(body)] = body
        self._position += len(body)
        return len(body)

    def close(self) -> None:
        if not self.closed:
            self._exchange.close()
        super().close()
