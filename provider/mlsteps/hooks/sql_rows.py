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
from mlsteps.hooks.rows import Rows
from mlsteps.hooks.sql_text import header_of, line, typed
from mlsteps.storage.databases import DatabaseStore

#: Table in which a transaction that appends rows leaves its mark, so that a later try can ask whether it took place.
MARKS = "mlsteps_transfers"
_KEPT = datetime.timedelta(days=30)
_CHUNK = 1 << 20
#: Seconds that a transaction of a try that was killed gets to end.
_STILL_RUNNING = 60


class SqlRows(Rows):
    """One database."""

    def __init__(self, store: DatabaseStore) -> None:
        self._store = store
        self._name = store.name
        self._identity: Any = None

    def export(self, sql: Mapping[str, Any], write: Callable[[Any], Any]) -> None:
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
                return f"SELECT * FROM {_Names(connection, False).of(self._table(connection, sql['sql_table']))}", None
        if not sql.get("sql_stored_procedure"):
            return str(sql["sql_query"]), None
        given = list(sql.get("sql_stored_procedure_params") or ())
        values = tuple(typed(item) for item in given)
        with self._store.connected() as connection:
            names = _Names(connection, bool(values))
            name, sign = ".".join(map(names, sql["sql_stored_procedure"].split("."))), names.sign
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


class _Names:
    """Names as a statement takes them, and the sign for a value in it.

    :param has_values: where values are put in by Python's ``%``, each percent sign of a name has to stand twice.
    """

    def __init__(self, connection: Any, has_values: bool) -> None:
        self._preparer = connection.dialect.identifier_preparer
        self.sign = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        self._are_doubled = has_values and self.sign == "%s"

    def __call__(self, name: str) -> str:
        return self._written(self._preparer.quote(name))

    def of(self, table: Any) -> str:
        """The name of a table."""
        return self._written(self._preparer.format_table(table))

    def _written(self, quoted: str) -> str:
        plain = (
            quoted.replace("%%", "%") if "%%" in self._preparer.quote("%") else quoted
        )  # some double them themselves
        return plain.replace("%", "%%") if self._are_doubled else plain


def _append_one(connection: Any, table: Any, name: str, file: BinaryIO, check: Callable[[int], None]) -> int:
    head = file.read(_CHUNK)
    if not head:
        return 0
    columns = [column.name for column in table.columns if column.computed is None]
    header = header_of(name, head, table.fullname, columns)
    names = _Names(connection, has_values=True)
    values = ", ".join(names.sign for _ in header)
    statement = f"INSERT INTO {names.of(table)} ({', '.join(map(names, header))}) VALUES ({values})"
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
