from __future__ import annotations

import json
import os
from urllib.parse import quote

import pytest

from mlsteps.errors import InvalidInput, UnsupportedFeature, UserErrorException, WorkspaceException
from mlsteps.sdk.workspace import Workspace

CONFIG = {"subscription_id": "s", "resource_group": "g", "workspace_name": "lake"}


def write(path, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**CONFIG, **more}))


@pytest.mark.parametrize("folder", ["", ".azureml", "aml_config"])
def test_from_config_looks_in_the_folder_and_its_settings_folders(tmp_path, folder):
    write(tmp_path / "project" / folder / "config.json")
    ws = Workspace.from_config()
    assert (ws.name, ws.subscription_id, ws.resource_group) == ("lake", "s", "g")


def test_from_config_looks_in_folders_above_and_the_nearest_counts(tmp_path, monkeypatch):
    deep = tmp_path / "project" / "a" / "b"
    deep.mkdir(parents=True)
    write(tmp_path / "project" / ".azureml" / "config.json", workspace_name="far")
    monkeypatch.chdir(deep)
    assert Workspace.from_config().name == "far"
    write(tmp_path / "project" / "a" / "config.json", workspace_name="near")
    assert Workspace.from_config().name == "near"
    assert Workspace.from_config(path=tmp_path / "project").name == "far"


def test_another_file_name(tmp_path):
    write(tmp_path / "project" / ".azureml" / "mine.json", workspace_name="mine")
    assert Workspace.from_config(_file_name="mine.json").name == "mine"
    assert Workspace.from_config(path=str(tmp_path / "project" / ".azureml" / "mine.json")).name == "mine"


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UserErrorException, match=r"nowhere.json.*does not exist"):
        Workspace.from_config(path="nowhere.json")
    with pytest.raises(UserErrorException, match=r"No config.json was found"):
        Workspace.from_config(path=tmp_path / "project")


def test_without_anything_the_local_workspace_with_one_notice(capsys):
    assert Workspace.from_config().name == "mlsteps-local"
    ws = Workspace.from_config()
    assert ws._reference()["subscription_id"] == "00000000-0000-0000-0000-000000000000"
    assert capsys.readouterr().out.count("local workspace") <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot be read as JSON"), ("[]", "JSON object"), ('{"workspace_name": "x"}', "subscription_id")],
)
def test_a_broken_config_says_what_is_wrong(tmp_path, text, message):
    (tmp_path / "project" / "config.json").write_text(text)
    with pytest.raises(UserErrorException, match=message):
        Workspace.from_config()


def test_extra_keys_are_tolerated_and_root_is_honoured_relative_to_the_file(tmp_path):
    write(tmp_path / "project" / "config.json", root="store", Scope="x", location="north")
    ws = Workspace.from_config()
    assert ws._reference()["root"] == str(tmp_path / "project" / "store")
    assert ws.location == "north"
    assert ws._store().root == str(tmp_path / "project" / "store")


def test_making_objects_touches_no_store(home, tmp_path):
    write(tmp_path / "project" / "config.json")
    Workspace("s", "g", "n")
    Workspace.get("n", subscription_id="s", resource_group="g")
    Workspace.from_config()._reference()
    assert not home.exists()


def test_connection_as_json_for_a_workspace_by_name(tmp_path, monkeypatch):
    extra = {"root": str(tmp_path / "r"), "location": "west", "airflow_url": "http://air"}
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_MY_LAKE", json.dumps({"conn_type": "mlsteps", "extra": extra}))
    ws = Workspace("s", "g", "my-lake")
    assert ws._reference() == {
        "name": "my-lake",
        "subscription_id": "s",
        "resource_group": "g",
        "location": "west",
        "root": str(tmp_path / "r"),
        "conn_id": "mlsteps_my-lake",
        "airflow_url": "http://air",
    }
    assert ws.discovery_url == "http://air"
    assert "root" not in Workspace("s", "g", "other")._reference()


