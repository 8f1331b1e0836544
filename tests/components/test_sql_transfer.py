"""Rows of a real PostgreSQL: to files, from files, stopped, killed just after they were committed."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlsteps.hooks.databases import open_database
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.datastore import Datastore
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.sql_reference import SqlDataReference
from mlsteps.sdk.steps.data_transfer import DataTransferStep
from mlsteps.sdk.stored_procedure import StoredProcedureParameter, StoredProcedureParameterType
from mlsteps.sdk.workspace import Workspace
from tests.components.conftest import variable
from tests.operators.runs import run

pytestmark = pytest.mark.airflow

CONN_ID = "mlsteps_sql_db"


class Database:
    """A schema of its own, and ``query``."""

    def __init__(self) -> None:
        import psycopg

        self.url = variable("POSTGRES_URL")
        self.schema = f"t{uuid.uuid4().hex[:12]}"
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.query(f"CREATE SCHEMA {self.schema}")
        self.query(f'CREATE TABLE {self.schema}.people (id int PRIMARY KEY, "Full Name" text, born date, note text)')

    def query(self, text: str) -> list[Any]:
        cursor = self.connection.execute(text)
        return cursor.fetchall() if cursor.description else []

    def people(self) -> list[Any]:
        return self.query(f"SELECT * FROM {self.schema}.people ORDER BY id")


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.query(f"DROP SCHEMA {made.schema} CASCADE")
    made.connection.close()


@pytest.fixture
def workspace(database, monkeypatch, airflow_home) -> Workspace:
    """With the database as datastore ``db``; its connection lies in a variable."""
    parts = urlsplit(database.url)
    ws = Workspace(None, None, "sql")
    Datastore.register_azure_postgre_sql(
        ws,
        "db",
        parts.hostname,
        parts.path[1:],
        parts.username or "postgres",
        "secretpassword",
        parts.port,
        "",
        True,
        False,
    )
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", "postgres://postgres:secretpassword@")
    return ws


def transfer(ws: Workspace, source: Any, target: Any, **options: Any) -> Any:
    step = DataTransferStep("move", source, target, "adf", **options)
    return run(Pipeline(ws, [step]).as_dag("sql_transfer"))


def rows(ws: Workspace, **what: Any) -> SqlDataReference:
    return SqlDataReference(ws.datastores["db"], "rows", **what)


def files(ws: Workspace, path: str) -> DataReference:
    return DataReference(ws.get_default_datastore(), "files", path)


def read(ws: Workspace, path: str) -> str:
    return ws.get_default_datastore()._open().read(path).decode()


def write(ws: Workspace, **texts: str) -> None:
    for name, text in texts.items():
        ws.get_default_datastore()._open().write(name.replace("__", "/") + ".csv", text.encode())


def failure(ws: Workspace) -> str:
    store = ws._run_store()
    found = [child for run_id in store.list("sql_transfer") for child in store.children(run_id)]
    return str([(store.state(child).error or {}).get("message") for child in found])


ODD = 'a,b\n"c" ünï'


def test_a_table_becomes_a_file_and_the_file_a_table(workspace, database) -> None:
    people = [(1, ODD, datetime.date(2000, 1, 2), None), (2, "", None, "x" * 100_000)]
    with database.connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {database.schema}.people VALUES (%s, %s, %s, %s)", people)
    table = f"{database.schema}.people"
    done = transfer(
        workspace,
        rows(workspace, sql_table=table),
        files(workspace, "out/people.csv"),
        destination_reference_type="file",
    )
    assert done.state == "success", failure(workspace)
    assert read(workspace, "out/people.csv").startswith("id,Full Name,born,note\n")
    database.query(f"TRUNCATE {table}")
    done = transfer(workspace, files(workspace, "out/people.csv"), rows(workspace, sql_table=table))
    assert done.state == "success", failure(workspace)
    assert database.people() == people


def test_queries_functions_and_folders(workspace, database) -> None:
    text = "SELECT 1 AS a, '50%' AS b UNION ALL SELECT 2, NULL;"
    done = transfer(workspace, rows(workspace, sql_query=text), files(workspace, "folder"))
    assert done.state == "success", failure(workspace)
    assert read(workspace, "folder/rows.csv") == "a,b\n1,50%\n2,\n"
    database.query(
        f"CREATE FUNCTION {database.schema}.twice(n int, t text) RETURNS TABLE(v int, w text) "
        "AS 'SELECT 2 * n, t' LANGUAGE sql"
    )
    given = [
        StoredProcedureParameter("@n", "21", StoredProcedureParameterType.Int),
        StoredProcedureParameter("t", "it's; DROP"),
    ]
    source = rows(workspace, sql_stored_procedure=f"{database.schema}.twice", sql_stored_procedure_params=given)
    done = transfer(workspace, source, files(workspace, "f.csv"), destination_reference_type="file")
    assert done.state == "success", failure(workspace)
    assert read(workspace, "f.csv") == "v,w\n42,it's; DROP\n"


def test_a_query_changes_nothing(workspace, database) -> None:
    source = rows(workspace, sql_query=f"DELETE FROM {database.schema}.people RETURNING id")
    done = transfer(workspace, source, files(workspace, "x.csv"), destination_reference_type="file")
    assert done.state == "failed" and "read-only transaction" in failure(workspace)


def test_appending_takes_all_files_or_none_and_columns_by_name(workspace, database) -> None:
    table = f"{database.schema}.people"
    write(workspace, **{"in__1": "Full Name,id\nAnn,1\n", "in__2": "\ufeffid,Full Name\n2,Bob\n", "in__3": ""})
    done = transfer(workspace, files(workspace, "in"), rows(workspace, sql_table=table))
    assert done.state == "success", failure(workspace)
    assert [row[:2] for row in database.people()] == [(1, "Ann"), (2, "Bob")]
    write(workspace, **{"in__1": "id\n3\n", "in__2": "id,nickname\n4,x\n"})
    done = transfer(workspace, files(workspace, "in"), rows(workspace, sql_table=table))
    assert done.state == "failed"
    assert "2.csv is id, nickname. Expected columns of" in failure(workspace)
    assert len(database.people()) == 2


def test_equal_files_are_not_appended_again_and_new_ones_are(workspace, database) -> None:
    table = f"{database.schema}.people"
    write(workspace, **{"in__1": "id\n1\n"})
    ends = (files(workspace, "in"), rows(workspace, sql_table=table))
    assert transfer(workspace, *ends).states["move"] == "success"
    assert transfer(workspace, *ends).states["move"] == "skipped"
    write(workspace, **{"in__1": "id\n2\n"})
    assert transfer(workspace, *ends).states["move"] == "success"
    assert [row[0] for row in database.people()] == [1, 2]


def test_what_is_wrong_is_named_and_no_password_is_told(workspace, database, monkeypatch) -> None:
    write(workspace, **{"in__1": "id\n1\n"})
    assert transfer(workspace, files(workspace, "in"), rows(workspace, sql_table="nowhere")).state == "failed"
    assert "Datastore 'db' has no table 'nowhere'" in failure(workspace)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", "postgres://postgres:secretpassword@127.0.0.1:1")
    assert transfer(workspace, files(workspace, "in"), rows(workspace, sql_table="people")).state == "failed"
    text = failure(workspace)
    assert "Datastore 'db'" in text and "secretpassword" not in text
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", "postgres://postgres:secretpassword@?sslmode=require")
    assert transfer(workspace, files(workspace, "in"), rows(workspace, sql_table="people")).state == "failed"
    assert "Register it with enforce_ssl=False" in failure(workspace)


KILLED = """
import json, os, sys
from airflow.sdk import Connection
from mlsteps.hooks.postgres import PostgresRows
given = json.loads(sys.argv[1])
database = PostgresRows(Connection(conn_id="c", conn_type="postgres", host=given["host"], port=given["port"],
                                   login="postgres", schema=given["database"]), "db")
