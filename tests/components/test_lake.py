"""ADLS Gen2: no server of it can be had, so an account with real folders is Azurite behind the documented answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mlsteps.storage.base import Child, Store
from mlsteps.storage.copying.plan import plan, sources
from mlsteps.storage.copying.run import copy
from mlsteps.storage.datasets import resolve_files
from mlsteps.storage.open import open_datastore, open_store
from tests.components.conftest import opened, variable
from tests.components.faults import Proxy
from tests.components.lake import Lake
from tests.storage.contract import StoreContract, paths


@pytest.fixture
def account(blob) -> Iterator[Any]:
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(variable("AZURE_STORAGE_CONNECTION_STRING")) as service:
        yield service


@pytest.fixture
def lake(blob, account) -> Iterator[dict[str, Any]]:
    """A datastore in a file system of such an account."""
    proxy = Lake(f"http://{blob['document']['endpoint']}", account)
    endpoint = proxy.url.partition("://")[2]
    yield {**blob, "document": {**blob["document"], "type": "AzureDataLakeGen2", "endpoint": endpoint}}
    proxy.close()


class TestLakeByDocumentedAnswers(StoreContract):
    @pytest.fixture
    def store(self, lake) -> Store:
        return opened(lake)

    def test_folders_that_stay_are_no_files(self, store: Store, local_store: Store) -> None:
        store.write("d/e/f", b"1")
        store.delete("d/e/f")
        assert (store.kind("d/e"), store.children("d"), paths(store)) == ("directory", [Child("e", True)], [])
        assert store.entry("d/e") is None and list(store.tree("d")) == []
        store.write("d/g", b"2")
        assert [item.relative for item in resolve_files(_dataset("d/**"), lambda name: store)] == ["g"]
        kind, found = sources(store, "d")
        assert (kind, [item.path for item in found]) == ("directory", ["d/g"])
        copy(plan(found, kind, local_store, "out"))
        assert paths(local_store) == ["out/g"]
        store.delete("d")
        assert (store.kind("d"), store.children("")) == (None, [])


def _dataset(path: str) -> dict[str, Any]:
    return {"type": "file", "paths": [{"datastore": "lake", "path": path}]}


def test_folders_that_hadoop_has_marked_in_a_flat_account(blob, account) -> None:
    container, store = account.get_container_client(blob["document"]["container_name"]), opened(blob)
    for name in ("d", "d/e", "empty"):
        container.upload_blob(name, b"", metadata={"hdi_isfolder": "true"})
    store.write("d/e/f", b"1")
    assert paths(store) == ["d/e/f"]
    assert store.children("") == [Child("d", True), Child("empty", True)]
    assert [store.kind(path) for path in ("d", "d/e", "empty", "d/e/f")] == ["directory"] * 3 + ["file"]
    assert store.entry("d") is None
    store.delete("d")
    assert [item.name for item in container.list_blobs()] == ["empty"]


@pytest.mark.parametrize("known", [{"account_key": "aGVsbG8="}, {"sas_token": "sv=1&sig=x"}, {"anon": True}, {}])
def test_an_account_that_is_named_is_asked_without_a_server(known, monkeypatch) -> None:
    """And not another one, for which the machine has a connection string. Asked is its Blob endpoint."""
    other = "DefaultEndpointsProtocol=https;AccountName=other;AccountKey=aGVsbG8=;EndpointSuffix=core.windows.net"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", other)
    document = {"name": "l", "type": "AzureDataLakeGen2", "account_name": "lake", "filesystem": "data"}
    for store in (
        open_store("abfss://data@lake.dfs.core.windows.net/folder", known),
        open_datastore(document, known),
    ):
        assert store._fs.service_client.url.startswith("https://lake.blob.core.windows.net/")  # type: ignore[attr-defined]


def test_requests_of_a_lake(blob) -> None:
    """One page of a listing is one request; small files are one request each."""
    proxy = Proxy(f"http://{blob['document']['endpoint']}", lambda method, path, number: None)
    endpoint = proxy.url.partition("://")[2]
    store = opened({**blob, "document": {**blob["document"], "type": "AzureDataLakeGen2", "endpoint": endpoint}})
    for number in range(5):
        store.write(f"d/{number}/f", b"1")
    before = dict(proxy.requests)
    assert len(list(store.list("d"))) == 5
    asked = {method: count - before.get(method, 0) for method, count in proxy.requests.items()}
    assert sum(asked.values()) <= 2, asked
    proxy.close()
