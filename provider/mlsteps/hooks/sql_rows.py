"""Rows of a MySQL or SQL Server database as delimited text, and back, through SQLAlchemy.

PostgreSQL, whose server reads and writes such text itself, has :mod:`mlsteps.hooks.postgres`.
"""

from __future__ import annotations

import datetime
import io
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from mlsteps.errors import AzureMLException, InvalidInput, StoreError, UserErrorException
from mlsteps.hooks.sql_text import header_of, line, typed
from mlsteps.storage.databases import DatabaseStore

#: Table in which a transaction that appends rows leaves its mark, so that a later try can ask whether it took place.
MARKS = "mlsteps_transfers"
_KEPT = datetime.timedelta(days=30)
_CHUNK = 1 << 20
#: Seconds that a transaction of a try that was killed gets to end.
_STILL_RUNNING = 60


class SqlRows:
    """One database; the same calls as ``PostgresRows``."""

    def __init__(self, store: DatabaseStore) -> None:
        self._store = store
        self._name = store.name
        self._identity: Any = None

    def export(self, sql: Mapping[str, Any], write: Callable[[Any], Any]) -> None:
        """Write rows as comma-separated UTF-8 text with a header; NULL is nothing, an empty text is ``""``.

        :param sql: ``sql_table``, ``sql_query`` or ``sql_stored_procedure`` (with ``sql_stored_procedure_params``).
        """
        query, parameters = self._query(sql)
        begun = False
        for names, rows in self._store.fetched(query, parameters, told=self._begun):
            text = "" if begun else line(names)
            begun = True
            write((text + "".join(map(line, rows))).encode())

    def append(
        self,
        table: str,
        files: Iterable[tuple[str, BinaryIO]],
        announce: Callable[[str], None],
        check: Callable[[int], None],
    ) -> int:
        """Append the rows of delimited files to a table: those of all files, or none.

        :param files: names and open files; each begins with a header of column names, in any order.
        :param announce: told the transaction's mark just before it is committed; see :meth:`has_committed`.
        :param check: told how many bytes have just been read.
        :returns: the number of rows.
        :raises UserErrorException: for a table that does not exist, and a header that does not fit it.
        """
        rows = 0
        marks = self._marks()
        with self._store.connected() as connection:
            self._begun(connection.exec_driver_sql(self._store.dialect.identity).scalar())
            self._be_strict(connection)
            known = self._table(connection, table)
            for name, file in files:
                rows += _append_one(connection, known, name, file, check)
            mark = uuid.uuid4().hex
            connection.execute(marks.delete().where(marks.c.written < datetime.datetime.now() - _KEPT))
            connection.execute(marks.insert().values(mark=mark))
            announce(mark)
            connection.commit()
        return rows

    def has_committed(self, transaction: str) -> bool:
        """Whether a transaction of an earlier try took place; waits while it is still running."""
        from sqlalchemy import exc

        marks = self._marks()
        with self._store.connected() as connection:
            if self._is_mysql():
                connection.exec_driver_sql(f"SET SESSION innodb_lock_wait_timeout = {_STILL_RUNNING}")
            try:  # writing the same mark waits for a transaction that has written it and has not ended
                connection.execute(marks.insert().values(mark=transaction))
            except exc.IntegrityError:
                return True
            connection.rollback()
        return False

    def cancel(self) -> None:
        """Have the server stop what runs; from any thread."""
        if self._identity is not None:
            self._store.stop(self._identity)

    def _begun(self, identity: Any) -> None:
        self._identity = identity

    def _is_mysql(self) -> bool:
        return self._store.kind_of_database == "AzureMySql"

    def _be_strict(self, connection: Any) -> None:
        """A value that does not fit its column is an error, and not another value."""
        if self._is_mysql():
            connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")

    def _query(self, sql: Mapping[str, Any]) -> tuple[str, Any]:
        if sql.get("sql_table"):
            with self._store.connected() as connection:
                return f"SELECT * FROM {_quoted(connection, self._table(connection, sql['sql_table']))}", None
        if not sql.get("sql_stored_procedure"):
            return str(sql["sql_query"]), None
        given = list(sql.get("sql_stored_procedure_params") or ())
        values = tuple(typed(item) for item in given)
        with self._store.connected() as connection:
            quote = connection.dialect.identifier_preparer.quote
            name = ".".join(quote(part) for part in sql["sql_stored_procedure"].split("."))
            sign = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        if self._is_mysql():
            return f"CALL {name}({', '.join(sign for _ in given)})", values or None
        named = ", ".join(f"@{str(item['name']).lstrip('@')} = {sign}" for item in given)
        return f"EXEC {name} {named}", values or None

    def _table(self, connection: Any, table: str) -> Any:
        """The table with its columns, as the database knows it."""
        import sqlalchemy

        schema, _, name = table.rpartition(".")
        try:
            known = sqlalchemy.Table(name, sqlalchemy.MetaData(), schema=schema or None, autoload_with=connection)
        except sqlalchemy.exc.NoSuchTableError:
            raise UserErrorException(f"Datastore {self._name!r} has no table {table!r}.") from None
        engine = known.dialect_options["mysql"].get("engine") if self._is_mysql() else None
        if engine in ("MyISAM", "Aria", "MEMORY", "CSV"):
            raise InvalidInput(
                f"Table {table!r} of datastore {self._name!r} is kept by {engine}, which has no transactions",
                expected="a table whose rows can be appended all or not at all",
                mend=f"ALTER TABLE {table} ENGINE=InnoDB",
            )
        return known

    def _marks(self) -> Any:
        """The table of marks, made when it is not there."""
        import sqlalchemy as sa

        marks = sa.Table(
            MARKS,
            sa.MetaData(),
            sa.Column("mark", sa.String(32), primary_key=True),
            sa.Column("written", sa.DateTime, server_default=sa.func.now(), nullable=False),
            mysql_engine="InnoDB",
        )
        try:
            with self._store.connected() as connection:
                marks.create(connection, checkfirst=True)
                connection.commit()
        except AzureMLException as error:
            raise StoreError(
                f"Datastore {self._name!r}: the table {MARKS} (mark varchar(32) primary key, written datetime default "
                f"now), by which a repeated transfer knows what it has appended, cannot be made: {error.message}",
                error,
            ) from error
        return marks


