"""A large file whose transfer is killed half-way: the next try moves the rest of it, between real servers.

Bytes are counted by proxies before them.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlsteps.storage.ahead import PIECE
from mlsteps.storage.base import TEMPORARY, Store
from mlsteps.storage.copying.plan import Plan, plan, sources
from mlsteps.storage.copying.run import copy, give_up
from mlsteps.storage.open import open_store
from mlsteps.storage.verify import verify
from tests.components.conftest import opened
from tests.components.faults import Proxy, Wire
from tests.components.test_faults import through
from tests.storage.contract import paths

SIZE = 9 * PIECE + 12345
BEFORE = 6  # pieces that have come when it is killed
ROUTES = [
    *(("local", "s3"), ("local", "blob"), ("s3", "local"), ("blob", "local"), ("blob", "s3"), ("s3", "blob")),
    *(("local", "gcs"), ("local", "share"), ("local", "sftp"), ("gcs", "local"), ("share", "local"), ("sftp", "local")),
    *(("web", "local"), ("s3", "gcs"), ("blob", "share"), ("web", "sftp")),
]

#: Comes to a halt when so many pieces have come, and says so.
HALF = """
import json, sys, time
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.open import open_datastore
(one, two), pieces = json.load(sys.stdin)
one, two = [open_datastore(place["document"], place["credentials"]) for place in (one, two)]
kind, found = sources(one, "in")
left = iter(range(pieces + 1))
def check():
    if next(left, None) is None:
        print("half", flush=True)
        time.sleep(1000)
