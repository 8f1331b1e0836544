"""Rows of a database as columns of five kinds, which is what tabular datasets know; pure.

``long`` (int), ``float``, ``bool``, ``datetime`` (ISO 8601, in UTC where it had a zone) and ``string``; None is null.
"""

from __future__ import annotations

import datetime
import decimal
import json
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple


class Batch(NamedTuple):
    """Some rows: names, kinds and values of the columns.

    :param size: about how many bytes the values are.
    """

    columns: List[Tuple[str, str, List[Any]]]
    size: int

    def to_bytes(self) -> bytes:
        """For another process."""
        return json.dumps([self.columns, self.size]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Batch:
        """What :meth:`to_bytes` made."""
        columns, size = json.loads(data)
        return cls([(name, kind, values) for name, kind, values in columns], size)


class Kinds:
    """The kinds of a result's columns, kept from batch to batch: a column of nulls first has to wait for a value."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = _unique(names)
        self._kinds: Dict[str, str | None] = dict.fromkeys(self.names)

    def batch(self, rows: Sequence[Sequence[Any]]) -> Batch:
        """Rows as a batch."""
        columns, size = [], 0
        for index, name in enumerate(self.names):
            values = [row[index] for row in rows]
            kind = self._kinds[name] = _common(self._kinds[name], {_kind(v) for v in values if v is not None})
            plain = [None if value is None else _MAKERS[kind or "string"](value) for value in values]
            size += sum(len(value) if isinstance(value, str) else 8 for value in plain)
            columns.append((name, kind or "string", plain))
        return Batch(columns, size)


def _unique(names: Sequence[str]) -> List[str]:
    """Names, the later of equal ones with a number: a query may give two columns one name."""
    found: List[str] = []
    for name in map(str, names):
        number, chosen = 1, name
        while chosen in found:
            number += 1
            chosen = f"{name}_{number}"
        found.append(chosen)
    return found


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "long" if -(2**63) <= value < 2**63 else "float"
    if isinstance(value, (float, decimal.Decimal)):
        return "float"
    return "datetime" if isinstance(value, datetime.date) else "string"


def _common(before: str | None, kinds: set[str]) -> str | None:
    found = kinds | ({before} if before else set())
    if len(found) <= 1:
        return next(iter(found), None)
    return "float" if found == {"long", "float"} else "string"


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.hex()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return _moment(value) if isinstance(value, datetime.date) else str(value)


def _moment(value: Any) -> str:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return str(value.isoformat())


_MAKERS: Dict[str, Any] = {"long": int, "float": float, "bool": bool, "datetime": _moment, "string": _text}
