"""Expressions over the columns of a dataset: ``dataset["age"] > 18``, joined by ``&`` and ``|``, turned by ``~``.

An expression only describes; it becomes the JSON of a ``filter`` operation (see ``tables.filters`` for its reading):
``{"op": "gt", "args": [{"column": "age"}, {"value": 18}]}``.
"""

from __future__ import annotations

import datetime
from typing import Any, Callable

from mlsteps.errors import InvalidInput

_SPELLED = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "and": "&", "or": "|"}


class Expression:
    """A description of a value for each row; use it in ``dataset.filter(...)``."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree

    def _to_json(self) -> Any:
        return self._tree

    def _apply(self, name: str, *others: Any) -> Expression:
        return Expression({"op": name, "args": [self._tree, *(_operand(other) for other in others)]})

    # The SDK's operators build expressions; equality of expression objects has no use.
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return self._apply("eq", other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return self._apply("ne", other)

    def __gt__(self, other: Any) -> Expression:
        return self._apply("gt", other)

    def __ge__(self, other: Any) -> Expression:
        return self._apply("ge", other)

    def __lt__(self, other: Any) -> Expression:
        return self._apply("lt", other)

    def __le__(self, other: Any) -> Expression:
        return self._apply("le", other)

    def __and__(self, other: Any) -> Expression:
        return self._apply("and", other)

    def __or__(self, other: Any) -> Expression:
        return self._apply("or", other)

    def __invert__(self) -> Expression:
        return self._apply("not")

    def __bool__(self) -> bool:
        raise InvalidInput(
            f"The expression {self} has no truth value of its own",
            expected="&, | and ~ between expressions in parentheses",
            mend="write (ds['a'] > 1) & (ds['b'] < 2), not 'and' or a chained comparison",
        )

    def starts_with(self, text: str) -> Expression:
        """True where the text begins with ``text``."""
        return self._apply("starts_with", text)

    def ends_with(self, text: str) -> Expression:
        """True where the text ends with ``text``."""
        return self._apply("ends_with", text)

    def contains(self, text: str) -> Expression:
        """True where the text holds ``text``."""
        return self._apply("contains", text)

    def is_null(self) -> Expression:
        """True where there is no value."""
        return self._apply("is_null")

    def __repr__(self) -> str:
        return _text(self._tree)


def column(name: Any) -> Expression:
    """The values of one column.

    :raises InvalidInput: when ``name`` is not a column's name.
    """
    if not isinstance(name, str):
        raise InvalidInput(
            f"dataset[{name!r}] names no column",
            expected="one column's name, as in dataset['age']",
            mend="use keep_columns([...]) to choose several columns",
        )
    return Expression({"column": name})


def filter_tree(expression: Any) -> Any:
    """The JSON of what ``filter`` was given.

    :raises InvalidInput: when it is no expression.
    """
    if not isinstance(expression, Expression):
        raise InvalidInput(
            f"filter() was given {expression!r}",
            expected="an expression over columns, as in dataset.filter(dataset['age'] > 18)",
        )
    return expression._to_json()


def _operand(value: Any) -> Any:
    if isinstance(value, Expression):
        return value._to_json()
    for kinds, make in _LITERALS:
        if isinstance(value, kinds):
            return make(value)
    raise InvalidInput(
        f"{value!r} cannot be compared with a column", expected="a text, number, bool, None, date or other expression"
    )


def _of_timedelta(value: datetime.timedelta) -> Any:
    return {"seconds": value.total_seconds()}


_LITERALS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((str, bool, int, float, type(None)), lambda value: {"value": value}),
    ((datetime.datetime, datetime.date), lambda value: {"datetime": value.isoformat()}),
    (datetime.timedelta, _of_timedelta),
)


def _text(tree: Any) -> str:
    if "op" not in tree:
        kind, value = next(iter(tree.items()))
        return f"dataset[{value!r}]" if kind == "column" else repr(value)
    parts = [_text(part) for part in tree["args"]]
    if tree["op"] in _SPELLED:
        return f"({parts[0]} {_SPELLED[tree['op']]} {parts[1]})"
    if tree["op"] == "not":
        return f"~{parts[0]}"
    return f"{parts[0]}.{tree['op']}({', '.join(parts[1:])})"