copy(plan(found, kind, two, "out"), check=check)
"""


class Route:
    """Two places, their proxies, and the file between them."""

    def __init__(self, one: dict[str, Any], two: dict[str, Any]) -> None:
        self.proxies = [_proxy(place) for place in (one, two)]
        self.direct = _writable(one), _writable(two)
        pairs = zip((one, two), self.proxies, strict=True)
        self.places = [through(place, _url(proxy)) if proxy else place for place, proxy in pairs]

    def plan(self) -> Plan:
        source, target = (opened(place) for place in self.places)
        kind, found = sources(source, "in")
        return plan(found, kind, target, "out")

    def kill_half_way(self) -> None:
        """Start the transfer, and kill it when some pieces have come and have been taken."""
        process = subprocess.Popen(
            [sys.executable, "-c", HALF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps([self.places, BEFORE]))
        process.stdin.close()
        assert process.stdout.readline() == "half\n"
        deadline = time.monotonic() + 60
        while self.sent() < BEFORE * PIECE and self.proxies[1] and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        process.wait()
        process.stdout.close()
        before = -1
        while before != (before := self.sent() + self.given()):
            time.sleep(0.5)  # what a proxy still had on its way

    def sent(self) -> int:
        """Bytes that the destination has taken."""
        return self.proxies[1].sent if self.proxies[1] else 0

    def given(self) -> int:
        """Bytes that the source has given."""
        return self.proxies[0].given if self.proxies[0] else 0


def _proxy(place: dict[str, Any]) -> Proxy | Wire | None:
    name, url = place["document"]["name"], urlsplit(place["document"].get("url", ""))
    if name == "local":
        return None
    if name in ("share", "sftp"):
        return Wire(str(url.hostname), int(url.port or 0))
    known = url.geturl() if name == "web" else place["credentials"].get("endpoint_url")
    return Proxy(known or f"http://{place['document']['endpoint']}", lambda method, path, number: None)


def _url(proxy: Proxy | Wire) -> str:
    return proxy.url if isinstance(proxy, Proxy) else f"wire://127.0.0.1:{proxy.port}"


def _writable(place: dict[str, Any]) -> Store:
    """A place without its proxy; of a web server the folder that it gives."""
    return open_store(place["folder"]) if "folder" in place else opened(place)


def hidden(place: dict[str, Any]) -> list[str]:
    """What lies at a place under hidden names; of a bucket of S3 the uploads that are neither finished nor given up."""
    name, store = place["document"]["name"], opened(place)
    if name == "s3":
        return uploads(place)
    if name == "blob":
        return []  # blocks that are not committed have no names
    if name == "gcs":
        names = store._fs.find(store._root)  # type: ignore[attr-defined]
    elif name == "share":
        names = [item for _, _, files in store._client.walk(store._at(""), **store._options) for item in files]  # type: ignore[attr-defined]
    else:
        root = store.local_path("") or urlsplit(place["document"]["url"]).path
        names = [item for _, _, files in os.walk(root) for item in files]
    return [item for item in names if TEMPORARY in item]


def uploads(place: dict[str, Any]) -> list[str]:
    """Of a bucket, those that are neither finished nor given up."""
    import s3fs

    service = s3fs.S3FileSystem(**place["credentials"])
    bucket = place["document"]["url"].split("/")[2]
    return [item["Key"] for item in service.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", ())]


@pytest.fixture
def route(request) -> Iterator[Route]:
    made = Route(*(request.getfixturevalue(name) for name in request.param))
    yield made
    for proxy in made.proxies:
        if proxy is not None:
            proxy.close()


@pytest.mark.parametrize("route", ROUTES, indirect=True, ids="-".join)
def test_after_a_kill_only_the_rest_of_a_large_file_is_moved(route: Route, request) -> None:
    data = os.urandom(PIECE) * (SIZE // PIECE) + os.urandom(SIZE % PIECE)
    one, two = route.direct
    one.write("in", data)
    route.kill_half_way()
    assert paths(two) == []  # no part of it has a name
    sent, given = route.sent(), route.given()
    manifest = copy(route.plan())
    assert hashlib.sha256(two.read("out")).digest() == hashlib.sha256(data).digest()
    assert verify(manifest, two, "out") == [] and paths(two) == ["out"] and hidden(route.places[1]) == []
    rest = SIZE - BEFORE * PIECE
    if route.proxies[1]:
        assert rest <= route.sent() - sent < rest + PIECE
    if route.proxies[0]:
        assert rest <= route.given() - given < rest + PIECE
    is_read_again = not (route.proxies[0] and route.proxies[1])
    listed = route.plan().items[0].source.stamp
    known = hashlib.sha256(data).hexdigest() if is_read_again else f"stamp:{SIZE}:{listed}"
    assert [item.sha256 for item in manifest.files] == [known]


TARGETS = [("local", "s3"), ("s3", "local"), ("local", "gcs"), ("local", "share"), ("local", "sftp")]


@pytest.mark.parametrize("route", [("local", "blob"), *TARGETS], indirect=True, ids="-".join)
def test_a_source_that_has_changed_since_is_moved_anew(route: Route) -> None:
    one, two = route.direct
    one.write("in", os.urandom(PIECE) * 9)
    route.kill_half_way()
    data = os.urandom(PIECE) * 9
    one.write("in", data)
    copy(route.plan())
    assert two.read("out") == data and paths(two) == ["out"] and hidden(route.places[1]) == []


@pytest.mark.parametrize("route", TARGETS, indirect=True, ids="-".join)
def test_a_transfer_that_is_given_up_leaves_nothing(route: Route) -> None:
    one, two = route.direct
    one.write("in", os.urandom(PIECE) * 9)
    route.kill_half_way()
    assert hidden(route.places[1]) != []
    give_up(route.plan())
    assert paths(two) == [] and hidden(route.places[1]) == []


@pytest.mark.parametrize("refused", ["storageClass", "delete"])
def test_a_bucket_of_google_that_is_not_for_passing_objects_gets_whole_files(
    gcs_store: Store, local_store: Store, monkeypatch, refused: str
) -> None:
    """The server of the tests knows no such buckets, so its driver's answers are changed."""
    fs = gcs_store._fs  # type: ignore[attr-defined]
    real = fs.info

    def denied(path: str) -> None:
        raise PermissionError(path)

    if refused == "delete":
        monkeypatch.setattr(fs, "rm_file", denied)
    else:
        monkeypatch.setattr(fs, "info", lambda path, **named: {**real(path, **named), "storageClass": "NEARLINE"})
    data = os.urandom(PIECE) * 9
    local_store.write("in", data)
    kind, found = sources(local_store, "in")
    copy(plan(found, kind, gcs_store, "out"))
    monkeypatch.undo()
    assert gcs_store.read("out") == data and paths(gcs_store) == ["out"]
    names = [name for name in fs.find(gcs_store._root) if TEMPORARY in name]  # type: ignore[attr-defined]
    assert names == ([f"{gcs_store._root}/{TEMPORARY}probe"] if refused == "delete" else [])  # type: ignore[attr-defined]
