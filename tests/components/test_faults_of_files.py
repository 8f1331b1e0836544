"""Faults of servers that give files and speak no protocol of objects: shares (SMB), SFTP, the web.

A real server each, behind a proxy that breaks connections or refuses.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.ahead import PIECE
from mlsteps.storage.base import TEMPORARY, Store
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.open import open_store
from tests.components.conftest import opened
from tests.components.faults import Proxy, Wire
from tests.components.test_faults import through, transfer
from tests.storage.contract import paths

SIZE = 9 * PIECE + 12345


@pytest.fixture(params=["share", "sftp"])
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def wire(place: dict[str, Any]) -> Iterator[Wire]:
    """Before the server; it breaks one connection when :attr:`after` bytes have been sent."""
    url = urlsplit(place["document"]["url"])
    made = Wire(str(url.hostname), int(url.port or 0), lambda sent: made.broken == 0 and sent > made.after)
    made.after = 1 << 60  # type: ignore[attr-defined]
    yield made
    made.close()


def test_a_connection_that_breaks_is_an_error_and_the_next_try_goes_on(
    place: dict[str, Any], wire: Wire, local_store: Store
) -> None:
    """In one process, as a worker's: it has to connect anew."""
    data = os.urandom(PIECE) * (SIZE // PIECE) + os.urandom(SIZE % PIECE)
    local_store.write("in/large", data)
    store, direct = opened(through(place, f"wire://127.0.0.1:{wire.port}")), opened(place)
    wire.after = 5 * PIECE  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="out/large: could not write it"):
        transfer(local_store, store, "out")
    assert wire.broken == 1 and paths(direct) == []
    before = wire.sent
    transfer(local_store, opened(through(place, f"wire://127.0.0.1:{wire.port}")), "out")
    assert direct.read("out/large") == data and paths(direct) == ["out/large"]
    assert SIZE - 5 * PIECE <= wire.sent - before < SIZE - 3 * PIECE


def test_a_connection_that_breaks_while_it_is_read_from_leaves_no_part(
    place: dict[str, Any], wire: Wire, tmp_path: Path
) -> None:
    opened(place).write("in/large", os.urandom(PIECE) * 9)
    store, target = opened(through(place, f"wire://127.0.0.1:{wire.port}")), open_store(str(tmp_path))
    _, found = sources(store, "in")
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 4:
            wire.after = 0  # type: ignore[attr-defined]

    with pytest.raises(StoreError, match="large"):
        copy(plan(found, "directory", target, "out"), check=check)
    assert wire.broken == 1 and paths(target) == []
    transfer(opened(through(place, f"wire://127.0.0.1:{wire.port}")), target, "out")
    assert target.read("out/large") == opened(place).read("in/large")


def test_wrong_credentials(place: dict[str, Any], local_store: Store) -> None:
    secrets = (
        {"password": "wr0ng", "key_filename": None} if "password" in place["credentials"] else {"username": "n0body"}
    )
    known = {name: value for name, value in {**place["credentials"], **secrets}.items() if value is not None}
    local_store.write("in/a", b"A")
    with pytest.raises(StoreError) as caught:
        transfer(local_store, opened({**place, "credentials": known}), "out")
    assert "127.0.0.1" in str(caught.value) and "wr0ng" not in str(caught.value)
    assert paths(opened(place)) == []


def test_an_sftp_server_that_fills_up(sftp: dict[str, Any], local_store: Store) -> None:
    folder = urlsplit(sftp["document"]["url"]).path
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("needs to be allowed to mount")
    try:
        data = os.urandom(PIECE) * 9
        local_store.write("in/large", data)
        local_store.write("in/small", b"s" * 1000)
        with pytest.raises(StoreError, match="large: could not write it"):
            transfer(local_store, opened(sftp), "out")
        assert set(paths(opened(sftp))) <= {"out/small"}
        subprocess.run(["mount", "-o", "remount,size=400m", folder], check=True)
        transfer(local_store, opened(sftp), "out")
        assert opened(sftp).read("out/large") == data
        assert not [name for _, _, names in os.walk(folder) for name in names if TEMPORARY in name]
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("fault", [503, 429, "reset", "cut"])
def test_what_passes_is_tried_again_on_the_web(web: dict[str, Any], local_store: Store, fault: int | str) -> None:
    data = os.urandom(1 << 20) * 20
    open_store(web["folder"]).write("large", data)
    open_store(web["folder"]).write("small", b"s" * 1000)
    proxy = Proxy(web["document"]["url"], lambda method, path, number: fault if number % 3 == 1 else None)
    store = opened(through(web, proxy.url))
    try:
        for name in ("large", "small"):
            kind, found = sources(store, name)
            copy(plan(found, kind, local_store, name))
            assert local_store.read(name) == open_store(web["folder"]).read(name)
        assert proxy.faults > 2
    finally:
        proxy.close()
