"""DBFS: the contract of stores against the documented answers of its API; no server of it can be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlsteps.errors import StoreError
from mlsteps.registry.connections import driver_options
from mlsteps.storage.base import Store
from mlsteps.storage.open import open_datastore
from tests.components.databricks import TOKEN, Dbfs, dbfs
from tests.components.test_identities import certificate
from tests.storage.contract import StoreContract


@pytest.fixture
def server(tmp_path_factory, monkeypatch) -> Iterator[Dbfs]:
    tls = certificate(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls[0]))
    with dbfs(tls) as made:
        yield made


def opened(server: Dbfs, token: str = TOKEN) -> Store:
    """As ``Datastore.register_dbfs`` has it: host and token are those of Airflow's connection."""
    connection = {"conn_type": "databricks", "host": f"https://{server.instance}", "password": token}
    return open_datastore({"name": "dbfs", "type": "DBFS"}, driver_options(connection)).below("place")


class TestDbfsByDocumentedAnswers(StoreContract):
    @pytest.fixture
    def store(self, server: Dbfs) -> Store:
        return opened(server)


def test_large_files_pass_in_blocks_of_the_size_there_is(server: Dbfs) -> None:
    store = opened(server)
    store.write("f", bytes(5 << 20))
    assert server.asked.count("add-block") == 5
    server.asked.clear()
    assert len(store.read("f")) == 5 << 20 and server.asked.count("read") == 5


def test_a_wrong_token_is_an_error_that_does_not_tell_it(server: Dbfs) -> None:
    with pytest.raises(StoreError, match="dbfs:///place/f") as caught:
        opened(server, "dapi-wrong").read("f")
    assert "dapi-wrong" not in str(caught.value)
