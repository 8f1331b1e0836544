"""What transfers to and from databases share: delimited text, and parameters of stored procedures. Pure."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mlsteps.errors import InvalidInput


def line(values: Iterable[Any]) -> str:
    """A row as comma-separated text: null is nothing, an empty text is ``""``."""
    return ",".join("" if value is None else _field(_text(value)) for value in values) + "\n"


def _field(text: str) -> str:
    if text and not any(sign in text for sign in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "0x" + bytes(value).hex()
    return str(int(value)) if isinstance(value, bool) else str(value)


def header_of(name: str, head: bytes, table: str, columns: Sequence[str]) -> list[str]:
    """The column names in a file's first line.

    :raises InvalidInput: unless each is a column of the table, and there once.
    """
    header = next(csv.reader(io.StringIO(head.decode("utf-8-sig", "replace"))))
    unknown = [column for column in header if column not in columns]
    if unknown or len(set(header)) < len(header):
        raise InvalidInput(
            f"The header of {name} is {', '.join(header)}",
            expected=f"columns of {table}, each once ({', '.join(columns)})",
            mend="write a first line with the names of the table's columns",
        )
    return header


def typed(parameter: Mapping[str, Any]) -> Any:
    """The value of a stored procedure's parameter, as its type says.

    :raises InvalidInput: for a text that is no value of the type.
    """
    text, kind = parameter.get("value"), str(parameter.get("type") or "String")
    if text is None:
        return None
    try:
        return _MAKERS.get(kind, str)(str(text))
    except (ValueError, ArithmeticError) as error:
        raise InvalidInput(f"The parameter {parameter.get('name')!r} is {text!r}", expected=f"a {kind}") from error


_MAKERS: Mapping[str, Callable[[str], Any]] = {
    "Int": int,
    "Decimal": decimal.Decimal,
    "Guid": lambda value: str(uuid.UUID(value)),
    "Boolean": lambda value: value.strip().lower() in ("true", "1"),
    "Date": datetime.date.fromisoformat,
}
