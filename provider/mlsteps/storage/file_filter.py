"""``FileDataset.filter``: an expression over one file's properties and partition keys.

    {"op": "gt", "args": [{"metadata": "Size"}, {"value": 1000}]}

Operands are ``{"metadata": property}``, ``{"column": partition key}``, ``{"value": literal}``, ``{"datetime": ISO
text}`` and ``{"seconds": number}``.
"""

from __future__ import annotations

import datetime
import operator
import os
from typing import Any, Callable, Mapping

from mlsteps.contracts.dataset import Definition
from mlsteps.errors import DatasetExecutionError, UnsupportedFeature

_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "and": lambda one, two: one and two,
    "or": lambda one, two: one or two,
    "not": operator.not_,
    "starts_with": lambda text, wanted: isinstance(text, str) and text.startswith(wanted),
    "ends_with": lambda text, wanted: isinstance(text, str) and text.endswith(wanted),
    "contains": lambda text, wanted: isinstance(text, str) and wanted in text,
    "is_null": lambda value: value is None,
}
_TIMES = ("LastModifiedTime", "CreationTime")


def passes(item: Any, expression: Any, definition: Definition) -> bool:
    """Whether the expression holds for a file (a ``SourceFile``); a comparison with an absent value does not.

    :raises DatasetExecutionError: for a name that is no property or partition key, and for values that cannot be
        compared.
    """
    return bool(_value(item, expression, definition))


def _value(item: Any, tree: Any, definition: Definition) -> Any:
    if "op" not in tree:
        ((kind, value),) = tree.items()
        return _operand(item, kind, value, definition)
    values = [_value(item, part, definition) for part in tree["args"]]
    if None in values and tree["op"] in ("gt", "ge", "lt", "le"):
        return False
    try:
        return _OPERATIONS[tree["op"]](*values)
    except (TypeError, KeyError) as error:
        raise DatasetExecutionError(f"A filter cannot be evaluated ({tree['op']}): {error}.", error) from error


def _operand(item: Any, kind: str, value: Any, definition: Definition) -> Any:
    if kind == "column":
        return _partition(item.path, value, definition.get("partition_format"))
    if kind == "metadata":
        return _property(item, value)
    if kind == "datetime":
        return _utc(datetime.datetime.fromisoformat(value))
    return datetime.timedelta(seconds=value) if kind == "seconds" else value


def _partition(path: str, name: str, partition_format: str | None) -> Any:
    # The form is told in one place, by the layer above; it is asked only for datasets that have one.
    from mlsteps.tables.partitions import compiled, partition_keys

    keys = partition_keys(partition_format)
    if name not in keys:
        raise DatasetExecutionError(f"A filter names {name!r}; the partition keys are {keys}.")
    value = compiled(partition_format).values(path)[name]
    return _utc(value) if isinstance(value, datetime.datetime) else value


def _property(item: Any, name: str) -> Any:
    """A property of a file under the SDK's name."""
    if name in _TIMES:
        return _time(item, name)
    plain = {"Size": item.size, "Extension": os.path.splitext(item.path)[1], "CanSeek": True}
    if name not in plain:
        raise DatasetExecutionError(f"A filter names {name!r}; a file has {', '.join([*plain, *_TIMES])}.")
    return plain[name]


def _time(item: Any, name: str) -> datetime.datetime:
    local = item.store.local_path(item.path)
    if local is None:
        raise UnsupportedFeature(f"file_metadata({name!r}) on {item.store.url}", "stores tell times in different ways")
    found = os.stat(local)
    seconds = found.st_mtime if name == "LastModifiedTime" else found.st_ctime
    return _utc(datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc))


def _utc(moment: datetime.datetime) -> datetime.datetime:
    """In UTC and without saying so, so that moments with and without a zone can be compared."""
    return moment.astimezone(datetime.timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
