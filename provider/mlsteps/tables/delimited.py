"""Delimited text to DataFrames: header modes, inference, conversion."""

from __future__ import annotations

import os
import re
from typing import Any, Iterator, Mapping, Sequence

from mlsteps.errors import DatasetExecutionError
from mlsteps.tables.conversion import Wishes, convert, is_text, nulls_for_empty
from mlsteps.tables.inference import NO_NUMBER, SAMPLE_ROWS, infer
from mlsteps.tables.libraries import pandas
from mlsteps.tables.readers import ENCODINGS, PIECE_BYTES, wrong_encoding
from mlsteps.tables.sources import Source

# Names of ``PromoteHeadersBehavior``; the fourth, COMBINE_ALL_FILES_HEADERS, takes each file's own.
NO_HEADERS, FIRST, SAME = "NO_HEADERS", "ONLY_FIRST_FILE_HAS_HEADERS", "ALL_FILES_HAVE_SAME_HEADERS"


class DelimitedFiles:
    """The delimited files of one dataset, read with one set of names and types.

    :param reader: the definition's ``reader``.
    """

    def __init__(self, sources: Sequence[Source], reader: Mapping[str, Any], wishes: Wishes) -> None:
        self.sources = sources
        self.reader = reader
        self.wishes = wishes
        self.pd = pandas("Reading a TabularDataset")
        self._first = self._header(sources[0]) if reader["header"] != NO_HEADERS else []
        self._names: dict[int, list[str]] = {}
        self.kinds = self._kinds()

    def frames(self, limit: int | None) -> Iterator[tuple[Source, Any]]:
        """The rows of each file in pieces, one at least.

        :param limit: stop after so many rows in all; None for no limit.
        """
        left = limit
        for index, source in enumerate(self.sources):
            if index and left is not None and left <= 0:
                return
            for frame in self._read(index, left):
                left = None if left is None else left - len(frame)
                yield source, frame
            source.release()

    # -- names

    def _names_of(self, index: int) -> list[str]:
        if index not in self._names:
            self._names[index] = self._find_names(index)
        return self._names[index]

    def _find_names(self, index: int) -> list[str]:
        mode = self.reader["header"]
        source = self.sources[index]
        if mode == NO_HEADERS:
            width = len(self._head(source, header=None, nrows=1).columns)
            return [f"Column{number}" for number in range(1, width + 1)]
        if mode == FIRST or index == 0:
            return self._first
        names = self._header(source)
        return self._agreed(names, source) if mode == SAME and names else names

    def _header(self, source: Source) -> list[str]:
        found = self._head(source, header=0, nrows=0).columns
        blank = re.compile(r"Unnamed: (\d+)(_level_\d+)?")
        # A header without a text: the SDK counts columns from one.
        matches = [blank.fullmatch(name) for name in found]
        return [f"Column{int(m.group(1)) + 1}" if m else str(name) for m, name in zip(matches, found)]

    def _agreed(self, names: list[str], source: Source) -> list[str]:
        first = self._first
        if not first or sorted(names) == sorted(first):
            return names
        if len(names) == len(first):
            # As in the SDK the first file's headers hold for all.
            return first
        raise DatasetExecutionError(
            f"{source.shown} has the headers {names}, the first file has {first}. "
            "Give header=PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS to join files that differ."
        )

    # -- types

    def _kinds(self) -> dict[str, Mapping[str, Any]]:
        kinds: dict[str, Mapping[str, Any]] = {}
        if self.reader["infer_column_types"]:
            kinds = {name: infer(values) for name, values in self._samples().items()}
        return {**kinds, **self.reader["set_column_types"]}

    def _samples(self) -> dict[str, list[str]]:
        """The first rows of all files together, as text."""
        samples: dict[str, list[str]] = {}
        left = SAMPLE_ROWS
        for index in range(len(self.sources)):
            if left <= 0:
                break
            for frame in self._rows(index, left, dtype=str, na_filter=False):
                left -= len(frame)
                for name in frame.columns:
                    samples.setdefault(name, []).extend(map(str, frame[name].tolist()))
        return samples

    # -- reading

    def _read(self, index: int, limit: int | None) -> Iterator[Any]:
        own = self.reader["set_column_types"]
        # Numbers are parsed as the file is read; everything else is read as text and converted.
        numbers = {
            name for name, kind in self.kinds.items() if kind["type"] in ("long", "float") and name not in own
        } & set(self._names_of(index))
        frames = self._rows(
            index,
            limit,
            dtype={name: str for name in self._names_of(index) if name not in numbers},
            na_values={name: list(NO_NUMBER) for name in numbers},
            keep_default_na=False,
        )
        for frame in frames:
            yield self.pd.DataFrame({name: self._column(frame[name]) for name in frame.columns}, index=frame.index)

    def _column(self, series: Any) -> Any:
        kind = self.kinds.get(series.name, {"type": "string"})
        if kind["type"] == "string":
            return series if self.reader["empty_as_string"] else nulls_for_empty(series)
        if not is_text(series) and kind["type"] in ("long", "float"):
            # A fraction after 200 whole numbers makes the column float rather than the value null.
            return series.astype("float64") if kind["type"] == "float" else series
        return convert(series, kind, self.wishes)

    def _rows(self, index: int, limit: int | None, **options: Any) -> Iterator[Any]:
        has_header = self.reader["header"] != NO_HEADERS and not (self.reader["header"] == FIRST and index)
        names = self._names_of(index)
        if not names:
            yield self.pd.DataFrame()
            return
        header = 0 if has_header else None
        source = self.sources[index]
        yield from self._csv(source, limit, header=header, names=names, index_col=False, **options)

    def _head(self, source: Source, **options: Any) -> Any:
        return next(self._csv(source, None, **options))

    def _csv(self, source: Source, limit: int | None, **options: Any) -> Iterator[Any]:
        """Frames of what a file holds, one at least."""
        separator = self.reader["separator"]
        options.update({"engine": "c", "low_memory": False} if len(separator) == 1 else {"engine": "python"})
        if options.get("nrows") is None:
            rows = _rows_of_a_piece(source.head())
            options.update(nrows=limit, chunksize=rows if limit is None else max(1, min(limit, rows)))
        if not limit and limit is not None:
            del options["chunksize"]  # no row at all is no piece, and yet has columns
        compression = _COMPRESSIONS.get(os.path.splitext(source.path)[1].lower())
        try:
            with source.open_anywhere() if compression else source.open() as file:
                found = self.pd.read_csv(
                    file,
                    sep=separator if len(separator) == 1 else re.escape(separator),
                    encoding=ENCODINGS[self.reader["encoding"]],
                    compression=compression,
                    **options,
                )
                yield from [found] if isinstance(found, self.pd.DataFrame) else found
        except self.pd.errors.EmptyDataError:
            yield self.pd.DataFrame()
        except UnicodeError as error:
            raise wrong_encoding(source, self.reader["encoding"], error) from error
        except (self.pd.errors.ParserError, ValueError) as error:
            raise DatasetExecutionError(
                f"{source.shown} cannot be read as delimited text: {str(error).strip()}", error
            ) from error


_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zip": "zip", ".xz": "xz"}


def _rows_of_a_piece(head: bytes) -> int:
    """How many rows make about :data:`PIECE_BYTES`, going by the first ones."""
    return max(100, PIECE_BYTES * max(1, head.count(b"\n")) // max(1, len(head)))