def test_default_connection_as_uri_names_the_default_workspace(tmp_path, monkeypatch):
    root = quote(str(tmp_path / "r"), safe="")
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_DEFAULT", f"mlsteps://?root={root}&workspace_name=bay&resource_group=rg")
    ws = Workspace.from_config()
    assert (ws.name, ws.resource_group) == ("bay", "rg")
    assert ws._reference()["root"] == str(tmp_path / "r")
    assert "root" not in Workspace("s", "g", "other")._reference(), "it names another workspace"
    extra = quote(json.dumps({"root": "s3://bucket/x"}))
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_DEFAULT", f"mlsteps://?__extra__={extra}")
    assert Workspace("s", "g", "any")._reference()["root"] == "s3://bucket/x"


def test_a_connection_that_is_wrong_is_named_and_not_repeated(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_DEFAULT", '{"password": "geheim')
    with pytest.raises(InvalidInput, match="AIRFLOW_CONN_MLSTEPS_DEFAULT") as caught:
        Workspace.from_config()
    assert "geheim" not in str(caught.value)
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_DEFAULT", "postgres://u:geheim@h/x")
    with pytest.raises(InvalidInput, match="'postgres'") as caught:
        Workspace.from_config()
    assert "geheim" not in str(caught.value)


def test_root_by_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", str(tmp_path / "r"))
    ws = Workspace("s", "g", "n")
    assert ws._reference()["root"] == ws._store().root == str(tmp_path / "r")


def test_write_config_is_found_again(tmp_path):
    Workspace("s", "g", "n").write_config()
    assert json.loads((tmp_path / "project" / ".azureml" / "config.json").read_text()) == {
        "subscription_id": "s",
        "resource_group": "g",
        "workspace_name": "n",
    }
    assert Workspace.from_config() == Workspace("s", "g", "n")
    assert sorted(os.listdir(tmp_path / "project" / ".azureml")) == ["config.json"]


def test_create_exists_and_list(home):
    with pytest.raises(InvalidInput, match="2 to 32"):
        Workspace.create("a b")
    made = Workspace.create("bay", subscription_id="s", resource_group="g", location="west", tags={"a": "b"})
    with pytest.raises(WorkspaceException, match="exist_ok"):
        Workspace.create("bay")
    again = Workspace.create("bay", exist_ok=True)
    assert again._store().root == made._store().root
    assert Workspace("s", "g", "bay").location == "west"
    assert Workspace("s", "g", "bay").tags == {"a": "b"}
    listed = Workspace.list("s")
    assert list(listed) == ["bay"] and listed["bay"][0].resource_group == "g"
    assert Workspace.list("s", resource_group="none") == {}


@pytest.mark.parametrize("name", [None, "", "../x", "a/b", "a\0b", "x" * 300, 7])
def test_names_that_cannot_be(name):
    with pytest.raises(InvalidInput, match="name"):
        Workspace("s", "g", name)


def test_registries_are_dictionaries(ws):
    assert set(ws.datastores) == {"workspaceblobstore", "workspacefilestore"}
    assert ws.get_default_datastore().name == "workspaceblobstore"
    ws.set_default_datastore("workspacefilestore")
    assert ws.get_default_datastore().name == "workspacefilestore"
    assert (ws.compute_targets, ws.datasets, ws.experiments, ws.models, ws.webservices) == ({}, {}, {}, {}, {})
    assert "AzureML-Minimal" in ws.environments
    assert ws.get_default_compute_target("CPU") is None


def test_details_and_tracking_uri(ws):
    details = ws.get_details()
    assert details["name"] == "sea" and details["provisioningState"] == "Succeeded"
    assert "/resourceGroups/group/" in details["id"]
    assert ws.get_mlflow_tracking_uri().startswith("file://")
    assert ws.update(friendly_name="The sea", tags={"k": "v"})["friendlyName"] == "The sea"
    assert ws.tags == {"k": "v"}


def test_administration_is_refused_by_name(ws):
    with pytest.raises(UnsupportedFeature, match=r"Workspace\.delete is not supported"):
        ws.delete()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ws.nonsense


def test_inside_a_step_the_runs_workspace(step, ws, tmp_path):
    step()
    root = ws._store().root
    assert Workspace.from_config()._store().root == root
    assert Workspace("s", "g", "sea")._store().root == root
    assert Workspace.get("sea")._store().root == root
    assert Workspace("s", "g", "other")._store().root != root
