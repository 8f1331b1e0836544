"""Datastores in a local workspace: real files, nothing mocked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, StoreError, UserErrorException
from mlsteps.sdk import datastore_credentials
from mlsteps.sdk.azure_storage_datastore import AzureBlobDatastore, AzureFileDatastore, UrlDatastore
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.datastore import Datastore
from mlsteps.storage.open import open_store


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_two_defaults_are_of_the_sdks_classes_with_readable_properties(workspace):
    blob, share = Datastore.get_default(workspace), Datastore(workspace, "workspacefilestore")
    assert type(blob) is AzureBlobDatastore
    assert type(share) is AzureFileDatastore
    assert (blob.name, blob.datastore_type) == ("workspaceblobstore", "AzureBlob")
    assert blob.account_name and blob.container_name and blob.account_key is None and blob.sas_token is None
    assert workspace.get_default_datastore().container_name == blob.container_name


def test_names_are_found_without_regard_to_case_and_an_unknown_one_says_what_there_is(workspace):
    assert Datastore.get(workspace, "WorkspaceBlobStore").name == "workspaceblobstore"
    with pytest.raises(UserErrorException, match=r"'nowhere'.*workspaceblobstore"):
        Datastore.get(workspace, datastore_name="nowhere")


def test_upload_then_download_gives_the_same_files(workspace, folder, tmp_path, capsys):
    store = workspace.get_default_datastore()
    reference = store.upload(src_dir=str(folder), target_path="/data/in/", overwrite=True, show_progress=True)
    assert isinstance(reference, DataReference)
    assert reference.path_on_datastore == "data/in"
    assert "Uploaded" in capsys.readouterr().out
    count = store.download(str(tmp_path / "back"), prefix="data/in", show_progress=False)
    assert count == 3
    assert files(tmp_path / "back" / "data" / "in") == files(folder)
    assert capsys.readouterr().out == ""


def test_upload_leaves_existing_files_alone_unless_told_to_overwrite(workspace, folder, tmp_path):
    store = workspace.get_default_datastore()
    store.upload(str(folder), "data", show_progress=False)
    (folder / "a.csv").write_text("changed")
    store.upload(str(folder), "data", show_progress=False)
    store.download(str(tmp_path / "one"), "data/a.csv", show_progress=False)
    assert (tmp_path / "one" / "data" / "a.csv").read_text() == "x,y\n1,2\n3,4\n"
    store.upload(str(folder), "data", overwrite=True, show_progress=False)
    assert store.download(str(tmp_path / "one"), "data/a.csv", show_progress=False) == 0
    assert store.download(str(tmp_path / "one"), "data/a.csv", overwrite=True, show_progress=False) == 1
    assert (tmp_path / "one" / "data" / "a.csv").read_text() == "changed"


def test_a_prefix_that_is_no_folder_takes_every_path_that_begins_so(workspace, folder, tmp_path):
    store = workspace.get_default_datastore()
    store.upload(str(folder), "titanic", show_progress=False)
    store.upload(str(folder), "titanic2", show_progress=False)
    assert store.download(str(tmp_path / "one"), "titanic", show_progress=False) == 3
    assert store.download(str(tmp_path / "both"), "titan", show_progress=False) == 6


def test_upload_files_keeps_paths_below_the_common_folder_or_relative_root(workspace, folder, tmp_path):
    store = workspace.get_default_datastore()
    both = [str(folder / "a.csv"), str(folder / "deep er" / "ü#%.txt")]
    store.upload_files(both, target_path="one", show_progress=False)
    store.upload_files(both[:1], relative_root=str(folder.parent), target_path="two", show_progress=False)
    store.upload_files(files=[str(folder / "b.csv")], show_progress=False)
    store.download(str(tmp_path / "all"), show_progress=False)
    assert sorted(files(tmp_path / "all")) == ["b.csv", "one/a.csv", "one/deep er/ü#%.txt", "two/local/a.csv"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, f: s.upload(str(f / "nothing")), "does not exist"),
        (lambda s, f: s.upload(str(f / "a.csv")), "upload_files"),
        (lambda s, f: s.upload_files([]), "at least one path"),
        (lambda s, f: s.upload_files(str(f / "a.csv")), "a list"),
        (lambda s, f: s.upload_files([str(f / "none.csv")]), "none.csv"),
        (lambda s, f: s.upload_files([str(f / "a.csv")], relative_root=str(f / "deep er")), "relative_root"),
        (lambda s, f: s.upload(str(f), "../outside"), "leaves its datastore"),
        (lambda s, f: s.download(str(f), "a/../../b"), "leaves its datastore"),
    ],
)
def test_wrong_calls_say_what_is_wrong_and_move_nothing(workspace, folder, tmp_path, call, message):
    store = workspace.get_default_datastore()
    with pytest.raises(UserErrorException, match=message):
        call(store, folder)
    assert store.download(str(tmp_path / "back"), show_progress=False) == 0


def test_registering_keeps_no_secret_in_the_workspace_and_names_the_connection(workspace, tmp_path):
    store = Datastore.register_azure_blob_container(
        workspace=workspace,
        datastore_name="mine",
        container_name="box",
        account_name="account",
        account_key="SECRETKEY==",
    )
    assert type(store) is AzureBlobDatastore and store.account_key == "SECRETKEY=="
    assert Datastore.get(workspace, "mine").account_key == "SECRETKEY=="
    written = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert written and not any(b"SECRETKEY" in data for data in written)
    assert store._document()["connection"] == "mlsteps_data_tests_mine"
    datastore_credentials.forget(workspace, "mine")
    assert Datastore.get(workspace, "mine").account_key is None


def test_a_taken_name_is_refused_unless_overwrite(workspace):
    first = {"container_name": "one", "account_name": "account"}
    Datastore.register_azure_blob_container(workspace, "mine", **first)
    with pytest.raises(UserErrorException, match="overwrite=True"):
        Datastore.register_azure_blob_container(workspace, "mine", **first)
    changed = Datastore.register_azure_blob_container(workspace, "mine", "two", "account", overwrite=True)
    assert changed.container_name == "two"


def test_the_default_container_under_a_second_name_is_the_same_place(workspace, folder, tmp_path):
    own = workspace.get_default_datastore()
    own.upload(str(folder), "data", show_progress=False)
    again = Datastore.register_azure_blob_container(
        workspace, "again", own.container_name, own.account_name, account_key=own.account_key, overwrite=True
    )
    assert again.download(str(tmp_path / "back"), "data", show_progress=False) == 3


def test_every_kind_comes_back_as_its_class_with_its_properties(workspace):
    with pytest.warns(UserWarning, match="retired"):
        made = [
            Datastore.register_azure_file_share(workspace, "share", "s", "a", account_key="k"),
            Datastore.register_azure_data_lake(workspace, "lake1", "store", "t", "c", "secret"),
            Datastore.register_azure_data_lake_gen2(workspace, "lake2", "fs", "a", "t", "c", "secret"),
            Datastore.register_azure_sql_database(workspace, "sql", "server", "db", username="u", password="p"),
            Datastore.register_azure_postgre_sql(workspace, "pg", "server", "db", "u", "p", enforce_ssl=False),
            Datastore.register_azure_my_sql(workspace, "my", "server", "db", "u", "p", port_number="3307"),
            Datastore.register_dbfs(workspace, "dbfs"),
            Datastore.register_hdfs(workspace, "hdfs", "http", "node", "cert", "R", "kdc", "me", kerberos_password="p"),
        ]
    for store in made:
        found = Datastore.get(workspace, store.name)
        assert type(found) is type(store)
        assert {key: value for key, value in vars(found).items() if key != "workspace"} == {
            key: value for key, value in vars(store).items() if key != "workspace"
        }
    assert Datastore.get(workspace, "pg").enforce_ssl is False
    assert Datastore.get(workspace, "my").port_number == "3307"
    assert set(workspace.datastores) >= {"share", "lake1", "lake2", "sql", "pg", "my", "dbfs", "hdfs"}


def test_any_url_can_be_a_datastore(workspace, folder, tmp_path):
    store = Datastore.register_url(workspace, "disk", str(folder))
    assert type(store) is UrlDatastore
    assert Datastore.get(workspace, "disk").download(str(tmp_path / "back"), show_progress=False) == 3


def test_set_as_default_and_unregister(workspace, folder):
    Datastore.register_url(workspace, "disk", str(folder)).set_as_default()
    assert workspace.get_default_datastore().name == "disk"
    workspace.set_default_datastore("workspaceblobstore")
    Datastore.get(workspace, "disk").unregister()
    assert "disk" not in workspace.datastores
    assert (folder / "a.csv").exists()


@pytest.mark.parametrize(
    "connection",
    [
        "wasb://account:KEY%2F%3D@",
        json.dumps({"conn_type": "wasb", "login": "account", "password": "KEY/="}),
        json.dumps({"conn_type": "generic", "extra": {"account_key": "KEY/="}}),
    ],
)
def test_another_process_finds_the_secrets_in_a_variable(workspace, monkeypatch, connection):
    Datastore.register_azure_blob_container(workspace, "mine", "box", "account", account_key="KEY")
    datastore_credentials.forget(workspace, "mine")
    assert Datastore.get(workspace, "mine").account_key is None
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_DATA_TESTS_MINE", connection)
    assert Datastore.get(workspace, "mine").account_key == "KEY/="


def test_names_that_do_not_fit_are_refused(workspace):
    with pytest.raises(InvalidInput, match="letters, digits"):
        Datastore.register_dbfs(workspace, "no spaces")


def test_a_lake_of_the_first_generation_is_read_where_it_was_moved_to(workspace, tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match=r"'old'.*retired.*MLSTEPS_ADLS_GEN1=lake=abfss://"):
        old = Datastore.register_azure_data_lake(workspace, "old", "lake")
    for address in ("lake", "lake.azuredatalakestore.net"):
        with pytest.raises(StoreError, match=r"adl://lake: Azure retired.*register_azure_data_lake_gen2"):
            open_store(f"adl://{address}/data/f.csv")
    with pytest.raises(StoreError, match="adl://lake"):
        old._open()
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "f.csv").write_bytes(b"1")
    monkeypatch.setenv("MLSTEPS_ADLS_GEN1", f"other=abfss://x@y.dfs.core.windows.net;lake={tmp_path / 'moved'}")
    assert old._open().read("f.csv") == open_store("adl://lake.azuredatalakestore.net").read("f.csv") == b"1"


def test_the_file_system_of_databricks_is_that_of_airflows_connection(workspace, monkeypatch):
    """Its configuration: there is no server of it but Databricks."""
    pytest.importorskip("requests")
    connection = {"conn_type": "databricks", "host": "https://adb-1.azuredatabricks.net", "password": "token"}
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", json.dumps(connection))
    store = Datastore.register_dbfs(workspace, "dbfs")._open()
    assert store.url == "dbfs:///"
    assert (store._fs.instance, store._fs.token) == ("adb-1.azuredatabricks.net", "token")
