"""Rows of a database to DataFrames, a batch at a time."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping

from mlsteps.errors import UnsupportedFeature
from mlsteps.tables.conversion import Wishes, convert
from mlsteps.tables.libraries import pandas
from mlsteps.tables.readers import typed

#: Seconds that a query may take when its definition does not say (SDK: from_sql_query).
TIMEOUT = 30


def read_query(
    definition: Mapping[str, Any], open_by_name: Callable[[str], Any], wishes: Wishes, limit: int | None
) -> Iterator[Any]:
    """The rows of ``definition["sql"]``; with ``limit`` no more than so many are asked for."""
    pd = pandas("Reading a TabularDataset")
    sql = definition["sql"]
    query = sql.get("query") or (f"SELECT * FROM {sql['table']}" if sql.get("table") else None)
    if query is None:
        raise UnsupportedFeature("Reading the rows of a stored procedure", "it is no query", "DataTransferStep")
    batches = open_by_name(sql["datastore"]).rows(query, int(sql.get("timeout") or TIMEOUT))
    left = limit
    try:
        for batch in batches:
            frame = pd.DataFrame({name: _column(pd, kind, values, wishes) for name, kind, values in batch.columns})
            frame = frame if left is None else frame.iloc[:left]
            yield typed(frame, definition.get("reader") or {}, wishes)
            left = None if left is None else left - len(frame)
            if left is not None and left <= 0:
                return
    finally:
        batches.close()


def _column(pd: Any, kind: str, values: Any, wishes: Wishes) -> Any:
    if kind == "datetime":
        return convert(pd.Series(values, dtype=object), {"type": "datetime"}, wishes)
    if kind in ("long", "float") and (kind == "float" or None in values):
        return pd.Series(values, dtype="float64")
    return pd.Series(values, dtype={"long": "int64"}.get(kind)) if values else pd.Series(values, dtype=object)
