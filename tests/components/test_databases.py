"""The contract of databases, kept by real servers: rows of queries, rows to text, text to rows."""

from __future__ import annotations

import datetime
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsteps.errors import InvalidInput, StoreError, UnsupportedFeature, UserErrorException
from mlsteps.hooks.databases import open_database
from mlsteps.registry.connections import connection_for
from mlsteps.storage.open import open_datastore
from mlsteps.tables.frame import batches, read
from tests.components.conftest import variable
from tests.components.sql import MariaDb, Place, Postgres

CONN_ID = "contract_db"
ODD = 'a,b\n"c" ünï 😀 %s %% \\'


def table_of(place: Place, query: str, timeout: int = 30, **more: Any) -> Any:
    store = open_datastore(place.document, place.credentials)
    return read(
        {"type": "tabular", "sql": {"datastore": "db", "query": query, "timeout": timeout}, **more}, lambda _: store
    )


class DatabaseContract:
    """A test class gives ``place``: an empty place in a real database."""

    @pytest.fixture
    def people(self, place: Place) -> str:
        table = f"{place.name}.people"
        place.query(f"CREATE TABLE {table} (id int PRIMARY KEY, full_name text, born date, weight numeric(20, 3))")
        return table

    @pytest.fixture
    def database(self, place: Place, monkeypatch, airflow_home) -> Any:
        """The database as a transfer opens it: its secrets lie in a connection."""
        connection = connection_for(place.document, place.credentials)
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
        return open_database({**place.document, "connection": CONN_ID})

    def append(self, database: Any, table: str, *texts: str) -> int:
        files = [(f"{number}.csv", io.BytesIO(text.encode())) for number, text in enumerate(texts)]
        return database.append(table, files, lambda mark: None, lambda count: None)

    def export(self, database: Any, **sql: Any) -> str:
        written = io.BytesIO()
        database.export(sql, written.write)
        return written.getvalue().decode()

    # -- queries

    def test_kinds_of_values(self, place: Place) -> None:
        query = (
            "SELECT 1 AS n, '50%' AS t, CAST(NULL AS decimal) AS nothing, CAST('2020-02-29' AS date) AS d, "
            "CAST(1.50 AS decimal(5, 2)) AS f, 2 AS n"
        )
        found = table_of(place, query)
        assert list(found.columns) == ["n", "t", "nothing", "d", "f", "n_2"]
        assert found.iloc[0].drop("nothing").tolist() == [1, "50%", found["d"][0], 1.5, 2]
        assert found["d"][0] == datetime.datetime(2020, 2, 29) and found["nothing"].isna().all()
        assert [str(found[name].dtype) for name in ("n", "f", "d")] == ["int64", "float64", "datetime64[ns]"]

    def test_types_that_are_asked_for(self, place: Place) -> None:
        reader = {"format": "sql", "set_column_types": {"t": {"type": "datetime", "formats": ["%d.%m.%Y"]}}}
        found = table_of(place, "SELECT '29.02.2020' AS t", reader=reader)
        assert found["t"][0] == datetime.datetime(2020, 2, 29)

    def test_rows_come_in_batches_and_no_more_than_are_wanted(self, place: Place) -> None:
        query = f"{place.numbers} a.n, b.n AS m, 'x{'y' * 200}' AS t FROM t a, t b"
        store = open_datastore(place.document, place.credentials)
        what = {"type": "tabular", "sql": {"datastore": "db", "query": query, "timeout": 60}}
        pieces = batches(what, lambda _: store)
        sizes = [len(next(pieces)) for _ in range(3)]
        assert 0 < max(sizes) <= 50_000
        pieces.close()
        assert len(table_of(place, query, operations=[{"op": "take", "count": 10}])) == 10

    def test_a_result_without_rows_has_columns(self, place: Place, people: str) -> None:
        assert list(table_of(place, f"SELECT id, born FROM {people}").columns) == ["id", "born"]

    def test_a_query_that_takes_too_long_is_stopped(self, place: Place) -> None:
        with pytest.raises(UserErrorException, match="'db' did not answer a query within 1 s.*query_timeout"):
            table_of(place, place.sleep, timeout=1)

    def test_a_query_changes_nothing(self, place: Place, people: str) -> None:
        place.query(f"INSERT INTO {people} (id) VALUES (1)")
        for text in (f"DELETE FROM {people}", f"DROP TABLE {people}", f"INSERT INTO {people} (id) VALUES (2)"):
            with pytest.raises(UserErrorException, match="'db'"):
                table_of(place, text)
        assert place.query(f"SELECT id FROM {people}") == [(1,)]

    def test_errors_name_the_datastore_and_no_password(self, place: Place) -> None:
        with pytest.raises(UserErrorException, match="'db'.*nowhere"):
            table_of(place, "SELECT * FROM nowhere")
        for wrong in ({"user_id": "nobody", "database_name": "nowhere"}, {"port_number": 1}):
            store = open_datastore({**place.document, **wrong}, {"user_password": "secretpassword"})
            with pytest.raises(StoreError, match="'db'") as caught:
                list(store.rows("SELECT 1"))
            assert "secretpassword" not in str(caught.value)

    def test_it_holds_no_files(self, place: Place) -> None:
        store = open_datastore(place.document, place.credentials)
        for attempt in (store.read, store.open, store.entry, store.kind, store.children, store.delete):
            with pytest.raises(UnsupportedFeature, match="holds no files"):
                attempt("a")

    def test_a_query_becomes_files_and_partitions(self, place: Place, home: Path) -> None:
        from mlsteps.sdk.dataset_factory import TabularDatasetFactory
        from mlsteps.sdk.workspace import Workspace

        ws = Workspace(None, None, "queries")
        database = place.register(ws)
        query = f"{place.numbers} n, n % 3 AS k, CASE WHEN n % 2 = 0 THEN 'a,\"b' END AS t FROM t"
        dataset = TabularDatasetFactory.from_sql_query((database, query), query_timeout=60)
        files = dataset.to_csv_files()
        (path,) = files.download(str(home / "csv"))
        assert Path(path).read_text().splitlines()[:3] == ["n,k,t", "1,1,", '2,2,"a,""b"']
        (path,) = dataset.to_parquet_files().download(str(home / "parquet"))
        import pandas

        found = pandas.read_parquet(path)
        assert len(found) == 1000 and found["n"].sum() == 500_500 and found["t"].isna().sum() == 500
        parts = dataset.partition_by(["k"], (ws.get_default_datastore(), "parts"), name="thirds")
        assert parts.partition_keys == ["k"]
        assert sorted(parts.to_pandas_dataframe().groupby("k")["n"].count()) == [333, 333, 334]
        rare = dataset.filter(dataset["n"] > 998).to_pandas_dataframe()
        assert rare["n"].tolist() == [999, 1000]
        assert len(dataset.take(10).to_pandas_dataframe()) == 10
        late = TabularDatasetFactory.from_sql_query((database, place.sleep), query_timeout=1)
        with pytest.raises(UserErrorException, match="within 1 s"):
            late.to_csv_files()

    def test_memory_does_not_grow_with_the_rows(self, place: Place, tmp_path: Path) -> None:
        text = "x" * 200
        few = f"{place.numbers} a.n, '{text}' AS t FROM t a, (SELECT 1 UNION SELECT 2) b"
        many = f"{place.numbers} a.n, '{text}' AS t FROM t a, t b"  # a million: 200 MB
        given = {"document": place.document, "credentials": place.credentials, "few": few, "many": many}
        done = subprocess.run(
            [sys.executable, "-c", STREAMED, json.dumps(given), str(tmp_path)],
            check=True,
            capture_output=True,
            text=True,
        )
        before, after, size = json.loads(done.stdout)
        assert size > 200_000_000 and after - before < size / 2  # as 1 GB is to 2 GB

    # -- transfers

    def test_rows_become_text_and_the_text_rows(self, place: Place, people: str, database: Any) -> None:
        written = f'full_name,id,born,weight\n"{ODD.replace(chr(34), chr(34) * 2)}",1,2000-01-02,1.500\n"",2,,\n'
        assert self.append(database, people, written) == 2
        before = place.query(f"SELECT * FROM {people} ORDER BY id")
        assert before[0][:3] == (1, ODD, datetime.date(2000, 1, 2)) and before[1] == (2, "", None, None)
        text = self.export(database, sql_table=people)
        place.query(f"DELETE FROM {people}")
        assert self.append(database, people, text) == 2
        assert place.query(f"SELECT * FROM {people} ORDER BY id") == before

    def test_a_query_becomes_text(self, database: Any) -> None:
        assert self.export(database, sql_query="SELECT 1 AS a, '50%' AS b UNION ALL SELECT 2, NULL ORDER BY 1") == (
            "a,b\n1,50%\n2,\n"
        )

    def test_all_files_or_none(self, place: Place, people: str, database: Any) -> None:
        assert self.append(database, people, "id\n1\n2\n", "", "\ufefffull_name,id\nAnn,3\n") == 3
        with pytest.raises(InvalidInput, match="1.csv is id, nickname. Expected columns of"):
            self.append(database, people, "id\n4\n", "id,nickname\n5,x\n")
        with pytest.raises((UserErrorException, StoreError), match="'db'"):
            self.append(database, people, "id\n4\n", "id\nfive\n")
        with pytest.raises(UserErrorException, match="has no table 'nowhere'"):
            self.append(database, "nowhere", "id\n4\n")
        assert len(place.query(f"SELECT id FROM {people}")) == 3

    def test_names_of_columns_with_signs(self, place: Place, database: Any) -> None:
        quote = "`" if place.type == "AzureMySql" else '"'
        names = ["50%", "a b", "it's", "select", "%s"]
        columns = ", ".join(f"{quote}{name}{quote} int" for name in names)
        place.query(f"CREATE TABLE {place.name}.signs ({columns})")
        text = ",".join(names) + "\n1,2,3,4,5\n"
        assert self.append(database, f"{place.name}.signs", text) == 1
        assert self.export(database, sql_table=f"{place.name}.signs") == text

    def test_many_rows(self, place: Place, people: str, database: Any) -> None:
        text = "id,full_name\n" + "".join(f"{number},name {number}\n" for number in range(50_000))
        assert self.append(database, people, text) == 50_000
        assert place.query(f"SELECT COUNT(*), SUM(id) FROM {people}") == [(50_000, 50_000 * 49_999 // 2)]

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_try_that_was_killed_around_its_commit(
        self, place: Place, people: str, database: Any, tmp_path: Path, when: str
    ) -> None:
        given = {"document": {**place.document, "connection": CONN_ID}, "mark": str(tmp_path / "mark"), "when": when}
        command = [sys.executable, "-c", KILLED, json.dumps({**given, "table": people})]
        done = subprocess.run(command, env=dict(os.environ), check=False)
        assert done.returncode == -9
        mark = (tmp_path / "mark").read_text()
        assert database.has_committed(mark) is (when == "after")
        assert len(place.query(f"SELECT id FROM {people}")) == (1 if when == "after" else 0)

    def test_what_runs_can_be_stopped(self, place: Place, database: Any) -> None:
        import threading

        failures: list[Exception] = []

        def run() -> None:
            try:
                self.export(database, sql_query=place.sleep)
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        for _ in range(100):
            time.sleep(0.1)
            database.cancel()
            if not thread.is_alive():
                break
        thread.join(5)
        assert not thread.is_alive() and failures


STREAMED = """
import json, os, resource, sys
from mlsteps.storage.open import open_datastore
from mlsteps.tables.frame import batches
from mlsteps.tables.writing import write_parts
given, folder = json.loads(sys.argv[1]), sys.argv[2]
store = open_datastore(given["document"], given["credentials"])
def run(name):
    definition = {"type": "tabular", "sql": {"datastore": "db", "query": given[name], "timeout": 120}}
    write_parts(batches(definition, lambda _: store), f"{folder}/{name}", "csv")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
peaks = [run("few"), run("many")]
print(json.dumps([*peaks, os.path.getsize(f"{folder}/many/part_00000.csv")]))
"""

KILLED = """
import io, json, os, sys
from mlsteps.hooks.databases import open_database
given = json.loads(sys.argv[1])
database = open_database(given["document"])
def announce(mark):
    with open(given["mark"], "w") as file:
        file.write(mark)
    if given["when"] == "before":
        os.kill(os.getpid(), 9)
database.append(given["table"], [("a", io.BytesIO(b"id\\n7\\n"))], announce, lambda count: None)
os.kill(os.getpid(), 9)
"""


@pytest.mark.airflow
class TestPostgres(DatabaseContract):
    @pytest.fixture
    def place(self) -> Iterator[Place]:
        made = Postgres(variable("POSTGRES_URL"))
        yield made
        made.drop()


@pytest.mark.airflow
class TestMariaDb(DatabaseContract):
    @pytest.fixture
    def place(self) -> Iterator[Place]:
        made = MariaDb(variable("MYSQL_URL"))
        yield made
        made.drop()

    def test_a_table_without_transactions_is_refused(self, place: Place, database: Any) -> None:
        place.query("CREATE TABLE old (id int) ENGINE=MyISAM")
        with pytest.raises(InvalidInput, match="kept by MyISAM.*ENGINE=InnoDB"):
            self.append(database, "old", "id\n1\n")

    def test_procedures(self, place: Place, database: Any) -> None:
        place.query("CREATE PROCEDURE twice(n int, t text) SELECT 2 * n AS v, t AS w")
        given = [{"name": "n", "value": "21", "type": "Int"}, {"name": "t", "value": "it's; DROP"}]
        text = self.export(database, sql_stored_procedure="twice", sql_stored_procedure_params=given)
        assert text == "v,w\n42,it's; DROP\n"
