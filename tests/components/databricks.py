"""Databricks' DBFS API (2.0) as it is documented, on this machine: no server of it can be had."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "dapi-secret-token"
_MOST = 1 << 20  # bytes of a block, before they are encoded


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Dbfs:
    """``files`` and ``folders`` by absolute path; ``asked``: each request's end point."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, int]] = {}
        self.folders = {"/"}
        self.asked: list[str] = []
        self.instance = ""
        self._handles: dict[int, tuple[str, bytearray]] = {}
        self._clock = 0
        self.lock = threading.Lock()

    def answer(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        return dict(getattr(self, "do_" + method.replace("-", "_"))(given) or {})

    def _info(self, path: str) -> dict[str, Any]:
        if path in self.files:
            data, changed = self.files[path]
            return {"path": path, "is_dir": False, "file_size": len(data), "modification_time": changed}
        if path in self.folders:
            return {"path": path, "is_dir": True, "file_size": 0, "modification_time": 0}
        raise Refused(404, "RESOURCE_DOES_NOT_EXIST")

    def do_get_status(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._info(_path(given["path"]))

    def do_list(self, given: dict[str, Any]) -> dict[str, Any]:
        path = _path(given["path"])
        if not self._info(path)["is_dir"]:
            return {"files": [self._info(path)]}
        inside = [item for item in (*self.files, *self.folders) if item != "/" and _parent(item) == path]
        return {"files": [self._info(item) for item in sorted(inside)]} if inside else {}

    def do_mkdirs(self, given: dict[str, Any]) -> None:
        path = _path(given["path"])
        while path not in self.folders:
            if path in self.files:
                raise Refused(400, "RESOURCE_ALREADY_EXISTS")
            self.folders.add(path)
            path = _parent(path)

    def do_create(self, given: dict[str, Any]) -> dict[str, Any]:
        path = _path(given["path"])
        if path in self.folders or (path in self.files and not given.get("overwrite")):
            raise Refused(400, "RESOURCE_ALREADY_EXISTS")
        self.do_mkdirs({"path": _parent(path)})
        handle = len(self._handles) + 1
        self._handles[handle] = (path, bytearray())
        self._keep(path, b"")
        return {"handle": handle}

    def do_add_block(self, given: dict[str, Any]) -> None:
        data = base64.b64decode(given["data"])
        if len(data) > _MOST:
            raise Refused(400, "MAX_BLOCK_SIZE_EXCEEDED")
        self._handles[given["handle"]][1].extend(data)

    def do_close(self, given: dict[str, Any]) -> None:
        path, data = self._handles[given["handle"]]
        self._keep(path, bytes(data))

    def do_read(self, given: dict[str, Any]) -> dict[str, Any]:
        data, _ = self.files.get(_path(given["path"])) or _absent()
        length = int(given.get("length", 500_000))
        if length > _MOST:
            raise Refused(400, "MAX_READ_SIZE_EXCEEDED")
        piece = data[int(given.get("offset", 0)) :][:length]
        return {"bytes_read": len(piece), "data": base64.b64encode(piece).decode()}

    def do_delete(self, given: dict[str, Any]) -> None:
        path = _path(given["path"])
        below = [item for item in (*self.files, *self.folders) if item.startswith(path.rstrip("/") + "/")]
        if below and not given.get("recursive"):
            raise Refused(400, "IO_ERROR")
        for item in (path, *below):
            self.files.pop(item, None)
            self.folders.discard(item)

    def do_move(self, given: dict[str, Any]) -> None:
        source, target = _path(given["source_path"]), _path(given["destination_path"])
        self._info(source)
        if target in self.files or target in self.folders:
            raise Refused(400, "RESOURCE_ALREADY_EXISTS")
        if source in self.files:
            self.files[target] = self.files.pop(source)
            return
        for item in [item for item in self.files if item.startswith(source + "/")]:
            self.files[target + item[len(source) :]] = self.files.pop(item)
        self.folders = {
            target + item[len(source) :] if (item + "/").startswith(source + "/") else item for item in self.folders
        }

    def _keep(self, path: str, data: bytes) -> None:
        self._clock = max(self._clock + 1, time.time_ns() // 10**6)
        self.files[path] = (data, self._clock)


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise Refused(400, "INVALID_PARAMETER_VALUE")
    return text.rstrip("/") or "/"


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _absent() -> Any:
    raise Refused(404, "RESOURCE_DOES_NOT_EXIST")


@contextmanager
def dbfs(tls: tuple[Path, Path]) -> Iterator[Dbfs]:
    """A server with this certificate and key; the driver speaks TLS only."""
    made = Dbfs()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            endpoint = self.path.partition("?")[0].rpartition("/")[2]
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Refused(403, "PERMISSION_DENIED")
                with made.lock:
                    made.asked.append(endpoint)
                    status, answer = 200, made.answer(endpoint, given)
            except Refused as error:
                status, answer = error.status, {"error_code": error.code, "message": error.code.lower()}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_any

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.instance = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()
