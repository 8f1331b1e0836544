from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.registry import documents
from mlsteps.registry.names import file_name, name_of
from mlsteps.storage.workspace_store import WorkspaceStore


def test_the_default_datastore_has_a_whole_place(ws):
    store = documents.get_datastore(ws)
    assert store["name"] == "workspaceblobstore"
    assert store["url"] == os.path.join(ws.root, "stores/workspaceblobstore")


def test_the_default_datastore_moves_with_the_root(ws, tmp_path):
    moved = tmp_path / "moved"
    shutil.move(ws.root, moved)
    assert documents.get_datastore(WorkspaceStore(str(moved)))["url"] == str(moved / "stores/workspaceblobstore")


def test_datastores_are_found_in_any_case(ws):
    documents.put_datastore(ws, {"name": "Sales_Data", "type": "AzureBlob", "url": "/data/sales"})
    assert documents.get_datastore(ws, "sales_data")["name"] == "Sales_Data"
    with pytest.raises(UserErrorException, match="overwrite=True"):
        documents.put_datastore(ws, {"name": "SALES_DATA", "type": "AzureBlob", "url": "/data/2"})
    documents.put_datastore(ws, {"name": "SALES_DATA", "type": "AzureBlob", "url": "/data/2"}, overwrite=True)
    assert documents.get_datastore(ws, "Sales_Data")["url"] == "/data/2"
    assert list(documents.list_datastores(ws)) == ["Sales_Data", "workspaceblobstore", "workspacefilestore"]


def test_an_unknown_datastore_is_an_error_that_names_what_exists(ws):
    with pytest.raises(UserErrorException, match=r"'nope'.*workspaceblobstore, workspacefilestore"):
        documents.get_datastore(ws, "nope")


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", "x" * 300])
def test_bad_datastore_names_are_refused(ws, name):
    with pytest.raises(InvalidInput, match="datastore name"):
        documents.put_datastore(ws, {"name": name, "type": "AzureBlob"})


def test_set_default_and_delete(ws):
    documents.put_datastore(ws, {"name": "mine", "type": "AzureBlob", "url": "/data"})
    with pytest.raises(UserErrorException, match="is the default"):
        documents.delete_datastore(ws, "workspaceblobstore")
    documents.set_default_datastore(ws, "MINE")
    assert documents.get_datastore(ws)["name"] == "mine"
    documents.delete_datastore(ws, "workspaceblobstore")
    assert list(documents.list_datastores(ws)) == ["mine", "workspacefilestore"]


def test_computes_come_and_go(ws):
    documents.put_compute(ws, {"name": "cpu-cluster", "type": "AmlCompute", "vm_size": "STANDARD_D2_V2"})
    documents.put_compute(ws, {"name": "cpu-cluster", "type": "AmlCompute", "vm_size": "STANDARD_D3_V2"})
    assert documents.get_compute(ws, "CPU-cluster")["vm_size"] == "STANDARD_D3_V2"
    assert list(documents.list_computes(ws)) == ["cpu-cluster"]
    assert documents.delete_compute(ws, "cpu-cluster")
    assert not documents.delete_compute(ws, "cpu-cluster")
    assert documents.get_compute(ws, "cpu-cluster") is None


def test_an_environment_gets_a_version_when_it_changed(ws):
    first = documents.register_environment(ws, {"name": "sk", "python": {"pip": ["scikit-learn"]}})
    again = documents.register_environment(ws, {**first, "version": None})
    changed = documents.register_environment(ws, {"name": "sk", "python": {"pip": ["scikit-learn==1.1"]}})
    back = documents.register_environment(ws, {"name": "sk", "python": {"pip": ["scikit-learn"]}})
    assert [item["version"] for item in (first, again, changed, back)] == ["1", "1", "2", "3"]
    assert documents.get_environment(ws, "sk")["version"] == "3"
    assert documents.get_environment(ws, "sk", "2")["python"] == {"pip": ["scikit-learn==1.1"]}
    assert documents.get_environment(ws, "sk", "9") is None
    assert documents.environment_versions(ws, "sk") == ["1", "2", "3"]
    assert list(documents.list_environments(ws)) == ["sk"]


@given(st.text(st.characters(), min_size=1, max_size=40).filter(lambda text: text.strip()))
def test_any_name_makes_one_safe_path_segment_and_comes_back(name):
    try:
        encoded = file_name(name)
    except InvalidInput:
        assert len(name) > 16
        return
    assert name_of(encoded) == name
    assert encoded not in (".", "..")
    assert not set("/\\\0:") & set(encoded)
