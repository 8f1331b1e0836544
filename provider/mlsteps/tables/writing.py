"""DataFrames to files."""

from __future__ import annotations

import os
from typing import Any, Iterator, Sequence
from urllib.parse import quote

from mlsteps.errors import InvalidInput
from mlsteps.tables.libraries import missing


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


def write_csv(frame: Any, path: str, separator: str = ",") -> None:
    """One delimited file with a header line, UTF-8."""
    frame.to_csv(path, index=False, sep=separator, encoding="utf-8")


def write_partitions(frame: Any, keys: Sequence[str], folder: str) -> list[str]:
    """One parquet file for each combination of the keys' values: ``<value>/<value>/part_00000.parquet``.

    A value's text is percent-encoded where it could not name a folder. The key columns stay in the files, with their
    types. Rows without a value for a key lie under ``__null__``.

    :returns: the files' paths below ``folder``, sorted.
    :raises InvalidInput: for keys that are no columns.
    """
    absent = [key for key in keys if key not in frame.columns]
    if absent or not keys:
        raise InvalidInput(
            f"partition_by has the keys {list(keys)}", expected=f"some of the columns {list(map(str, frame.columns))}"
        )
    written = []
    for values, part in _groups(frame, keys):
        relative = "/".join([_folder_name(value) for value in values] + ["part_00000.parquet"])
        path = os.path.join(folder, *relative.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_parquet(part, path)
        written.append(relative)
    return sorted(written)


def _groups(frame: Any, keys: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    by = list(keys) if len(keys) > 1 else keys[0]
    for values, part in frame.groupby(by, dropna=False, sort=True, observed=True):
        yield (values if isinstance(values, tuple) else (values,)), part


def _folder_name(value: Any) -> str:
    if value is None or value != value:
        return "__null__"
    return quote(str(value), safe=" -_.,:@=+()[]").replace("..", "%2E%2E") or "%"
