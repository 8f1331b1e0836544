"""One file to one DataFrame: parquet, JSON lines; delimited text has its own module."""

from __future__ import annotations

import io
import json
from typing import Any, Callable, Iterator, Mapping, NamedTuple

from mlsteps.errors import DatasetExecutionError
from mlsteps.tables.conversion import Wishes, convert
from mlsteps.tables.libraries import missing, pandas

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


class Source(NamedTuple):
    """A file to read: its place for messages, its path in the store, and how to get at it."""

    shown: str
    path: str
    get: Callable[[], Any]

    def file(self) -> Any:
        """A local path, or the bytes in memory, as pandas takes it."""
        content = self.get()
        return io.BytesIO(content) if isinstance(content, bytes) else content

    def content(self) -> bytes:
        """All bytes."""
        content = self.get()
        if isinstance(content, bytes):
            return content
        with open(content, "rb") as stream:
            return stream.read()


def source_of(item: Any) -> Source:
    """The source of a ``SourceFile`` (``storage.datasets``)."""
    local = item.store.local_path(item.path)
    if local is not None:
        return Source(local, item.path, lambda: local)
    return Source(item.store.url_of(item.path), item.path, lambda: item.store.read(item.path))


def read_parquet(source: Source, reader: Mapping[str, Any], wishes: Wishes, limit: int | None) -> Any:
    """The rows of a parquet file."""
    pd = pandas("Reading a TabularDataset")
    try:
        frame = pd.read_parquet(source.file())
    except ImportError as error:
        raise missing("pyarrow", "Reading parquet files", error) from error
    except (ValueError, OSError) as error:
        raise DatasetExecutionError(f"{source.shown} cannot be read as parquet: {error}", error) from error
    if type(frame.index).__name__ != "RangeIndex" or frame.index.name is not None:
        frame = frame.reset_index()
    if limit is not None:
        frame = frame.iloc[:limit]
    return typed(_same_resolution(frame, wishes), reader, wishes)


def read_json_lines(source: Source, reader: Mapping[str, Any], wishes: Wishes, limit: int | None) -> Any:
    """The rows of a file with one JSON object a line; blank lines do not count."""
    pd = pandas("Reading a TabularDataset")
    records: list[Mapping[str, Any]] = []
    for record in _records(source, reader):
        if limit is not None and len(records) >= limit:
            break
        records.append(record)
    return typed(pd.DataFrame.from_records(records), reader, wishes)


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


def _records(source: Source, reader: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(_text(source, reader).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            yield record
        elif reader.get("invalid_lines", "error") == "error":
            raise DatasetExecutionError(
                f"Line {number} of {source.shown} is no JSON object: {line[:80]!r}. invalid_lines='drop' leaves it out."
            )


def _text(source: Source, reader: Mapping[str, Any]) -> str:
    encoding = reader.get("encoding", "utf8")
    try:
        return source.content().decode(ENCODINGS[encoding]).lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise wrong_encoding(source, encoding, error) from error


def wrong_encoding(source: Source, encoding: str, error: Exception) -> DatasetExecutionError:
    """The file is not in the encoding that was named."""
    return DatasetExecutionError(
        f"{source.shown} is not in the encoding {encoding!r} ({error}). Give another: {', '.join(ENCODINGS)}.", error
    )
