"""A package index on this machine that wants a login, with one package of its own."""

from __future__ import annotations

import base64
import http.server
import io
import threading
import uuid
import zipfile

import pytest


class Index:
    """A package index on this machine that wants a password, unless ``token`` is ""; its package has its own name."""

    def __init__(self, token):
        self.token, self.package, self.refused = token, f"p{uuid.uuid4().hex[:12]}", 0
        self.wheel = f"{self.package}-1.0-py3-none-any.whl"
        expected = "Basic " + base64.b64encode(f"user:{token}".encode()).decode()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if index.token and self.headers.get("Authorization") != expected:
                    index.refused += 1
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", "Basic")
                    self.end_headers()
                    return
                page = f'<a href="/{index.wheel}">{index.wheel}</a>'.encode()
                found = index.content() if self.path.endswith(".whl") else page
                known = index.package in self.path
                self.send_response(200 if known else 404)
                self.send_header("Content-Type", "application/zip" if self.path.endswith(".whl") else "text/html")
                self.send_header("Content-Length", str(len(found if known else b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(found if known else b"")

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def content(self):
        data, info = io.BytesIO(), f"{self.package}-1.0.dist-info"
        with zipfile.ZipFile(data, "w") as wheel:
            wheel.writestr(f"{self.package}.py", "said = 'from the private index'")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {self.package}\nVersion: 1.0\n")
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            names = [f"{self.package}.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
            wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
        return data.getvalue()

    def address(self, host="127.0.0.1"):
        """With the login."""
        return f"http://user:{self.token}@{self.bare(host)}"

    def bare(self, host="127.0.0.1"):
        """The host, its port and the path."""
        return f"{host}:{self.server.server_port}/"


@pytest.fixture
def index():
    made = Index("t0ken" + uuid.uuid4().hex)
    yield made
    made.server.shutdown()
    made.server.server_close()
