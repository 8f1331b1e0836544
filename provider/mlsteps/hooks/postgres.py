"""Rows of a PostgreSQL database as delimited text, and back, by ``COPY``: the server reads and writes the text itself.

Needs apache-airflow-providers-postgres, whose hook opens the connection with psycopg 2 or 3.
"""

from __future__ import annotations

import codecs
import importlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from mlsteps.errors import StoreError, UserErrorException
from mlsteps.hooks.rows import Rows
from mlsteps.hooks.sql_text import header_of, typed

PACKAGE = "apache-airflow-providers-postgres"
_CHUNK = 1 << 20
#: Seconds that a transaction of a try that was killed gets to end.
_STILL_RUNNING = 60.0


class PostgresRows(Rows):
    """One database.

    :param connection: Airflow's ``Connection``; :param name: of the datastore, for messages.
    """

    def __init__(self, connection: Any, name: str) -> None:
        try:
            from airflow.providers.postgres.hooks.postgres import PostgresHook
        except ImportError as error:
            raise StoreError(f"Datastore {name!r} is in PostgreSQL: pip install {PACKAGE} ({error}).", error) from error
        self._name = name
        self._hook = PostgresHook(connection=connection)
        self._open: Any = None

    def export(self, sql: Mapping[str, Any], write: Callable[[Any], Any]) -> None:
        with self._transaction() as (connection, cursor):
            cursor.execute("SET TRANSACTION READ ONLY")
            query = self._query(connection, cursor, sql)
            statement = f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER true, ENCODING 'UTF8')"
            for piece in _copied_out(cursor, statement):
                write(piece)

    def append(
        self,
        table: str,
        files: Iterable[tuple[str, BinaryIO]],
        announce: Callable[[str], None],
        check: Callable[[int], None],
    ) -> int:
        rows = 0
        with self._transaction() as (_, cursor):
            known = self._table(cursor, table)
            columns = self._columns(cursor, known)
            for name, file in files:
                rows += self._append_one(cursor, known, columns, name, file, check)
            announce(str(_one(cursor, "SELECT txid_current()")))
        return rows

    def has_committed(self, transaction: str) -> bool:
        deadline = time.monotonic() + _STILL_RUNNING
        while True:
            with self._transaction() as (_, cursor):
                status = _one(cursor, "SELECT txid_status(%s)", int(transaction))
            if status != "in progress" or time.monotonic() > deadline:
                break
            time.sleep(1.0)
        if status in ("committed", "aborted"):
            return bool(status == "committed")
        raise StoreError(
            f"An earlier try of this transfer to datastore {self._name!r} was killed in transaction {transaction}, and "
            f"the server says {status or 'nothing'} of it. Look whether its rows are in the table before you run the "
            "pipeline again."
        )

    def cancel(self) -> None:
        connection = self._open
        if connection is not None:
            connection.cancel()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Any, Any]]:
        """One transaction, committed when the block ends well. What the driver raises names the datastore."""
        connection = None
        try:
            connection = self._open = self._hook.get_conn()
            with connection.cursor() as cursor:
                yield connection, cursor
            connection.commit()
        except (UserErrorException, StoreError):
            raise
        except Exception as error:
            if not type(error).__module__.startswith("psycopg"):
                raise
            text = f"Datastore {self._name!r}: {str(error).strip() or type(error).__name__}"
            if "does not support SSL" in text:
                text += ". Register it with enforce_ssl=False, or give its connection another sslmode."
            raise StoreError(text, error) from error
        finally:
            self._open = None
            if connection is not None:
                connection.close()

    def _query(self, connection: Any, cursor: Any, sql: Mapping[str, Any]) -> str:
        if sql.get("sql_table"):
            return f"SELECT * FROM {self._table(cursor, sql['sql_table'])}"
        if sql.get("sql_stored_procedure"):
            values = [_literal(connection, item) for item in sql.get("sql_stored_procedure_params") or ()]
            return f"SELECT * FROM {_quoted(sql['sql_stored_procedure'])}({', '.join(values)})"
        return str(sql["sql_query"]).rstrip().rstrip(";")

    def _table(self, cursor: Any, table: str) -> str:
        """The table's name as a statement takes it: as it is written, else as PostgreSQL folds it."""
        for name in (_quoted(table), _quoted(table.lower())):
            if _one(cursor, "SELECT to_regclass(%s)", name) is not None:
                return name
        raise UserErrorException(f"Datastore {self._name!r} has no table {table!r}.")

    def _columns(self, cursor: Any, table: str) -> list[str]:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = '' ORDER BY attnum",
            (table,),
        )
        return [row[0] for row in cursor.fetchall()]

    def _append_one(
        self, cursor: Any, table: str, columns: list[str], name: str, file: BinaryIO, check: Callable[[int], None]
    ) -> int:
        head = file.read(_CHUNK).removeprefix(codecs.BOM_UTF8)
        if not head:
            return 0
        header = header_of(name, head, table, columns)
        wanted = ", ".join(_quoted(column, dots=False) for column in header)
        statement = f"COPY {table} ({wanted}) FROM STDIN WITH (FORMAT csv, HEADER true, ENCODING 'UTF8')"
        _copied_in(cursor, statement, _pieces(head, file, check))
        return max(0, int(cursor.rowcount))


def _pieces(head: bytes, file: BinaryIO, check: Callable[[int], None]) -> Iterator[bytes]:
    piece = head
    while piece:
        check(len(piece))
        yield piece
        piece = file.read(_CHUNK)


def _copied_out(cursor: Any, statement: str) -> Iterator[Any]:
    if hasattr(cursor, "copy"):
        with cursor.copy(statement) as copy:
            yield from copy
        return
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(max_size=8 * _CHUNK) as spool:  # psycopg 2 writes to a file, and only to that
        cursor.copy_expert(statement, spool)
        spool.seek(0)
        yield from iter(lambda: spool.read(_CHUNK), b"")


def _copied_in(cursor: Any, statement: str, pieces: Iterator[bytes]) -> None:
    if hasattr(cursor, "copy"):
        with cursor.copy(statement) as copy:
            for piece in pieces:
                copy.write(piece)
        return
    cursor.copy_expert(statement, _Readable(pieces))


class _Readable:
    """Pieces as a file that psycopg 2 reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int) -> bytes:
        while not self._left:
            piece = next(self._pieces, b"")
            if not piece:
                return b""
            self._left = piece
        answer, self._left = self._left[:size], self._left[size:]
        return answer


def _one(cursor: Any, statement: str, *values: Any) -> Any:
    cursor.execute(statement, values)
    return cursor.fetchone()[0]


def _quoted(name: str, dots: bool = True) -> str:
    """A name as an identifier; with ``dots``, ``schema.table`` has two parts. Quotes in it stay what they are."""
    if '"' in name and dots:
        return name
    return ".".join('"' + part.replace('"', '""') + '"' for part in (name.split(".") if dots else [name]))


def _literal(connection: Any, parameter: Mapping[str, Any]) -> str:
    """``name => value`` of a stored procedure's parameter; ``COPY`` takes no values beside its text."""
    module = importlib.import_module(type(connection).__module__.partition(".")[0] + ".sql")
    value = module.Literal(typed(parameter)).as_string(connection)
    name = str(parameter["name"]).lstrip("@")
    return f"{_quoted(name, dots=False)} => {value}"
