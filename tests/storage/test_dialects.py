"""Databases without a server: addresses, options and statements by dialect; what is refused without asking one."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from mlsteps.errors import InvalidInput, StoreError, UnsupportedFeature
from mlsteps.storage.databases import DatabaseStore
from mlsteps.storage.dialects import DIALECTS, login_of
from mlsteps.storage.open import open_datastore, open_store
from mlsteps.storage.row_values import Batch, Kinds

DOCUMENTS: dict[str, dict[str, Any]] = {
    "AzurePostgreSql": {"server_name": "pg", "endpoint": "postgres.database.azure.com", "enforce_ssl": True},
    "AzureMySql": {"server_name": "my", "endpoint": "mysql.database.azure.com", "port_number": "3307"},
    "AzureSqlDatabase": {"server_name": "sql", "endpoint": "database.windows.net"},
}


@pytest.fixture
def all_drivers(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def opened(kind: str, secrets: dict[str, Any], **more: Any) -> DatabaseStore:
    store = open_datastore({"name": "db", "type": kind, "database_name": "d", **DOCUMENTS[kind], **more}, secrets)
    assert isinstance(store, DatabaseStore)
    return store


def url(store: DatabaseStore) -> str:
    return str(store.dialect.url(store.login()).render_as_string(hide_password=False))


def options(store: DatabaseStore, timeout: int | None = 5) -> dict[str, Any]:
    return store.dialect.options(store.login(), timeout)


def test_addresses_without_a_server(all_drivers) -> None:
    by_user = {"user_id": "u", "username": "u"}
    secrets = {"user_password": "p/w", "password": "p/w"}
    assert url(opened("AzurePostgreSql", secrets, **by_user)) == (
        "postgresql+psycopg://u:p%2Fw@pg.postgres.database.azure.com:5432/d"
    )
    assert url(opened("AzureMySql", secrets, **by_user)) == (
        "mysql+pymysql://u:p%2Fw@my.mysql.database.azure.com:3307/d?charset=utf8mb4"
    )
    assert url(opened("AzureSqlDatabase", secrets, **by_user)) == (
        "mssql+pymssql://u:p%2Fw@sql.database.windows.net:1433/d"
    )


def test_azure_is_asked_with_tls_without_a_server() -> None:
    assert options(opened("AzurePostgreSql", {"user_password": "p"}))["sslmode"] == "require"
    assert options(opened("AzureMySql", {"user_password": "p"}))["ssl"].check_hostname
    sql_server = options(opened("AzureSqlDatabase", {"password": "p"}, username="u"))
    assert (sql_server["encryption"], sql_server["timeout"]) == ("require", 5)
    assert "ssl" not in options(opened("AzureMySql", {"user_password": "p"}, server_name="10.0.0.1"))


def test_sql_server_by_service_principal_and_identity_without_a_server(all_drivers) -> None:
    principal = opened("AzureSqlDatabase", {"client_secret": "s"}, client_id="app", tenant_id="t")
    assert url(principal).startswith("mssql+pyodbc://app:s@sql.database.windows.net:1433/d?")
    assert "Authentication=ActiveDirectoryServicePrincipal" in url(principal) and "Encrypt=yes" in url(principal)
    assert "Authentication=ActiveDirectoryMsi" in url(opened("AzureSqlDatabase", {}))


def test_a_connections_fields_win_over_the_datastores() -> None:
    connection = {"host": "other", "port": 1, "username": "c", "password": "cp", "database": "cd", "sslmode": "disable"}
    login = login_of(
        {"name": "db", "type": "AzurePostgreSql", **DOCUMENTS["AzurePostgreSql"], "user_id": "u"}, connection
    )
    assert login[:5] == ("other", 1, "c", "cp", "cd") and login.extra["sslmode"] == "disable"
    with pytest.raises(InvalidInput, match="'db' says no server"):
        login_of({"name": "db", "type": "AzureMySql"}, None)


@pytest.mark.parametrize(
    ("kind", "extra"), [("AzurePostgreSql", "postgres"), ("AzureMySql", "mysql"), ("AzureSqlDatabase", "mssql")]
)
def test_a_missing_driver_is_named(kind: str, extra: str, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    store = opened(kind, {"password": "p", "user_password": "p"}, username="u", user_id="u")
    with pytest.raises(StoreError, match=rf"pip install airflow-provider-mlsteps\[{extra}\]"):
        next(iter(store.rows("SELECT 1")))


def test_sql_server_cannot_be_reached_without_a_server() -> None:
    pytest.importorskip("pymssql")
    store = opened("AzureSqlDatabase", {"password": "secretpassword"}, username="u", server_name="127.0.0.1")
    document = {**store._document, "port_number": 1}
    with pytest.raises(StoreError, match="'db'") as caught:
        next(iter(open_datastore(document, {"password": "secretpassword"}).rows("SELECT 1")))
    assert "secretpassword" not in str(caught.value)


def test_statements_of_sql_server_without_a_server() -> None:
    """Compiled by SQLAlchemy's dialect, which quotes as the server does."""
    import sqlalchemy
    from sqlalchemy.dialects import mssql

    table = sqlalchemy.Table(
        "Order Details", sqlalchemy.MetaData(), sqlalchemy.Column("Unit", sqlalchemy.Integer), schema="dbo"
    )
    assert mssql.dialect().identifier_preparer.format_table(table) == "dbo.[Order Details]"
    assert DIALECTS["AzureSqlDatabase"].identity == "SELECT @@SPID"


def test_files_hold_no_rows(tmp_path) -> None:
    with pytest.raises(UnsupportedFeature, match="holds files and no rows"):
        open_store(str(tmp_path)).rows("SELECT 1")


def test_values_of_a_column_have_one_kind() -> None:
    import datetime
    import decimal
    import uuid

    kinds = Kinds(["n", "n", "mixed", "late"])
    day, token = datetime.date(2020, 2, 29), uuid.UUID(int=7)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    rows = [(1, True, 1, None), (decimal.Decimal("1.5"), None, "x", None)]
    first, _ = kinds.batch(rows)
    assert first == [
        ("n", "float", [1.0, 1.5]),
        ("n_2", "bool", [True, None]),
        ("mixed", "string", ["1", "x"]),
        ("late", "string", [None, None]),
    ]
    second = kinds.batch([(2, False, token, day), (2**70, False, b"\xff", datetime.datetime(2020, 1, 1, tzinfo=zone))])
    assert second.columns == [
        ("n", "float", [2.0, float(2**70)]),
        ("n_2", "bool", [False, False]),
        ("mixed", "string", [str(token), "ff"]),
        ("late", "datetime", ["2020-02-29", "2019-12-31T22:00:00"]),
    ]
    assert Batch.from_bytes(second.to_bytes()) == second
