"""A small web server that gives parts of files, counts what it gives, and fails when it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class Web:
    """Files by name. ``given`` is ``(name, start, count)`` of each answer.

    :ivar fails: names that are answered with 500; :ivar hold: while it is not set, no content is given;
    :ivar slow: seconds before content is given.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.given: list[tuple[str, int, int]] = []
        self.fails: set[str] = set()
        self.ranges = True
        self.slow = 0.0
        self.hold = threading.Event()
        self.hold.set()
        self.url = ""

    def definition(self, *names: str) -> dict[str, Any]:
        """A dataset of these files."""
        from urllib.parse import quote

        return {"type": "file", "paths": [{"url": f"{self.url}/{quote(name)}"} for name in names]}

    def bytes_of(self, name: str) -> int:
        return sum(count for given, _, count in self.given if given == name)


@contextmanager
def serving() -> Iterator[Web]:
    """A server on a free port."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(False)

        def do_GET(self) -> None:
            self._answer(True)

        def _answer(self, whole: bool) -> None:
            name = unquote(self.path.partition("?")[0]).lstrip("/")
            data = web.files.get(name)
            if data is None or (whole and name in web.fails):
                self.send_response(404 if data is None else 500)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, end, asked = 0, len(data), self.headers.get("Range")
            if asked and web.ranges:
                first, _, last = asked.partition("=")[2].partition("-")
                start, end = int(first), min(int(last) + 1, len(data))
            self.send_response(206 if asked and web.ranges else 200)
            self.send_header("Content-Length", str(end - start))
            self.send_header("ETag", f'"{hash(data)}"')
            self.send_header("Last-Modified", "Wed, 05 Jun 2024 10:00:00 GMT")
            self.end_headers()
            if whole:
                web.hold.wait(30)
                time.sleep(web.slow)
                web.given.append((name, start, end - start))
                try:
                    self.wfile.write(data[start:end])
                except OSError:
                    self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield web
    server.shutdown()
    server.server_close()