def _quoted(connection: Any, table: Any) -> str:
    return str(connection.dialect.identifier_preparer.format_table(table))


def _append_one(connection: Any, table: Any, name: str, file: BinaryIO, check: Callable[[int], None]) -> int:
    head = file.read(_CHUNK)
    if not head:
        return 0
    columns = [column.name for column in table.columns if column.computed is None]
    header = header_of(name, head, table.fullname, columns)
    quote, sign = connection.dialect.identifier_preparer.quote, "%s"
    if connection.dialect.paramstyle == "qmark":
        sign = "?"
    named = ", ".join(quote(column) for column in header)
    statement = f"INSERT INTO {_quoted(connection, table)} ({named})"
    if sign == "%s":
        statement = statement.replace("%", "%%")
    statement += f" VALUES ({', '.join(sign for _ in header)})"
    count = 0
    for rows in _rows(name, header, _Counted(head, file, check)):
        connection.exec_driver_sql(statement, rows)
        count += len(rows)
    return count


def _rows(name: str, header: list[str], source: Any) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of delimited text as text; a field with nothing in it is null, and ``""`` is not."""
    try:
        import pyarrow
        from pyarrow import csv
    except ImportError as error:
        raise StoreError(
            f"Rows of files need pyarrow: pip install airflow-provider-mlsteps[mysql] ({error}).", error
        ) from error
    as_text = csv.ConvertOptions(
        column_types=dict.fromkeys(header, pyarrow.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    try:
        reader = csv.open_csv(
            source,
            read_options=csv.ReadOptions(block_size=_CHUNK, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=as_text,
        )
        for batch in reader:
            if batch.num_rows:
                yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except pyarrow.ArrowInvalid as error:
        raise InvalidInput(f"{name} is no delimited text: {error}", expected="one field for each column") from error


class _Counted(io.RawIOBase):
    """A file whose beginning has been read, which tells of each piece that it gives."""

    def __init__(self, head: bytes, file: BinaryIO, check: Callable[[int], None]) -> None:
        self._head = io.BytesIO(head)
        self._file = file
        self._check = check

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._head.read(len(buffer)) or self._file.read(len(buffer))
        self._check(len(piece))
        buffer[: len(piece)] = piece
        return len(piece)
