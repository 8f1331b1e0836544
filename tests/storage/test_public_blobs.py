"""Folders of public containers, against a server that lists blobs as the Blob service does, two on a page."""

from __future__ import annotations

import http.server
import threading
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.datasets import content_identity, resolve_files
from mlsteps.storage.http import HttpStore
from mlsteps.storage.public_blobs import PublicBlobs, web_store

BLOBS = {
    "data/a b.csv": b"1",
    "data/sub/c&d.csv": b"22",
    "data/sub/e.csv": b"333",
    "database.csv": b"not below data/",
    "top.txt": b"4444",
}
PAGE = 2


class Account(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        container, _, name = unquote(parts.path).strip("/").partition("/")
        if container != "public":
            return self.send(404)  # as the service answers who may not know
        if query.get("comp") == "list":
            return self.send(200, self.page(query.get("prefix", ""), int(query.get("marker", 0))))
        return self.send(200, BLOBS[name]) if name in BLOBS else self.send(404)

    do_HEAD = do_GET

    def page(self, prefix, start):
        names = [name for name in sorted(BLOBS) if name.startswith(prefix)]
        blobs = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><Content-Length>{len(BLOBS[name])}</Content-Length>"
            f"<Etag>0x{len(name)}</Etag></Properties></Blob>"
            for name in names[start : start + PAGE]
        )
        folder = "<Blob><Name>data/sub</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>"
        marker = str(start + PAGE) if start + PAGE < len(names) else ""
        return (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>'
            f"{blobs}{folder}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        ).encode()

    def send(self, code, body=b""):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def account():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_folder_is_listed_page_by_page(account):
    found = list(PublicBlobs(account).list("public/data"))
    assert [(entry.path, entry.size) for entry in found] == [
        ("public/data/a b.csv", 1),
        ("public/data/sub/c&d.csv", 2),
        ("public/data/sub/e.csv", 3),
    ]
    assert all(entry.stamp.startswith("0x") for entry in found)


@pytest.mark.parametrize("folder", ["/public", "/public/data", "/public/data/sub"])
def test_paths_are_relative_to_the_store(account, folder):
    store = PublicBlobs(account + folder)
    names = {entry.path: store.read(entry.path) for entry in store.list()}
    below = folder.removeprefix("/public").strip("/")
    prefix = f"{below}/" if below else ""
    assert names == {name[len(prefix) :]: body for name, body in BLOBS.items() if name.startswith(prefix)}
    assert list(PublicBlobs(account).below(folder[1:]).list()) == list(store.list())


def test_one_blob_is_itself(account):
    store = PublicBlobs(account)
    assert [entry.path for entry in store.list("public/top.txt")] == ["public/top.txt"]
    assert store.kind("public/top.txt") == "file" and store.kind("public/data") == "directory"
    assert store.kind("public/absent") is None and list(store.list("public/absent")) == []


def test_what_may_not_be_listed_says_so(account):
    with pytest.raises(StoreError, match="private/x is no blob, and its container cannot be listed"):
        list(PublicBlobs(account).list("private/x"))


def test_the_host_decides():
    assert type(web_store("https://some.blob.core.windows.net/c")) is PublicBlobs
    assert type(web_store("https://raw.githubusercontent.com/x")) is HttpStore
    assert type(web_store("https://blob.core.windows.net.example.com/x")) is HttpStore


@pytest.mark.parametrize("pattern", ["public/data", "public/data/**/*.csv"])
def test_a_dataset_of_a_folder_or_a_pattern(account, monkeypatch, pattern):
    monkeypatch.setattr("mlsteps.storage.public_blobs._HOSTS", ("127.0.0.1",))
    definition = {"type": "file", "paths": [{"url": f"{account}/{pattern}"}]}
    files = resolve_files(definition, lambda name: pytest.fail(name))
    assert sorted(item.relative for item in files) == ["a b.csv", "sub/c&d.csv", "sub/e.csv"]
    before = content_identity(definition, lambda name: pytest.fail(name))
    assert before == content_identity(definition, lambda name: pytest.fail(name))
    monkeypatch.setitem(BLOBS, "data/sub/new.csv", b"55555")
    assert before.digest != content_identity(definition, lambda name: pytest.fail(name)).digest
