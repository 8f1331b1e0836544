"""One file to DataFrames, a piece at a time: parquet, JSON lines; delimited text has its own module.

A piece is some megabytes of the file, so that no file needs to fit into memory.
"""

from __future__ import annotations

import io
import json
from typing import Any, Iterator, List, Mapping, Tuple

from mlsteps.errors import DatasetExecutionError
from mlsteps.tables.conversion import Wishes, convert
from mlsteps.tables.libraries import missing, pandas
from mlsteps.tables.sources import Source

#: Python's names of the SDK's encodings.
ENCODINGS = {
    "utf8": "utf-8",
    "iso88591": "latin-1",
    "latin1": "latin-1",
    "ascii": "ascii",
    "utf16": "utf-16",
    "utf32": "utf-32",
    "utf8bom": "utf-8-sig",
    "windows1252": "cp1252",
}
#: Bytes of text, and rows of parquet, in one piece. Text takes about five times as much as a frame.
PIECE_BYTES = 16 << 20
PIECE_ROWS = 64 << 10
#: Bytes that are asked for at the start of a column of which a few rows are wanted; a page is more, or less.
_ASKED = 256 << 10


def read_parquet(source: Source, reader: Mapping[str, Any], wishes: Wishes, limit: int | None) -> Iterator[Any]:
    """The rows of a parquet file; with ``limit`` no more than so many, and what they need is read only."""
    pandas("Reading a TabularDataset")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing("pyarrow", "Reading parquet files", error) from error
    left = limit
    with source.open_anywhere() as file:
        try:
            opened = pyarrow.parquet.ParquetFile(file, buffer_size=_ASKED if limit else 1 << 20, pre_buffer=False)
            rows = PIECE_ROWS if limit is None else max(1, min(limit, PIECE_ROWS))
            # By threads, columns would jump to and fro in a file of another machine, and pieces come twice.
            is_threaded = source.local is not None
            for batch in _and_one_at_least(opened, opened.iter_batches(batch_size=rows, use_threads=is_threaded)):
                frame = _columns_only(pyarrow.Table.from_batches([batch]).to_pandas())
                frame = frame if left is None else frame.iloc[:left]
                yield typed(_same_resolution(frame, wishes), reader, wishes)
                left = None if left is None else left - len(frame)
                if left is not None and left <= 0:
                    return
        except (pyarrow.ArrowException, ValueError, OSError) as error:
            raise DatasetExecutionError(f"{source.shown} cannot be read as parquet: {error}", error) from error


def _and_one_at_least(opened: Any, batches: Iterator[Any]) -> Iterator[Any]:
    """The batches, or one without rows: a file has columns even so."""
    import pyarrow

    count = 0
    for batch in batches:
        count += 1
        yield batch
    if not count:
        schema = opened.schema_arrow
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array([], kind) for kind in schema.types], schema=schema)


def _columns_only(frame: Any) -> Any:
    """pandas' own index, when a file keeps one, as columns."""
    if type(frame.index).__name__ != "RangeIndex" or frame.index.name is not None:
        return frame.reset_index()
    return frame


def read_json_lines(source: Source, reader: Mapping[str, Any], wishes: Wishes, limit: int | None) -> Iterator[Any]:
    """The rows of a file with one JSON object a line; blank lines do not count."""
    pd = pandas("Reading a TabularDataset")
    records: List[Mapping[str, Any]] = []
    size = count = pieces = 0
    for length, record in _records(source, reader):
        if limit is not None and count >= limit:
            break
        records.append(record)
        size, count = size + length, count + 1
        if size >= PIECE_BYTES:
            yield typed(pd.DataFrame.from_records(records), reader, wishes)
            records, size, pieces = [], 0, pieces + 1
    if records or not pieces:
        yield typed(pd.DataFrame.from_records(records), reader, wishes)


def typed(frame: Any, reader: Mapping[str, Any], wishes: Wishes) -> Any:
    """The frame with the types of ``set_column_types``; names that are not there do not matter, as in the SDK."""
    for name, kind in reader.get("set_column_types", {}).items():
        if name in frame.columns:
            frame[name] = convert(frame[name], kind, wishes)
    return frame


def _same_resolution(frame: Any, wishes: Wishes) -> Any:
    for name in frame.columns:
        kind = str(frame[name].dtype)
        if kind.startswith("datetime64[") and kind != "datetime64[ns]" and "," not in kind:
            frame[name] = convert(frame[name], {"type": "datetime"}, wishes)
    return frame


def _records(source: Source, reader: Mapping[str, Any]) -> Iterator[Tuple[int, Mapping[str, Any]]]:
    """Each record with the length of its line."""
    for number, line in enumerate(_lines(source, reader), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            yield len(line), record
        elif reader.get("invalid_lines", "error") == "error":
            raise DatasetExecutionError(
                f"Line {number} of {source.shown} is no JSON object: {line[:80].rstrip()!r}. "
                "invalid_lines='drop' leaves it out."
            )


def _lines(source: Source, reader: Mapping[str, Any]) -> Iterator[str]:
    encoding = reader.get("encoding", "utf8")
    with source.open() as file, io.TextIOWrapper(file, encoding=ENCODINGS[encoding]) as text:
        try:
            for number, line in enumerate(text):
                yield line if number else line.lstrip("\ufeff")
        except UnicodeDecodeError as error:
            raise wrong_encoding(source, encoding, error) from error


def wrong_encoding(source: Source, encoding: str, error: Exception) -> DatasetExecutionError:
    """The file is not in the encoding that was named."""
    return DatasetExecutionError(
        f"{source.shown} is not in the encoding {encoding!r} ({error}). Give another: {', '.join(ENCODINGS)}.", error
    )
