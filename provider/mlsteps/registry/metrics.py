"""Metrics from events, as ``Run.get_metrics`` of the SDK gives them.

A scalar logged once is the value, logged n times the list of values; ``log_list`` always gives a list; a row logged
once is a dict, more rows (or a table) a dict of column lists; images, confusion matrices and the other charts are
their value, or a list of them when logged more than once.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Tuple

Event = Mapping[str, Any]

_TABULAR = ("row", "table")


def fold(events: Iterable[Event]) -> Dict[str, Any]:
    """Metrics by name, in the order in which each was first logged.

    :param events: of kind ``metric``: ``name``, ``value``, ``type`` (``scalar`` by default, ``list``, ``row``,
        ``table``, ``image``, ``confusion_matrix``, ``accuracy_table``, ``residuals``, ``predictions``).
    """
    logged: Dict[str, List[Tuple[str, Any]]] = {}
    for event in events:
        logged.setdefault(str(event.get("name")), []).append((event.get("type") or "scalar", event.get("value")))
    return {name: _value(entries) for name, entries in logged.items()}


def _value(entries: List[Tuple[str, Any]]) -> Any:
    if all(type in _TABULAR and isinstance(value, Mapping) for type, value in entries):
        return _columns([value for _, value in entries])
    if len(entries) == 1 and entries[0][0] != "list":
        return entries[0][1]
    values: List[Any] = []
    for type, value in entries:
        if type == "list" and isinstance(value, (list, tuple)):
            values.extend(value)
        else:
            values.append(value)
    return values


def _columns(rows: List[Mapping[str, Any]]) -> Dict[str, Any]:
    """One row stays as it is; of several, each column's values in a list. A cell that was not logged is None."""
    if len(rows) == 1:
        return dict(rows[0])
    columns: Dict[str, List[Any]] = {}
    length = 0
    for row in rows:
        added = max((len(value) if isinstance(value, list) else 1 for value in row.values()), default=0)
        for name in row:
            columns.setdefault(name, [None] * length)
        for name, column in columns.items():
            cells = row.get(name)
            cells = list(cells) if isinstance(cells, list) else [cells]
            column.extend((cells + [None] * added)[:added])
        length += added
    return columns
