"""The operations of a definition, on a table that comes in pieces."""

from __future__ import annotations

import datetime
from typing import Any, Callable, Mapping, Sequence

from mlsteps.errors import DatasetExecutionError
from mlsteps.tables import filters

Operation = Mapping[str, Any]


class Operations:
    """The operations on a table that comes in pieces.

    Each remembers what it has to know of the pieces before, so that the rows are those of the table as a whole.
    """

    def __init__(self, operations: Any) -> None:
        self._steps = [(operation, _State()) for operation in operations]

    def apply(self, frame: Any) -> Any:
        """A piece after all operations, in order."""
        for operation, state in self._steps:
            state.look_for(_named_columns(operation), frame)
            frame = HANDLERS[operation["op"]](frame, operation, state)
        return frame

    @property
    def done(self) -> bool:
        """Whether no later row can matter: a ``take`` has what it wants."""
        return any(operation["op"] == "take" and state.rows >= operation["count"] for operation, state in self._steps)

    def ended(self, table: Any) -> Any:
        """The whole table, its columns in the order that was asked for.

        :raises DatasetExecutionError: for a column that no piece had.
        """
        self.check()
        for operation, _ in reversed(self._steps):
            if operation["op"] == "keep_columns":
                return table[[name for name in operation["columns"] if name in table.columns]]
        return table

    def check(self) -> None:
        """To be called behind the last piece; see :meth:`ended`."""
        for operation, state in self._steps:
            absent = [name for name in state.absent if name not in state.seen]
            if absent:
                what = _TITLES.get(operation["op"], operation["op"])
                raise DatasetExecutionError(f"{what} names {absent}; the columns are {list(state.seen)}.")


class _State:
    """What an operation remembers: rows, its source of chance, and columns that came and that did not.

    A column that one file lacks may be in the next; only at the end it is known that there is none.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.draws: Any = None
        self.seen: dict[str, None] = {}
        self.absent: dict[str, None] = {}

    def look_for(self, names: Sequence[str], frame: Any) -> None:
        self.seen.update(dict.fromkeys(map(str, frame.columns)))
        self.absent.update({name: None for name in names if name not in frame.columns})


_TITLES = {"filter": "A filter", "time_filter": "A time filter"}


def _named_columns(operation: Operation) -> Sequence[str]:
    """The columns that an operation cannot do without."""
    if operation["op"] == "keep_columns":
        return list(operation["columns"])
    if operation["op"] == "time_filter":
        return [operation["column"]]
    return filters.columns(operation["expression"]) if operation["op"] == "filter" else []


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


def _take(frame: Any, operation: Operation, state: _State) -> Any:
    wanted = frame.iloc[: operation["count"] - state.rows]
    state.rows += len(wanted)
    return wanted


def _skip(frame: Any, operation: Operation, state: _State) -> Any:
    left = frame.iloc[max(0, operation["count"] - state.rows) :]
    state.rows += len(frame)
    return left


def _draws(frame: Any, operation: Operation, state: _State) -> Any:
    # numpy's frozen generator: the same numbers with every version, so that two halves of a split, read in two
    # environments, still share the rows. It goes on from piece to piece.
    import numpy

    if state.draws is None:
        state.draws = numpy.random.RandomState(operation["seed"] % 2**32)
    return state.draws.random_sample(len(frame))


def _take_sample(frame: Any, operation: Operation, state: _State) -> Any:
    return frame[_draws(frame, operation, state) < operation["probability"]]


def _split(frame: Any, operation: Operation, state: _State) -> Any:
    draws = _draws(frame, operation, state)
    return frame[(draws >= operation["low"]) & (draws < operation["high"])]


def _keep_columns(frame: Any, operation: Operation, state: _State) -> Any:
    return frame[[name for name in operation["columns"] if name in frame.columns]]


def _drop_columns(frame: Any, operation: Operation, state: _State) -> Any:
    # The SDK does not mind names that are not there.
    return frame.drop(columns=[name for name in operation["columns"] if name in frame.columns])


def _filter(frame: Any, operation: Operation, state: _State) -> Any:
    lacking = [name for name in filters.columns(operation["expression"]) if name not in frame.columns]
    if not lacking:
        return frame[filters.holds(frame, operation["expression"])]
    return frame[filters.holds(frame.assign(**dict.fromkeys(lacking, float("nan"))), operation["expression"])]


def _timestamp_columns(frame: Any, operation: Operation, state: _State) -> Any:
    return frame


def _time_filter(frame: Any, operation: Operation, state: _State) -> Any:
    if operation["column"] not in frame.columns:
        return frame.iloc[:0]
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


HANDLERS: Mapping[str, Callable[[Any, Operation, _State], Any]] = {
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
