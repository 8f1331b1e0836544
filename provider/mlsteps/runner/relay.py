"""Opens remote stores for the script, which has neither their drivers nor their credentials (``storage.relayed``)."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, BinaryIO, Callable, Dict, Mapping, Tuple

from mlsteps.errors import AzureMLException, InvalidInput, StoreError, UserErrorException
from mlsteps.runner.mounts import Mounts
from mlsteps.runner.stores import Stores
from mlsteps.storage.addresses import split_connection
from mlsteps.storage.base import MissingFile, Store
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.open import open_store
from mlsteps.storage.relayed import Exchange, address_of

Answer = Tuple[Any, bytes]


class Relay:
    """Serves one attempt's stores at a socket, from :meth:`start` to :meth:`stop`.

    :param path: of the socket, in a folder that only this user may enter.
    :param mounts: makes what the script wants mounted.
    """

    def __init__(self, path: str, stores: Stores, mounts: Mounts) -> None:
        self.path = path
        self._stores = stores
        self._mounts = mounts
        self._listener = socket.socket(socket.AF_UNIX)
        self._opened: Dict[str, Store] = {}
        self._thread = threading.Thread(target=self._accept, name="mlsteps-stores", daemon=True)

    def start(self) -> None:
        """Listen; requests are answered by threads."""
        with address_of(self.path) as address:
            self._listener.bind(address)
        os.chmod(self.path, 0o600)
        self._listener.listen(64)
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests and remove the socket."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # close() alone would leave accept() waiting
        except OSError:
            pass  # it was never listening
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join(5.0)
        if os.path.exists(self.path):
            os.unlink(self.path)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # stopped
            threading.Thread(target=self._serve, args=(connection,), name="mlsteps-store", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        exchange, opened = Exchange(connection), _Opened()
        try:
            while True:
                request = exchange.receive()
                if request is None:
                    return
                message, body = self._answered(*request, opened)
                exchange.send(message, body)
        except OSError:
            return  # the script has gone, or reads no more
        finally:
            opened.close()
            exchange.close()

    def _answered(self, request: Mapping[str, Any], body: bytes, opened: _Opened) -> Tuple[Mapping[str, Any], bytes]:
        try:
            if request["do"] in ("mount", "unmount"):
                return {"value": self._mount(request)}, b""
            if request["do"] == "read_at":
                return {"value": None}, opened.read(request["at"], request["count"])
            if request["do"] == "more_rows":
                return opened.more_rows()
            store = self._store(request["place"])
            if request["do"] == "rows":
                opened.query(store, body.decode(), request["timeout"])
                return {"value": None}, b""
            if request["do"] == "open":
                return {"value": opened.open(store, request["path"])}, b""
            value, data = _OPERATIONS[request["do"]](store, request, body)
            return {"value": value}, data
        except Exception as error:  # whatever a driver raises is the script's to hear of, not the runner's end
            return {"error": _kind(error), "message": str(error) or type(error).__name__}, b""

    def _mount(self, request: Mapping[str, Any]) -> str | None:
        """Make or end a mount; why it cannot be, as an answer rather than an error: the script then downloads."""
        point = str(request["point"])
        if request["do"] == "unmount":
            self._mounts.unmount(point)
            return None
        found = [SourceFile(self._store(place), *row) for place, *row in request["files"]]
        return self._mounts.for_script(found, point)

    def _store(self, place: Mapping[str, Any]) -> Store:
        if "datastore" in place:
            store = self._stores.any_datastore(str(place["datastore"]))
        elif place["url"] == split_connection(self._stores.workspace.root)[0]:
            store = self._stores.workspace.store
        else:
            url = str(place["url"])
            store = self._opened[url] = self._opened.get(url) or open_store(url)
        return store.below(place["below"]) if place.get("below") else store


class _Opened:
    """The file, or the rows, that a connection reads piece by piece."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._rows: Any = None

    def open(self, store: Store, path: str) -> int:
        """Open it; its size in bytes."""
        self._file = store.open(path)
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        return size

    def read(self, at: int, count: int) -> bytes:
        assert self._file is not None
        if self._file.tell() != at:
            self._file.seek(at)
        return self._file.read(count)

    def query(self, store: Store, query: str, timeout: int) -> None:
        """Begin a query."""
        self._rows = store.rows(query, timeout)

    def more_rows(self) -> Tuple[Mapping[str, Any], bytes]:
        """The next batch; its ``value`` is False behind the last one."""
        batch = next(self._rows, None)
        return ({"value": False}, b"") if batch is None else ({"value": True}, batch.to_bytes())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._rows is not None:
            self._rows.close()


def _kind(error: Exception) -> str:
    for kind in (MissingFile, InvalidInput, StoreError, UserErrorException, AzureMLException):
        if isinstance(error, kind):
            return kind.__name__
    return "StoreError"


def _entry(found: Any) -> Any:
    return None if found is None else [found.path, found.size, found.sha256, found.stamp]


_OPERATIONS: Dict[str, Callable[[Store, Mapping[str, Any], bytes], Answer]] = {
    "list": lambda store, request, body: (list(store.list(request["path"])), b""),
    "children": lambda store, request, body: (store.children(request["path"]), b""),
    "files_in": lambda store, request, body: (store.files_in(request["path"]), b""),
    "entry": lambda store, request, body: (store.entry(request["path"]), b""),
    "kind": lambda store, request, body: (store.kind(request["path"]), b""),
    "read": lambda store, request, body: (None, store.read(request["path"])),
    "read_range": lambda store, request, body: (
        None,
        store.read_range(request["path"], request["start"], request["count"]),
    ),
    "write": lambda store, request, body: (store.write(request["path"], body), b""),
    "create": lambda store, request, body: (store.create(request["path"], body), b""),
    "append": lambda store, request, body: (store.append(request["path"], body), b""),
    "delete": lambda store, request, body: (store.delete(request["path"]), b""),
    "put_file": lambda store, request, body: (
        _entry(store.put_file(request["local"], request["path"], move=request["move"], stamp=request["stamp"])),
        b"",
    ),
    "get_file": lambda store, request, body: (_entry(store.get_file(request["path"], request["local"])), b""),
}
