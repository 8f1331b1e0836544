"""Datastores that are databases: they hold rows and no files. Rows are read by SQLAlchemy, a batch at a time."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Callable, Iterator, List, Mapping, NoReturn, Sequence, Tuple

from mlsteps.contracts.manifest import FileEntry
from mlsteps.errors import AzureMLException, InvalidInput, StoreError, UnsupportedFeature, UserErrorException
from mlsteps.storage.base import Child, Entry, Passing, Store, redact
from mlsteps.storage.dialects import DIALECTS, Login, login_of
from mlsteps.storage.row_values import Batch, Kinds

#: Rows of the first batch; later ones are as long as makes about so many bytes.
FIRST_ROWS, BATCH_BYTES = 500, 8 << 20
#: Codes by which SQL Server's drivers, which keep the time themselves, say that it took too long.
_OF_THE_QUERY = ("ProgrammingError", "DataError", "NotSupportedError", "IntegrityError")
_TOO_LONG = ("20003", "HYT00")


class DatabaseStore(Store):
    """A database. No request is made when it is opened.

    :param document: the datastore's; :param credentials: driver options, or what ``Datastore.register_*`` was given.
    """

    def __init__(self, document: Mapping[str, Any], credentials: Mapping[str, Any] | None = None) -> None:
        self._document = dict(document)
        self._credentials = dict(credentials or {})
        self.name = str(document.get("name") or "?")
        self.kind_of_database = str(document.get("type"))
        self.dialect = DIALECTS[self.kind_of_database]
        self.url = f"{self.dialect.title.lower().replace(' ', '')}://{self.name}"

    def rows(self, query: str, timeout: int = 30) -> Iterator[Batch]:
        """The rows of a query, the first batch at least; nothing that the query writes stays.

        :param timeout: seconds without an answer after which it is an error, and the server is told to stop.
        :raises UserErrorException: for a query that the server does not take, gives no rows or takes too long.
        :raises StoreError: when the database cannot be reached.
        """
        kinds: Kinds | None = None
        for names, found in self.fetched(query, timeout=timeout):
            kinds = kinds or Kinds(names)
            yield kinds.batch(found)

    def fetched(
        self,
        query: str,
        parameters: Any = None,
        *,
        timeout: int | None = None,
        told: Callable[[Any], Any] | None = None,
    ) -> Iterator[Tuple[List[str], List[Any]]]:
        """As :meth:`rows`, as the driver gives them: the names of the columns, and some rows.

        :param parameters: of the query, in the driver's own style.
        :param timeout: None for no limit; :param told: gets the identity of the connection; see :meth:`stop`.
        """
        with self.connected(timeout) as connection:
            for statement in self.dialect.checks:
                connection.exec_driver_sql(statement)
            identity = connection.exec_driver_sql(self.dialect.identity).scalar()
            if told is not None:
                told(identity)
            streamed = connection.execution_options(stream_results=True, max_row_buffer=FIRST_ROWS, no_parameters=True)
            with self._watched(identity, timeout):
                result = streamed.exec_driver_sql(query, parameters)
            if not result.returns_rows:
                raise InvalidInput(f"A query to datastore {self.name!r} gives no rows", expected="a SELECT")
            try:
                yield from self._pieces(result, identity, timeout)
            finally:
                self._let_go(result, identity)

    def _pieces(self, result: Any, identity: Any, timeout: int | None) -> Iterator[Tuple[List[str], List[Any]]]:
        names, count, first = list(map(str, result.keys())), FIRST_ROWS, True
        while True:
            with self._watched(identity, timeout):
                found = result.fetchmany(count)
            if found or first:
                yield names, found
            if not found:
                return
            count, first = _rows_of_a_batch(found), False

    def _let_go(self, result: Any, identity: Any) -> None:
        """End a result that nobody reads any more; some drivers would read it on to its end."""
        if result.cursor is not None:
            self.stop(identity)
            with suppress(Exception):  # what it has to say of being stopped
                result.cursor.close()

    @contextmanager
    def _watched(self, identity: Any, timeout: int | None) -> Iterator[None]:
        """Stop what the server does when it takes longer than ``timeout`` seconds, and say so."""
        if timeout is None:
            yield
            return
        late = threading.Event()

        def ring() -> None:
            late.set()
            self.stop(identity)

        timer = threading.Timer(timeout, ring)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if late.is_set():
                raise self._late(timeout, error) from error
            raise
        finally:
            timer.cancel()

    def _late(self, timeout: int, error: Exception) -> AzureMLException:
        return UserErrorException(
            f"Datastore {self.name!r} did not answer a query within {timeout} s. Give it longer (query_timeout) or ask "
            "for less.",
            inner_exception=error,
        )

    @contextmanager
    def connected(self, timeout: int | None = None) -> Iterator[Any]:
        """A connection, whose transaction is rolled back unless the block commits it. Errors name the datastore."""
        try:
            import sqlalchemy
        except ImportError as error:
            raise StoreError(
                f"Datastore {self.name!r} needs SQLAlchemy: pip install sqlalchemy ({error}).", error
            ) from error
        reached = False
        try:
            with self._engine(sqlalchemy, timeout).connect() as connection:
                reached = True
                yield connection
        except AzureMLException:
            raise
        except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            raise self._told(error, timeout if reached else None) from error

    def _engine(self, sqlalchemy: Any, timeout: int | None) -> Any:
        login = self.login()
        options = self.dialect.options(login, timeout)
        return sqlalchemy.create_engine(
            self.dialect.url(login), poolclass=sqlalchemy.pool.NullPool, connect_args=options, hide_parameters=True
        )

    def login(self) -> Login:
        """Where the database is and who asks."""
        return login_of(self._document, self._credentials)

    def _told(self, error: Exception, timeout: int | None) -> AzureMLException:
        cause = getattr(error, "orig", None) or error
        reason = redact(" ".join(str(cause).split())) or type(cause).__name__
        if timeout and any(word in reason for word in _TOO_LONG):
            return self._late(timeout, error)
        if type(error).__name__ in _OF_THE_QUERY or "READ ONLY" in reason.upper():
            return UserErrorException(f"Datastore {self.name!r}: {reason}", inner_exception=error)
        return StoreError(f"Datastore {self.name!r}: {reason}", error)

    def stop(self, identity: Any) -> None:
        """Have the server end what another connection does; it may have ended already."""
        try:
            with self.connected() as connection:
                connection.exec_driver_sql(self.dialect.stop.format(int(identity)))
        except AzureMLException:
            pass

    def _refuse(self) -> NoReturn:
        raise UnsupportedFeature(
            f"Reading files from datastore {self.name!r} ({self.kind_of_database})",
            "a database holds no files",
            "a query (Dataset.Tabular.from_sql_query), or DataTransferStep",
        )

    def list(self, path: str = "") -> Iterator[Entry]:
        self._refuse()

    def children(self, path: str = "") -> List[Child]:
        self._refuse()

    def entry(self, path: str) -> Entry | None:
        self._refuse()

    def kind(self, path: str) -> str | None:
        self._refuse()

    def read(self, path: str) -> bytes:
        self._refuse()

    def open(self, path: str, size: int | None = None) -> BinaryIO:
        self._refuse()

    def write(self, path: str, data: bytes) -> None:
        self._refuse()

    def create(self, path: str, data: bytes) -> bool:
        self._refuse()

    def append(self, path: str, data: bytes) -> None:
        self._refuse()

    def delete(self, path: str) -> None:
        self._refuse()

    def put_file(self, local: str, path: str, *, move: bool = False, stamp: bool = True) -> FileEntry:
        self._refuse()

    def receive(self, source: BinaryIO, path: str, *, stamp: bool = True, passing: Passing | None = None) -> FileEntry:
        self._refuse()

    def get_file(self, path: str, local: str) -> FileEntry:
        self._refuse()

    def below(self, path: str) -> Store:
        self._refuse()


def _rows_of_a_batch(found: Sequence[Any]) -> int:
    """How many rows make about :data:`BATCH_BYTES`, going by some of the last ones."""
    some = found[:: max(1, len(found) // 20)]
    size = sum(len(value) if isinstance(value, (str, bytes)) else 8 for row in some for value in row)
    return max(100, min(50_000, BATCH_BYTES * len(some) // max(1, size)))
