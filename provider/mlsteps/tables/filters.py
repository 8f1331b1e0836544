"""Filter expressions: ``{"op": "gt", "args": [{"column": "age"}, {"value": 18}]}`` over a table or over one file.

Operands are ``{"column": name}``, ``{"metadata": name}``, ``{"value": literal}``, ``{"datetime": ISO text}``,
``{"seconds": number}``; operations are the keys of :data:`OPERATIONS`. The same walk serves columns and single values,
because Python's operators do.
"""

from __future__ import annotations

import datetime
import operator
from typing import Any, Callable, Mapping

from mlsteps.errors import DatasetExecutionError


def _text_test(name: str) -> Callable[[Any, Any], Any]:
    """``startswith`` of each text; a value that is no text does not pass."""

    def test(values: Any, wanted: Any) -> Any:
        if hasattr(values, "str") and hasattr(values, "index"):
            plain = {"regex": False} if name == "contains" else {}
            return getattr(values.astype(object).str, name)(wanted, **plain).fillna(False).astype(bool)
        return isinstance(values, str) and (wanted in values if name == "contains" else getattr(values, name)(wanted))

    return test


def _is_null(values: Any) -> Any:
    return values.isna() if hasattr(values, "isna") else values is None


def _not(values: Any) -> Any:
    return ~values if hasattr(values, "index") else not values


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "and": operator.and_,
    "or": operator.or_,
    "not": _not,
    "starts_with": _text_test("startswith"),
    "ends_with": _text_test("endswith"),
    "contains": _text_test("contains"),
    "is_null": _is_null,
}


def evaluate(tree: Any, look_up: Callable[[str, str], Any]) -> Any:
    """The value of an expression.

    :param look_up: called with ``("column" | "metadata", name)``.
    :raises DatasetExecutionError: when two values cannot be compared.
    """
    if "op" not in tree:
        ((kind, value),) = tree.items()
        return _literal(kind, value) if kind in ("value", "datetime", "seconds") else look_up(kind, value)
    values = [evaluate(part, look_up) for part in tree["args"]]
    try:
        return OPERATIONS[tree["op"]](*values)
    except TypeError as error:
        raise DatasetExecutionError(f"A filter cannot be evaluated: {error}.", error) from error


def rows(frame: Any, tree: Any) -> Any:
    """The rows of a DataFrame for which an expression holds; where it is null it does not.

    :raises DatasetExecutionError: for a column that is not there.
    """

    def look_up(kind: str, name: str) -> Any:
        if kind != "column" or name not in frame.columns:
            raise DatasetExecutionError(f"A filter names {name!r}; the columns are {list(map(str, frame.columns))}.")
        return frame[name]

    mask = evaluate(tree, look_up)
    if not hasattr(mask, "index"):
        return frame if mask else frame.iloc[:0]
    return frame[mask.fillna(False).astype(bool)]


def _literal(kind: str, value: Any) -> Any:
    if kind == "datetime":
        return datetime.datetime.fromisoformat(value)
    return datetime.timedelta(seconds=value) if kind == "seconds" else value
