"""What a transfer asks of a database: rows as delimited text, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO


class Rows(ABC):
    """One database. No request is made when it is opened."""

    @abstractmethod
    def export(self, sql: Mapping[str, Any], write: Callable[[Any], Any]) -> None:
        """Write rows as comma-separated UTF-8 text with a header; NULL is nothing, an empty text is ``""``.

        :param sql: ``sql_table``, ``sql_query`` or ``sql_stored_procedure`` (with ``sql_stored_procedure_params``; a
            function in PostgreSQL).
        :raises UserErrorException: for a table that does not exist, and what the database does not understand.
        """

    @abstractmethod
    def append(
        self,
        table: str,
        files: Iterable[tuple[str, BinaryIO]],
        announce: Callable[[str], None],
        check: Callable[[int], None],
    ) -> int:
        """Append the rows of delimited files to a table: those of all files, or none.

        :param files: names and open files; each begins with a header of column names, in any order.
        :param announce: told, just before it is committed, what :meth:`has_committed` knows the transaction by.
        :param check: told how many bytes have just passed; what it raises ends the transaction.
        :returns: the number of rows.
        :raises UserErrorException: for a table that does not exist, and a header that does not fit it.
        """

    @abstractmethod
    def has_committed(self, transaction: str) -> bool:
        """Whether a transaction of an earlier try took place; waits while it is still running.

        :raises StoreError: when the server does not know any more.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Have the server stop what runs; from any thread."""
