from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.errors import InvalidInput
from mlsteps.registry import credentials
from mlsteps.registry.connections import connection_for, driver_options, parse, secret_texts
from mlsteps.storage.addresses import split_connection, with_connection
from mlsteps.storage.drivers import for_driver

_USER = {"username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("wasb://account:a%2Fb%3D@", {"account_name": "account", "account_key": "a/b="}),
        ("wasb://:key@account", {"account_name": "account", "account_key": "key"}),
        ("wasb://?sas_token=sv%3D1%26sig%3Dx", {"sas_token": "sv=1&sig=x"}),
        ("adls://client:secret@?tenant_id=t", {"client_id": "client", "client_secret": "secret", "tenant_id": "t"}),
        ("aws://A:s%2Fk@?region_name=eu", {"key": "A", "secret": "s/k", "client_kwargs": {"region_name": "eu"}}),
        ("samba://u:p@server:1445/share", {"host": "server", "port": 1445, "username": "u", "password": "p"}),
        ("postgres://u:p@h:5/d?sslmode=x", {**_USER, "host": "h", "port": 5, "database": "d", "sslmode": "x"}),
        ("postgresql://u:p@h/d", {**_USER, "host": "h", "database": "d"}),
        ("google-cloud-platform://?key_path=%2Fk.json&project=p", {"token": "/k.json", "project": "p"}),
        ("google-cloud-platform://?is_anonymous=True&endpoint_url=http://h", {"token": "anon", "endpoint_url": "http://h"}),
        ("generic://?account_key=k", {"account_key": "k"}),
        ("sftp://u:p@h:22", {"host": "h", "port": 22, "username": "u", "password": "p"}),
    ],
)  # fmt: skip
def test_a_uri_becomes_driver_options(text, options):
    assert driver_options(parse(text)) == options


def test_json_and_uri_mean_the_same():
    extra = {"tenant_id": "t", "account_name": "lake"}
    as_json = {"conn_type": "adls", "login": "c", "password": "s:/@%", "extra": json.dumps(extra)}
    as_uri = f"adls://c:{quote('s:/@%', safe='')}@?__extra__={quote(json.dumps(extra))}"
    assert driver_options(parse(json.dumps(as_json))) == driver_options(parse(as_uri))


def test_old_names_of_extras_are_known():
    connection = {"conn_type": "wasb", "login": "a", "extra": {"extra__wasb__sas_token": "sv=1"}}
    assert driver_options(connection) == {"account_name": "a", "sas_token": "sv=1"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("https://acc.blob.core.windows.net", {"account_name": "acc", "account_url": "https://acc.blob.core.windows.net"}),
        ("acc.blob.core.chinacloudapi.cn", {"account_name": "acc", "account_url": "https://acc.blob.core.chinacloudapi.cn"}),
        ("http://127.0.0.1:10000/acc", {"account_name": "acc", "account_url": "http://127.0.0.1:10000/acc"}),
    ],
)  # fmt: skip
def test_an_azure_host_says_account_and_address(host, expected):
    found = driver_options({"conn_type": "wasb", "host": host, "login": "acc", "password": "k"})
    assert found == {**expected, "account_key": "k"}


@pytest.mark.parametrize("text", ["{broken", "no scheme", '{"extra": "{x"}', "wasb://h:notaport/", '{"extra": [1]}'])
def test_a_broken_connection_is_named_and_its_text_is_not_repeated(text, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN_ONE", text)
    with pytest.raises(InvalidInput, match="AIRFLOW_CONN_BROKEN_ONE") as caught:
        credentials.load_credentials("broken_one")
    assert text not in str(caught.value)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(key=_TEXT)
def test_what_registering_stores_is_what_the_driver_gets(key):
    blob = {"type": "AzureBlob", "account_name": "acc", "protocol": "http", "endpoint": "127.0.0.1:1"}
    found = driver_options(connection_for(blob, {"account_key": key}))
    assert (found["account_key"], found["account_name"]) == (key, "acc")
    assert found["account_url"] == "http://127.0.0.1:1/acc"
    sas = driver_options(connection_for(blob, {"sas_token": key}))
    assert sas["sas_token"] == key and "account_key" not in sas
    lake = {"type": "AzureDataLakeGen2", "account_name": "acc", "client_id": "c", "tenant_id": "t"}
    found = driver_options(connection_for(lake, {"client_secret": key}))
    assert (found["client_id"], found["client_secret"], found["tenant_id"]) == ("c", key, "t")
    share = {"type": "AzureFile", "account_name": "acc", "container_name": "s", "endpoint": "127.0.0.1:445"}
    found = driver_options(connection_for(share, {"account_key": key}))
    assert found == {"host": "127.0.0.1", "port": 445, "username": "acc", "password": key}
    database = {
        "type": "AzurePostgreSql",
        "server_name": "s",
        "endpoint": "e.com",
        "database_name": "d",
        "user_id": "u",
    }
    found = driver_options(connection_for(database, {"user_password": key}))
    assert found == {"host": "s.e.com", "username": "u", "password": key, "database": "d"}


def test_connections_hold_secrets_only_where_airflow_masks_them():
    masked = ("password", "secret", "token", "connection_string", "private_key")
    cases = [
        ("AzureBlob", "account_key"), ("AzureBlob", "sas_token"), ("AzureFile", "account_key"),
        ("AzureFile", "sas_token"), ("AzureDataLakeGen2", "client_secret"),
        ("AzureSqlDatabase", "password"), ("AzureSqlDatabase", "client_secret"),
        ("AzurePostgreSql", "user_password"), ("AzureMySql", "user_password"), ("Hdfs", "credential_value"),
    ]  # fmt: skip
    for kind, name in cases:
        made = connection_for({"type": kind, "account_name": "acc", "server_name": "s"}, {name: "SECRETVALUE"})
        extra = made.get("extra", {})
        shown = {**made, "extra": {key: value for key, value in extra.items() if not any(m in key for m in masked)}}
        shown.pop("password", None)
        assert "SECRETVALUE" in json.dumps(made) and "SECRETVALUE" not in json.dumps(shown), kind


def test_secrets_are_found_by_value_also_inside_connection_strings():
    options = {
        "account_name": "acc",
        "connection_string": "AccountName=acc;AccountKey=K/EY==;BlobEndpoint=http://h/acc",
        "sas_token": "?sv=1&sig=a%2Fb",
        "client_kwargs": {"region_name": "eu", "aws_session_token": "T"},
        "port": 1,
    }
    found = secret_texts(options)
    assert {"K/EY==", "a%2Fb", "a/b", "T", options["connection_string"], options["sas_token"]} == set(found)


def test_of_a_key_of_google_the_secrets_alone_are_masked():
    key = {
        "type": "service_account",
        "project_id": "p",
        "client_email": "a@b",
        "private_key": "PEM",
        "private_key_id": "ID",
    }
    connection = {"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": json.dumps(key)}}
    assert secret_texts(driver_options(connection)) == ["PEM", "ID"]
    assert secret_texts({"token": "anon"}) == []


