"""Filter expressions over a table: ``{"op": "gt", "args": [{"column": "age"}, {"value": 18}]}``.

Operands are ``{"column": name}``, ``{"value": literal}``, ``{"datetime": ISO text}``, ``{"seconds": number}``;
operations are the keys of :data:`OPERATIONS`.
"""

from __future__ import annotations

import datetime
import operator
from typing import Any, Callable, List, Mapping

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


def holds(frame: Any, tree: Any) -> Any:
    """Whether an expression holds, for each row; where it is null it does not.

    :raises DatasetExecutionError: for values that cannot be compared.
    """
    mask = _value(frame, tree)
    if not hasattr(mask, "index"):
        raise DatasetExecutionError("A filter names no column.")
    return mask.where(mask.notna(), False).astype(bool)


def columns(tree: Any) -> List[str]:
    """The columns that an expression names, each once."""
    if "op" not in tree:
        return [tree["column"]] if "column" in tree else []
    return list(dict.fromkeys(name for part in tree["args"] for name in columns(part)))


def _value(frame: Any, tree: Any) -> Any:
    if "op" not in tree:
        ((kind, value),) = tree.items()
        return _OPERANDS[kind](frame, value)
    values = [_value(frame, part) for part in tree["args"]]
    try:
        return OPERATIONS[tree["op"]](*values)
    except (TypeError, AttributeError) as error:
        raise DatasetExecutionError(f"A filter cannot be evaluated ({tree['op']}): {error}.", error) from error


_OPERANDS: Mapping[str, Callable[[Any, Any], Any]] = {
    "column": lambda frame, name: frame[name],
    "value": lambda frame, value: value,
    "datetime": lambda frame, value: datetime.datetime.fromisoformat(value),
    "seconds": lambda frame, value: datetime.timedelta(seconds=value),
}
