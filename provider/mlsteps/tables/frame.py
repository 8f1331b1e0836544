"""A tabular definition to a DataFrame."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping, Sequence

from mlsteps.errors import DatasetExecutionError
from mlsteps.tables import operations
from mlsteps.tables.conversion import Wishes
from mlsteps.tables.delimited import DelimitedFiles
from mlsteps.tables.libraries import pandas
from mlsteps.tables.operations import Operations
from mlsteps.tables.partitions import PartitionFormat, compiled
from mlsteps.tables.queries import read_query
from mlsteps.tables.readers import read_json_lines, read_parquet
from mlsteps.tables.sources import Source, source_of

_READERS = {"parquet": read_parquet, "json_lines": read_json_lines}


def read(
    definition: Mapping[str, Any],
    open_by_name: Callable[[str], Any],
    *,
    on_error: str = "null",
    out_of_range_datetime: str = "null",
) -> Any:
    """The rows of a tabular dataset as a ``pandas.DataFrame``.

    :param open_by_name: opens a datastore by its name (``storage.base.Store``).
    :param on_error: ``null`` or ``fail``: what becomes of a value that does not fit its column's type.
    :param out_of_range_datetime: the same for points in time outside the years 1677 to 2262.
    :raises DatasetExecutionError: when there are no files, or one cannot be read.
    """
    steps = Operations(definition.get("operations", ()))
    frames = list(_pieces(definition, open_by_name, Wishes(on_error, out_of_range_datetime), steps))
    return steps.ended(_joined(frames)).reset_index(drop=True)


def batches(
    definition: Mapping[str, Any],
    open_by_name: Callable[[str], Any],
    *,
    on_error: str = "null",
    out_of_range_datetime: str = "null",
) -> Iterator[Any]:
    """The same rows as DataFrames of some tens of megabytes, one at least; parameters as for :func:`read`.

    Memory is that of a few of them, however large the files are.
    """
    steps = Operations(definition.get("operations", ()))
    empty, given = None, False
    for frame in _pieces(definition, open_by_name, Wishes(on_error, out_of_range_datetime), steps):
        if len(frame):
            given = True
            yield frame
        elif empty is None:
            empty = frame
    steps.check()
    if not given:
        yield empty


def _pieces(
    definition: Mapping[str, Any], open_by_name: Callable[[str], Any], wishes: Wishes, steps: Operations
) -> Iterator[Any]:
    for frame in _frames(definition, open_by_name, wishes, operations.rows_needed(definition.get("operations", ()))):
        yield steps.apply(frame)
        if steps.done:
            return


def sources(definition: Mapping[str, Any], open_by_name: Callable[[str], Any]) -> list[Source]:
    """The files that the reader reads, sorted by path.

    :raises DatasetExecutionError: when there are none.
    """
    from mlsteps.storage.datasets import resolve_files
    from mlsteps.storage.globs import matches_any

    # The operations are those of rows; resolve_files would take them for those of files.
    files = resolve_files({"type": "file", "paths": definition["paths"]}, open_by_name)
    found = [source_of(item) for item in files if matches_any(item.relative, _globs(definition["reader"]))]
    if not found:
        raise DatasetExecutionError(f"The dataset has no files: nothing matches {definition['paths']}.")
    return found


def _frames(
    definition: Mapping[str, Any], open_by_name: Callable[[str], Any], wishes: Wishes, limit: int | None
) -> Iterator[Any]:
    if "sql" in definition:
        yield from read_query(definition, open_by_name, wishes, limit)
        return
    reader, found = definition["reader"], sources(definition, open_by_name)
    form = compiled(definition["partition_format"]) if definition.get("partition_format") else None
    for source, frame in _read_each(found, reader, wishes, limit):
        yield _with_path(frame, source, form, bool(definition.get("include_path")))


def _read_each(
    found: Sequence[Source], reader: Mapping[str, Any], wishes: Wishes, limit: int | None
) -> Iterator[tuple[Source, Any]]:
    if reader["format"] == "delimited":
        yield from DelimitedFiles(found, reader, wishes).frames(limit)
        return
    left = limit
    for index, source in enumerate(found):
        if index and left is not None and left <= 0:
            return
        for frame in _READERS[reader["format"]](source, reader, wishes, left):
            left = None if left is None else left - len(frame)
            yield source, frame
        source.release()


def _with_path(frame: Any, source: Source, form: PartitionFormat | None, include_path: bool) -> Any:
    """The columns that come from a file's path, before its own; a column of the file itself wins."""
    front: dict[str, Any] = {"Path": "/" + source.path.lstrip("/")} if include_path else {}
    if form is not None:
        front.update(form.values(source.path))
    for position, (name, value) in enumerate((key, value) for key, value in front.items() if key not in frame.columns):
        frame.insert(position, name, value)
        if form is not None and name in form.times:
            frame[name] = pandas("Reading a TabularDataset").to_datetime(frame[name]).astype("datetime64[ns]")
    return frame


def _joined(frames: Sequence[Any]) -> Any:
    filled = [frame for frame in frames if len(frame)]
    if len(filled) == 1 or not filled:
        return (filled or list(frames))[0]
    return pandas("Reading a TabularDataset").concat(filled, ignore_index=True, sort=False)


def _globs(reader: Mapping[str, Any]) -> list[str]:
    """A glob without a slash is about a file's name, in whatever folder."""
    glob = reader.get("path_glob")
    return [] if not glob else [glob] if "/" in glob else [glob, f"**/{glob}"]
