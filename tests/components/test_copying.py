"""Transfers between real servers of every kind, and what a kill leaves of them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.base import Store
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.verify import verify
from tests.components.conftest import opened
from tests.storage.contract import ODD_NAMES, paths

KINDS = ["local", "blob", "s3", "gcs", "share"]


def places(request, source: str, target: str) -> tuple[Store, Store]:
    """Two stores; of one kind they are two folders of one place."""
    one = opened(request.getfixturevalue(source))
    return one.below("from"), (one if source == target else opened(request.getfixturevalue(target))).below("to")


def transfer(source: Store, path: str, target: Store, place: str, **options):
    kind, found = sources(source, path, options.pop("from_", None))
    return copy(plan(found, kind, target, place, options.pop("to", None)), **options)


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_directory_of_odd_names_and_a_large_file(request, source: str, target: str) -> None:
    one, two = places(request, source, target)
    names = [name for name in ODD_NAMES if "share" not in (source, target) or "?" not in name]
    files = {f"d {n % 3}/{name}": f"{n}".encode() * (n * 1000) for n, name in enumerate(names)}
    files["big"] = os.urandom(1 << 20) * 20
    for path, data in files.items():
        one.write(f"in/{path}", data)
    two.write("o ut/kept", b"kept")
    two.write("o ut/big", b"replaced")
    manifest = transfer(one, "in", two, "o ut", workers=4)
    assert {path: two.read(f"o ut/{path}") for path in files} == files
    assert two.read("o ut/kept") == b"kept"
    assert paths(two) == sorted([*(f"o ut/{path}" for path in files), "o ut/kept"])
    assert verify(manifest, two, "o ut") == []
    if source == target != "local":  # the service copies by itself: no byte passes here, so none is hashed
        assert {item.sha256.partition(":")[0] for item in manifest.files} == {"stamp"}
    else:
        hashed = {item.path: item.sha256 for item in manifest.files}
        assert hashed == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}


@pytest.mark.parametrize("kind", ["blob", "s3"])
def test_a_file_and_a_folder_of_one_name(request, kind: str) -> None:
    one, two = places(request, kind, "local")
    one.write("a", b"file")
    one.write("a/b", b"inside")
    transfer(one, "a", two, "guessed")
    transfer(one, "a", two, "as file", from_="file", to="directory")
    transfer(one, "a", two, "as folder", from_="directory")
    assert paths(two) == ["as file/a", "as folder/b", "guessed"]
    back = opened(request.getfixturevalue(kind)).below("back")
    back.write("x/other", b"")
    transfer(one, "a", back, "x", from_="file", to="file")
    assert back.read("x") == b"file" and back.read("x/other") == b""


@pytest.mark.parametrize("size", [100_000, 65 << 20])
@pytest.mark.parametrize("target", ["local", "s3"])
def test_a_blob_that_is_not_what_its_checksum_says(request, target: str, size: int) -> None:
    from azure.storage.blob import BlobServiceClient, ContentSettings

    one, two = places(request, "blob", target)
    data = os.urandom(1 << 20) * (-(-size // (1 << 20)))
    one.write("in/f", data)
    container, _, name = one.url_of("in/f").partition("://")[2].partition("/")
    service = BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"])

    def say(content: bytes) -> None:
        digest = bytearray(hashlib.md5(content).digest())
        service.get_blob_client(container, name).set_http_headers(ContentSettings(content_md5=digest))

    say(data + b"x")
    with pytest.raises(StoreError, match="in/f: what came is not what the store says it holds"):
        transfer(one, "in", two, "out")
    assert paths(two) == []
    say(data)
    transfer(one, "in", two, "out")
    assert two.read("out/f") == data


SLOW = """
import json, sys, time
from mlsteps.storage.copying import ledger
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.open import open_datastore
ledger.Ledger.__init__.__defaults__ = (0.1,)
(one, two) = [open_datastore(p["document"], p["credentials"]).below(b) for p, b in json.load(sys.stdin)]
kind, found = sources(one, "in")
copy(plan(found, kind, two, "out"), workers=2, check=lambda: time.sleep(0.02))
"""


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("local", "blob"),
        ("blob", "local"),
        ("blob", "s3"),
        ("blob", "blob"),
        ("s3", "local"),
        ("s3", "s3"),
        ("share", "share"),
    ],
)
def test_after_a_kill_the_result_is_the_same_and_nothing_is_moved_twice(request, source: str, target: str) -> None:
    one, two = places(request, source, target)
    files = {f"d/f{n:03d}": os.urandom(2000) for n in range(80)}
    for path, data in files.items():
        one.write(f"in/{path}", data)
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdin=subprocess.PIPE, text=True)
    given = [(request.getfixturevalue(source), "from"), (request.getfixturevalue(target), "to")]
    assert process.stdin is not None
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    deadline = time.monotonic() + 60
    while len(paths(two, "out")) < 30 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = {entry.path: entry.stamp for entry in two.list("out")}
    assert 30 <= len(before) < 80
    lines: list[str] = []
    manifest = transfer(one, "in", two, "out", note=lines.append)
    assert {path: two.read(f"out/{path}") for path in files} == files
    assert len(manifest.files) == 80 and verify(manifest, two, "out") == []
    count = int(lines[0].split()[0])
    assert count >= len(before) - 25, lines  # those of the last tenth of a second are not in the ledger
    assert paths(two) == [f"out/{path}" for path in sorted(files)]
    assert [child.name for child in two.children("out")] == ["d"]