def test_a_key_becomes_a_connection_string_that_no_variable_can_override():
    options = for_driver("abfs", {"account_name": "acc", "account_key": "k", "account_url": "http://h:1/acc"})
    assert options == {
        "connection_string": "DefaultEndpointsProtocol=http;AccountName=acc;BlobEndpoint=http://h:1/acc;AccountKey=k"
    }
    options = for_driver("abfs", {"account_name": "acc", "sas_token": "?sv=1&sig=x", "max_concurrency": 4})
    assert options == {
        "connection_string": "DefaultEndpointsProtocol=https;AccountName=acc;"
        "BlobEndpoint=https://acc.blob.core.windows.net;SharedAccessSignature=sv=1&sig=x",
        "max_concurrency": 4,
    }


def test_without_a_credential_a_container_is_public_unless_the_machine_has_an_identity(monkeypatch, tmp_path):
    for name in ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AZURE_STORAGE_ANON", raising=False)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    assert for_driver("abfs", {"account_name": "acc"})["anon"] is True
    monkeypatch.setenv("AZURE_STORAGE_ANON", "false")
    assert "anon" not in for_driver("abfs", {"account_name": "acc"})  # the driver reads the variable
    monkeypatch.delenv("AZURE_STORAGE_ANON")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://here")
    assert for_driver("abfs", {"account_name": "acc"})["anon"] is False
    monkeypatch.delenv("IDENTITY_ENDPOINT")
    (tmp_path / "azureProfile.json").write_text("{}")
    assert for_driver("abfs", {"account_name": "acc"})["anon"] is False
    assert for_driver("abfs", {"account_name": "acc", "anon": True})["anon"] is True


def test_sources_are_asked_last_and_only_when_needed(monkeypatch):
    asked = []

    def source(conn_id):
        asked.append(conn_id)
        return {"key": "from source"} if conn_id == "known" else None

    monkeypatch.setattr(credentials, "_sources", [])
    credentials.add_source(source)
    credentials.add_source(source)
    monkeypatch.setenv("AIRFLOW_CONN_VARIABLE", "generic://?key=variable")
    credentials.store_credentials("Given", {"key": "given"})
    try:
        found = [credentials.load_credentials(name) for name in ("given", "variable", "known", "absent", None)]
    finally:
        credentials.forget_credentials("given")
    assert found == [{"key": "given"}, {"key": "variable"}, {"key": "from source"}, None, None]
    assert asked == ["known", "absent"]


@pytest.mark.parametrize(
    ("url", "address", "conn_id"),
    [
        ("s3://conn_1@bucket/a/b", "s3://bucket/a/b", "conn_1"),
        ("abfs://c@box", "abfs://box", "c"),
        ("abfss://box@account.dfs.core.windows.net/a", "abfss://box@account.dfs.core.windows.net/a", None),
        ("sftp://user@host/a", "sftp://user@host/a", None),
        ("s3://bucket/a@b", "s3://bucket/a@b", None),
        ("/a@b/c", "/a@b/c", None),
    ],
)
def test_an_address_can_carry_its_connection(url, address, conn_id):
    assert split_connection(url) == (address, conn_id)
    assert with_connection(address, conn_id) == url
