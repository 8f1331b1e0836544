"""Filter expressions over a table: ``{"op": "gt", "args": [{"column": "age"}, {"value": 18}]}``.

Operands are ``{"column": name}``, ``{"value": literal}``, ``{"datetime": ISO text}``, ``{"seconds": number}``;
operations are the keys of :data:`OPERATIONS`.
"""

from __future__ import annotations

import datetime
import operator
from typing import Any, Callable, Mapping

from mlsteps.errors import DatasetExecutionError


def _text_test(name: str, **options: Any) -> Callable[[Any, Any], Any]:
    """One of pandas' tests of texts; a value that is no text does not pass."""

    def test(values: Any, wanted: Any) -> Any:
        passed = getattr(values.astype(object).str, name)(wanted, **options)
        return passed.where(passed.notna(), False).astype(bool)

    return test


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "and": operator.and_,
    "or": operator.or_,
    "not": operator.invert,
    "starts_with": _text_test("startswith"),
    "ends_with": _text_test("endswith"),
    "contains": _text_test("contains", regex=False),
    "is_null": lambda values: values.isna(),
}


def rows(frame: Any, tree: Any) -> Any:
    """The rows for which an expression holds; where it is null it does not.

    :raises DatasetExecutionError: for a column that is not there, and values that cannot be compared.
    """
    mask = _value(frame, tree)
    if not hasattr(mask, "index"):
        raise DatasetExecutionError("A filter names no column.")
    return frame[mask.where(mask.notna(), False).astype(bool)]


def _value(frame: Any, tree: Any) -> Any:
    if "op" not in tree:
        ((kind, value),) = tree.items()
        return _OPERANDS[kind](frame, value)
    values = [_value(frame, part) for part in tree["args"]]
    try:
        return OPERATIONS[tree["op"]](*values)
    except (TypeError, AttributeError) as error:
        raise DatasetExecutionError(f"A filter cannot be evaluated ({tree['op']}): {error}.", error) from error


def _column(frame: Any, name: str) -> Any:
    if name not in frame.columns:
        raise DatasetExecutionError(f"A filter names {name!r}; the columns are {list(map(str, frame.columns))}.")
    return frame[name]


_OPERANDS: Mapping[str, Callable[[Any, Any], Any]] = {
    "column": _column,
    "value": lambda frame, value: value,
    "datetime": lambda frame, value: datetime.datetime.fromisoformat(value),
    "seconds": lambda frame, value: datetime.timedelta(seconds=value),
}
