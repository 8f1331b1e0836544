from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, WorkspaceException
from mlsteps.registry.workspaces import open_workspace, workspace_document, workspace_root
from mlsteps.storage.workspace_store import WorkspaceStore
from tests.registry.processes import together


def test_the_root_is_the_references_then_the_variables_then_below_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLSTEPS_WORKSPACE_ROOT", raising=False)
    assert workspace_root({"name": "sea"}) == str(tmp_path / "home" / "workspaces" / "sea")
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", "/data/ws")
    assert workspace_root({"name": "sea"}) == "/data/ws"
    assert workspace_root({"name": "sea", "root": "s3://bucket/ws"}) == "s3://bucket/ws"


def test_without_a_home_it_is_in_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("MLSTEPS_HOME", raising=False)
    monkeypatch.delenv("MLSTEPS_WORKSPACE_ROOT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert workspace_root({"name": "sea"}) == str(tmp_path / ".mlsteps" / "workspaces" / "sea")


def test_neither_name_nor_root_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("MLSTEPS_WORKSPACE_ROOT", raising=False)
    with pytest.raises(InvalidInput, match="neither a name nor a root"):
        open_workspace({})


def test_a_name_cannot_leave_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path))
    monkeypatch.delenv("MLSTEPS_WORKSPACE_ROOT", raising=False)
    assert Path(workspace_root({"name": "../../etc"})).parent == tmp_path / "workspaces"


def test_a_new_workspace_has_a_document_and_two_datastores(ws, tmp_path):
    document = workspace_document(ws)
    assert document["name"] == "sea"
    assert document["default_datastore"] == "workspaceblobstore"
    assert ws.names("datastores") == ["workspaceblobstore", "workspacefilestore"]
    blob = ws.read_json("datastores/workspaceblobstore.json")
    assert blob["type"] == "AzureBlob"
    assert blob["container_name"] == f"azureml-blobstore-{document['id']}"
    assert blob["account_name"] == "seastorage"
    assert ws.read_json("datastores/workspacefilestore.json")["type"] == "AzureFile"


def test_opening_again_changes_nothing(ws):
    before = {entry.path: ws.store.read(entry.path) for entry in ws.store.list("")}
    again = open_workspace({"name": "other", "root": ws.root})
    assert {entry.path: again.store.read(entry.path) for entry in again.store.list("")} == before


def test_a_making_that_was_cut_short_is_completed(ws):
    ws.delete("workspace.json")
    ws.delete("datastores/workspacefilestore.json")
    open_workspace({"name": "sea", "root": ws.root})
    assert ws.names("datastores") == ["workspaceblobstore", "workspacefilestore"]
    assert workspace_document(ws)["name"] == "sea"


def test_an_empty_root_is_no_workspace(tmp_path):
    with pytest.raises(WorkspaceException, match=r"no workspace\.json"):
        workspace_document(WorkspaceStore(str(tmp_path)))


def test_processes_that_open_at_once_agree(tmp_path):
    root = tmp_path / "new"
    printed = together(
        """
        ready()
        ws = open_workspace({"name": "sea", "root": sys.argv[1]})
        print(json.dumps([ws.read_json("workspace.json"), get_datastore(ws)], sort_keys=True))
        """,
        "from mlsteps.registry.documents import get_datastore",
        root,
        tmp_path,
        4,
    )
    assert len(set(printed)) == 1
