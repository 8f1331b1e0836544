"""Tables to files, piece by piece."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, Dict, Iterable, Iterator, List, Sequence
from urllib.parse import quote

from mlsteps.errors import InvalidInput
from mlsteps.tables.libraries import missing

#: Files that are open at once while a table is partitioned.
_OPEN_AT_ONCE = 64


def write_parquet(frame: Any, path: str, row_group_size: int | None = None) -> None:
    """One parquet file.

    :param row_group_size: rows in a row group; None for the library's choice.
    :raises UserErrorException: when pyarrow is missing.
    """
    options = {} if row_group_size is None else {"row_group_size": row_group_size}
    try:
        frame.to_parquet(path, index=False, engine="pyarrow", **options)
    except ImportError as error:
        raise missing("pyarrow", "Writing parquet files", error) from error


def write_parts(frames: Iterable[Any], folder: str, kind: str, separator: str = ",") -> List[str]:
    """A table as ``part_00000.<kind>``; a piece whose columns or types the open part cannot hold begins the next one.

    :param kind: ``csv`` (with a header line, UTF-8) or ``parquet``.
    :returns: the names of the parts.
    """
    parts = _Parts(folder, kind, separator)
    try:
        for frame in frames:
            parts.add(frame)
    finally:
        parts.close()
    return parts.names


class _Parts:
    """The parts of one folder, of which the last is open."""

    def __init__(self, folder: str, kind: str, separator: str = ",") -> None:
        self.names: List[str] = []
        self._folder = folder
        self._make = (lambda path: _Csv(path, separator)) if kind == "csv" else _Parquet
        self._kind = kind
        self._part: Any = None

    def add(self, frame: Any) -> None:
        if self._part is None or not self._part.add(frame):
            self.close()
            os.makedirs(self._folder, exist_ok=True)
            self.names.append(f"part_{len(self.names):05d}.{self._kind}")
            self._part = self._make(os.path.join(self._folder, self.names[-1]))
            self._part.add(frame)

    def close(self) -> None:
        if self._part is not None:
            self._part.close()
        self._part = None


class _Csv:
    """A delimited file with the columns of the first frame that it gets."""

    def __init__(self, path: str, separator: str) -> None:
        self._file = open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115
        self._separator = separator
        self._like: Any = None

    def add(self, frame: Any) -> bool:
        if self._like is not None and not set(frame.columns) <= set(self._like.columns):
            return False
        begins = self._like is None
        frame = frame if begins else _alike(frame.reindex(columns=self._like.columns), self._like)
        frame.to_csv(self._file, index=False, sep=self._separator, header=begins, lineterminator=os.linesep)
        self._like = frame.iloc[:0] if begins else self._like
        return True

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """A parquet file with the schema of the first frame that it gets; each frame is a row group."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer: Any = None
        self._like: Any = None

    def add(self, frame: Any) -> bool:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise missing("pyarrow", "Writing parquet files", error) from error
        if self._writer is None:
            table = _without_unknown(pyarrow, pyarrow.Table.from_pandas(frame, preserve_index=False))
            self._like = frame.iloc[:0]
            self._writer = pyarrow.parquet.ParquetWriter(self._path, table.schema)
        else:
            if list(frame.columns) != list(self._like.columns):
                return False
            frame = _alike(frame, self._like)
            try:
                table = pyarrow.Table.from_pandas(frame, schema=self._writer.schema, preserve_index=False)
            except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
                return False
        self._writer.write_table(table.replace_schema_metadata(self._writer.schema.metadata))
        return True

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _without_unknown(pyarrow: Any, table: Any) -> Any:
    """A column of nothing but nulls as text: what comes later decides nothing any more, and nulls fit into anything."""
    for index, field in enumerate(table.schema):
        if str(field.type) == "null":
            table = table.set_column(index, field.name, table.column(index).cast(pyarrow.string()))
    return table


def _alike(frame: Any, first: Any) -> Any:
    """A piece with the number types of the first one: whole numbers are floats only where a null is among them."""
    changes: Dict[Any, str] = {}
    for name in frame.columns:
        old, new = str(first.get(name, frame[name]).dtype), str(frame[name].dtype)
        if old == "float64" and new == "int64":
            changes[name] = "float64"
        elif old == "int64" and new == "float64" and not (frame[name].dropna() % 1).any():
            changes[name] = "Int64"
    return frame.astype(changes) if changes else frame


def write_partitions(frames: Iterable[Any], keys: Sequence[str], folder: str) -> List[str]:
    """Parquet files for each combination of the keys' values: ``<value>/<value>/part_00000.parquet``.

    A value's text is percent-encoded where it could not name a folder. The key columns stay in the files, with their
    types. Rows without a value for a key lie under ``__null__``. There is one file a folder, unless the types of a
    column change on the way or there are very many folders.

    :returns: the files' paths below ``folder``, sorted.
    :raises InvalidInput: for keys that are no columns.
    """
    written: Dict[str, _Parts] = {}
    opened: OrderedDict[str, _Parts] = OrderedDict()
    first: Any = None
    try:
        for frame in frames:
            _check_keys(frame, keys)
            first = frame.iloc[:0] if first is None else first
            frame = _alike(frame, first)  # or one value would be two folders, ``1`` and ``1.0``
            for values, part in _groups(frame, keys):
                place = "/".join(_folder_name(value) for value in values)
                parts = written.setdefault(place, _Parts(os.path.join(folder, *place.split("/")), "parquet"))
                parts.add(part)
                opened[place] = parts
                opened.move_to_end(place)
                if len(opened) > _OPEN_AT_ONCE:
                    opened.popitem(last=False)[1].close()
    finally:
        for parts in opened.values():
            parts.close()
    return sorted(f"{place}/{name}" for place, parts in written.items() for name in parts.names)


def _check_keys(frame: Any, keys: Sequence[str]) -> None:
    absent = [key for key in keys if key not in frame.columns]
    if absent or not keys:
        raise InvalidInput(
            f"partition_by has the keys {list(keys)}", expected=f"some of the columns {list(map(str, frame.columns))}"
        )


def _groups(frame: Any, keys: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    by = list(keys) if len(keys) > 1 else keys[0]
    for values, part in frame.groupby(by, dropna=False, sort=True, observed=True):
        yield (values if isinstance(values, tuple) else (values,)), part


def _folder_name(value: Any) -> str:
    if value is None or type(value).__name__ == "NAType" or value != value:
        return "__null__"
    return quote(str(value), safe=" -_.,:@=+()[]").replace("..", "%2E%2E") or "%"
