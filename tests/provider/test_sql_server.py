"""SQL Server, of which no server can be had: the statements that it would be sent, word for word."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mssql.pymssql import dialect as pymssql
from sqlalchemy.dialects.mssql.pyodbc import dialect as pyodbc
from sqlalchemy.schema import CreateTable

from mlsteps.errors import InvalidInput
from mlsteps.hooks.sql_rows import SqlRows
from mlsteps.storage.databases import DatabaseStore


class Recording:
    """A connection that keeps what it is sent, and gives nothing but its identity."""

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self.sent: list[Any] = []

    def exec_driver_sql(self, text: str, values: Any = None) -> Any:
        self.sent.append((text, values) if values else text)
        return sa.engine.result.IteratorResult(sa.engine.result.SimpleResultMetaData(["id"]), iter([(7,)]))

    def execute(self, statement: Any) -> None:
        compiled = statement.compile(dialect=self.dialect)
        self.sent.append((str(compiled), sorted(compiled.params)))

    def commit(self) -> None:
        self.sent.append("COMMIT")


@pytest.fixture(params=[(pymssql, "pyformat"), (pyodbc, "qmark")], ids=["pymssql", "pyodbc"])
def sent(request, monkeypatch) -> Recording:
    dialect, paramstyle = request.param
    made = Recording(dialect(paramstyle=paramstyle))

    @contextmanager
    def connected(self: Any, timeout: int | None = None) -> Iterator[Recording]:
        yield made

    def fetched(self: Any, query: str, parameters: Any = None, **more: Any) -> Iterator[Any]:
        made.sent.append((query, parameters) if parameters else query)
        yield ["Unit Price", "id"], [(1.5, 1), (None, 2)]

    def table(self: Any, connection: Any, name: str) -> sa.Table:
        columns = sa.Column("Unit Price", sa.Numeric), sa.Column("id", sa.Integer), sa.Column("100%", sa.Integer)
        doubled = sa.Column("doubled", sa.Integer, sa.Computed("id * 2"))
        return sa.Table("Order Details", sa.MetaData(), *columns, doubled, schema="dbo")

    def create(self: sa.Table, bind: Any, checkfirst: bool = True) -> None:
        made.sent.append(" ".join(str(CreateTable(self).compile(dialect=made.dialect)).split()))

    monkeypatch.setattr(DatabaseStore, "connected", connected)
    monkeypatch.setattr(DatabaseStore, "fetched", fetched)
    monkeypatch.setattr(SqlRows, "_table", table)
    monkeypatch.setattr(sa.Table, "create", create)
    return made


@pytest.fixture
def rows() -> SqlRows:
    return SqlRows(DatabaseStore({"name": "db", "type": "AzureSqlDatabase", "server_name": "s", "database_name": "d"}))


def sign(sent: Recording) -> str:
    return "?" if sent.dialect.paramstyle == "qmark" else "%s"


def test_rows_are_appended_without_a_server(sent: Recording, rows: SqlRows) -> None:
    marks: list[str] = []
    text = b'id,Unit Price,100%\n1,"",2\n3,,4\n'
    assert rows.append("dbo.Order Details", [("a.csv", io.BytesIO(text))], marks.append, lambda count: None) == 2
    mark, percent = sign(sent), "100%" if sign(sent) == "?" else "100%%"
    named = {"?": ["?", "?"], "%s": ["%(written_1)s", "%(mark)s"]}[mark]
    assert sent.sent == [
        "CREATE TABLE mlsteps_transfers ( mark VARCHAR(32) NOT NULL, written DATETIME NOT NULL DEFAULT "
        "CURRENT_TIMESTAMP, PRIMARY KEY (mark) )",
        "COMMIT",
        "SELECT @@SPID",
        (
            f"INSERT INTO dbo.[Order Details] (id, [Unit Price], [{percent}]) VALUES ({mark}, {mark}, {mark})",
            [("1", "", "2"), ("3", None, "4")],
        ),
        (f"DELETE FROM mlsteps_transfers WHERE mlsteps_transfers.written < {named[0]}", ["written_1"]),
        (f"INSERT INTO mlsteps_transfers (mark) VALUES ({named[1]})", ["mark"]),
        "COMMIT",
    ]
    assert len(marks) == 1 and len(marks[0]) == 32


def test_a_header_has_to_name_columns_that_can_be_written_without_a_server(sent: Recording, rows: SqlRows) -> None:
    for header in ("id,doubled", "id,id", "id,nothing"):
        with pytest.raises(InvalidInput, match=r"columns of dbo\.Order Details"):
            rows.append(
                "t", [("a.csv", io.BytesIO(f"{header}\n1,2\n".encode()))], lambda mark: None, lambda count: None
            )
    assert not any("INSERT" in str(item) for item in sent.sent)


def test_rows_are_read_without_a_server(sent: Recording, rows: SqlRows) -> None:
    written = io.BytesIO()
    rows.export({"sql_table": "dbo.Order Details"}, written.write)
    rows.export({"sql_query": "SELECT 1 AS [100%]"}, written.write)
    given = [
        {"name": "@Beginning", "value": "2020-02-29", "type": "Date"},
        {"name": "note", "value": "it's; DROP", "type": "String"},
    ]
    rows.export({"sql_stored_procedure": "dbo.Sales by Year", "sql_stored_procedure_params": given}, written.write)
    assert written.getvalue() == b"Unit Price,id\n1.5,1\n,2\n" * 3
    import datetime

    mark = sign(sent)
    assert sent.sent == [
        "SELECT * FROM dbo.[Order Details]",
        "SELECT 1 AS [100%]",
        (
            f"EXEC dbo.[Sales by Year] @Beginning = {mark}, @note = {mark}",
            (datetime.date(2020, 2, 29), "it's; DROP"),
        ),
    ]


def test_what_runs_is_stopped_without_a_server(sent: Recording, rows: SqlRows) -> None:
    rows.cancel()
    assert sent.sent == []
    rows.append("t", [], lambda mark: None, lambda count: None)
    sent.sent.clear()
    rows.cancel()
    assert sent.sent == ["KILL 7"]
