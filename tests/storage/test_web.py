"""Web servers as stores: the read-only contract on two real ones, and what is between ranges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.base import Store
from mlsteps.storage.open import open_datastore, open_store
from tests.storage.readonly import ReadOnlyContract, put
from tests.storage.web import Served, serve


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "served").mkdir()
    return tmp_path / "served"


@pytest.fixture(params=[True, False], ids=["ranges", "plain"])
def server(request, root) -> Iterator[Served]:
    with serve(root, ranges=request.param) as served:
        yield served


class TestWeb(ReadOnlyContract):
    @pytest.fixture
    def store(self, server) -> Store:
        return open_datastore({"name": "web", "type": "Url", "url": server.url})


def test_a_file_that_changes_between_two_ranges_is_no_mixture(root) -> None:
    put(root, "big", b"a" * (9 << 20))
    with serve(root) as server, open_store(server.url).open("big") as file:
        assert file.read(10) == b"a" * 10
        put(root, "big", b"b" * (9 << 20))
        with pytest.raises(StoreError, match="big was changed while it was read"):
            file.read()


def test_a_part_of_a_large_file_is_all_that_is_sent(root) -> None:
    put(root, "big", bytes(20 << 20))
    with serve(root) as server, open_store(server.url).open("big") as file:
        file.read(1000)
        file.seek(-1000, 2)
        assert len(file.read()) == 1000
        assert server.sent < 1 << 20
