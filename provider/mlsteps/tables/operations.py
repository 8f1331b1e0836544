"""The operations of a definition on a DataFrame."""

from __future__ import annotations

import datetime
from typing import Any, Callable, Mapping

from mlsteps.errors import DatasetExecutionError
from mlsteps.tables import filters

Operation = Mapping[str, Any]


def apply(frame: Any, operations: Any) -> Any:
    """The table after all operations, in order; rows are numbered anew.

    :raises DatasetExecutionError: for a column that is not there.
    """
    for operation in operations:
        frame = HANDLERS[operation["op"]](frame, operation)
    return frame.reset_index(drop=True)


def rows_needed(operations: Any) -> int | None:
    """How many of the first rows the operations can use; None when that depends on the rows."""
    skipped = 0
    for operation in operations:
        if operation["op"] == "take":
            return skipped + int(operation["count"])
        if operation["op"] == "skip":
            skipped += int(operation["count"])
        elif operation["op"] not in ("keep_columns", "drop_columns", "timestamp_columns"):
            return None
    return None


def _take(frame: Any, operation: Operation) -> Any:
    return frame.iloc[: operation["count"]]


def _skip(frame: Any, operation: Operation) -> Any:
    return frame.iloc[operation["count"] :]


def _draws(frame: Any, operation: Operation) -> Any:
    # numpy's frozen generator: the same numbers with every version, so that two halves of a split, read in two
    # environments, still share the rows.
    import numpy

    return numpy.random.RandomState(operation["seed"] % 2**32).random_sample(len(frame))


def _take_sample(frame: Any, operation: Operation) -> Any:
    return frame[_draws(frame, operation) < operation["probability"]]


def _split(frame: Any, operation: Operation) -> Any:
    draws = _draws(frame, operation)
    return frame[(draws >= operation["low"]) & (draws < operation["high"])]


def _keep_columns(frame: Any, operation: Operation) -> Any:
    _require(frame, operation["columns"], "keep_columns")
    return frame[list(operation["columns"])]


def _drop_columns(frame: Any, operation: Operation) -> Any:
    # The SDK does not mind names that are not there.
    return frame.drop(columns=[name for name in operation["columns"] if name in frame.columns])


def _filter(frame: Any, operation: Operation) -> Any:
    return filters.rows(frame, operation["expression"])


def _timestamp_columns(frame: Any, operation: Operation) -> Any:
    return frame


def _time_filter(frame: Any, operation: Operation) -> Any:
    _require(frame, [operation["column"]], "A time filter")
    times = frame[operation["column"]]
    if "datetime" not in str(times.dtype):
        raise DatasetExecutionError(
            f"The timestamp column {operation['column']!r} holds {times.dtype}, not points in time. "
            "Give it a type: set_column_types={...: DataType.to_datetime(...)}."
        )
    mask = times.notna()
    if operation.get("start") is not None:
        start = _moment(operation["start"])
        mask &= (times >= start) if operation["include_start"] else (times > start)
    if operation.get("end") is not None:
        end = _moment(operation["end"])
        mask &= (times <= end) if operation["include_end"] else (times < end)
    return frame[mask]


def _moment(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def _require(frame: Any, columns: Any, what: str) -> None:
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise DatasetExecutionError(f"{what} names {absent}; the columns are {list(map(str, frame.columns))}.")


HANDLERS: Mapping[str, Callable[[Any, Operation], Any]] = {
    "take": _take,
    "skip": _skip,
    "take_sample": _take_sample,
    "split": _split,
    "keep_columns": _keep_columns,
    "drop_columns": _drop_columns,
    "filter": _filter,
    "timestamp_columns": _timestamp_columns,
    "time_filter": _time_filter,
}