import io
def announce(transaction):
    with open(given["mark"], "w") as file:
        json.dump({"run_id": "killed", "transaction": transaction}, file)
    if given["when"] == "before":
        os.kill(os.getpid(), 9)
database.append(given["table"], [("a", io.BytesIO(b"id\\n7\\n"))], announce, lambda count: None)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_try_that_was_killed_around_its_commit_appends_once(database, tmp_path: Path, when: str) -> None:
    parts = urlsplit(database.url)
    given = {
        "host": parts.hostname,
        "port": parts.port,
        "database": parts.path[1:],
        "mark": str(tmp_path / "mark"),
        "table": f"{database.schema}.people",
        "when": when,
    }
    done = subprocess.run([sys.executable, "-c", KILLED, json.dumps(given)], env=dict(os.environ), check=False)
    assert done.returncode == -9
    os.environ["AIRFLOW_CONN_KILLED"] = database.url
    try:
        document = {"name": "db", "type": "AzurePostgreSql", "connection": "killed", "database_name": parts.path[1:]}
        mark = json.loads((tmp_path / "mark").read_text())
        assert open_database(document).has_committed(mark["transaction"]) is (when == "after")
    finally:
        del os.environ["AIRFLOW_CONN_KILLED"]
    assert len(database.people()) == (1 if when == "after" else 0)


def test_a_retry_after_such_a_kill_adds_nothing(workspace, database) -> None:
    """The mark of a try whose run never ended, and a transaction that did."""
    from mlsteps.operators.sql_transfer import SqlTransfer
    from mlsteps.registry.runs import RunStore

    table = f"{database.schema}.people"
    write(workspace, **{"in__1": "id\n1\n"})
    done = transfer(workspace, files(workspace, "in"), rows(workspace, sql_table=table))
    assert done.state == "success" and len(database.people()) == 1
    ws = workspace._store()
    (mark,) = [entry.path for entry in ws.store.list("transfers")]
    said = ws.read_json(mark)
    target = SqlTransfer("move")
    target._note, target._stores = print, type("S", (), {"workspace": ws})()  # type: ignore[assignment]
    from mlsteps.registry.documents import get_datastore

    target._database = open_database(get_datastore(ws, "db"))
    spec = type("Spec", (), {"transfer": {}})()
    assert target._appended_before(spec, mark) is False  # it ended and was recorded: whoever runs it again means it
    RunStore(ws).create("half", experiment="sql_transfer", type="azureml.StepRun")
    ws.write_json(mark, {**said, "run_id": "half"})
    assert target._appended_before(spec, mark) is True
