"""Readers and operations of a dataset's definition, checked: what factories, datasets and outputs have in common."""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput
from mlsteps.sdk.dataset_types import column_types as column_types
from mlsteps.sdk.dataset_types import header_name

ENCODINGS = ("utf8", "iso88591", "latin1", "ascii", "utf16", "utf32", "utf8bom", "windows1252")


def delimited_reader(
    *,
    separator: str = ",",
    header: Any = True,
    infer_column_types: bool = True,
    set_column_types: Mapping[str, Any] | None = None,
    support_multi_line: bool = False,
    empty_as_string: bool = False,
    encoding: str = "utf8",
) -> dict[str, Any]:
    """The ``reader`` of delimited files; parameters as in ``from_delimited_files``.

    :raises InvalidInput: for an empty separator, an unknown encoding or header choice, and types that are none.
    """
    if not isinstance(separator, str) or not separator:
        raise InvalidInput(f"The separator is {separator!r}", expected="a text of at least one character")
    return {
        "format": "delimited",
        "separator": separator,
        "header": header_name(header),
        "infer_column_types": bool(infer_column_types),
        "set_column_types": column_types(set_column_types),
        "support_multi_line": bool(support_multi_line),
        "empty_as_string": bool(empty_as_string),
        "encoding": _encoding(encoding),
    }


def parquet_reader(set_column_types: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The ``reader`` of parquet files."""
    return {"format": "parquet", "set_column_types": column_types(set_column_types)}


def json_lines_reader(set_column_types: Mapping[str, Any] | None, invalid_lines: str, encoding: str) -> dict[str, Any]:
    """The ``reader`` of JSON lines.

    :param invalid_lines: ``error`` or ``drop``.
    """
    if invalid_lines not in ("error", "drop"):
        raise InvalidInput(f"invalid_lines is {invalid_lines!r}", expected="'error' or 'drop'")
    return {
        "format": "json_lines",
        "set_column_types": column_types(set_column_types),
        "invalid_lines": invalid_lines,
        "encoding": _encoding(encoding),
    }


def checked_columns(columns: Any) -> list[str]:
    """Column names: one name or a list of them.

    :raises InvalidInput: for anything else.
    """
    names = [columns] if isinstance(columns, str) else columns
    if not isinstance(names, (list, tuple, set)) or not all(isinstance(name, str) for name in names):
        raise InvalidInput(f"The columns are {columns!r}", expected="a column's name or a list of names")
    return list(names)


def checked_count(count: Any, what: str) -> int:
    """``count`` when it is a whole number, zero or more."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidInput(f"{what}({count!r})", expected="a whole number, zero or more")
    return count


def sample_operation(probability: Any, seed: int | None, definition: Any) -> dict[str, Any]:
    """Each row (or file) is taken with this probability."""
    chosen = _fraction(probability, "take_sample(probability)")
    return {"op": "take_sample", "probability": chosen, "seed": _seed(seed, definition)}


def split_operations(percentage: Any, seed: int | None, definition: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two operations that share all rows (or files): a drawn number below ``percentage``, and the others."""
    share, drawn = _fraction(percentage, "random_split(percentage)"), _seed(seed, definition)
    first = {"op": "split", "low": 0.0, "high": share, "seed": drawn}
    return first, {"op": "split", "low": share, "high": 1.0, "seed": drawn}


def _fraction(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidInput(f"{what} is {value!r}", expected="a number from 0 to 1")
    return float(value)


def _seed(seed: int | None, definition: Any) -> int:
    """Without a seed one that follows from the definition: both halves of a split must draw the same numbers, in
    other processes too, and the same script must describe the same data each time."""
    if seed is None:
        return int(digest_of(definition)[:8], 16)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InvalidInput(f"The seed is {seed!r}", expected="a whole number or None")
    return seed


def _encoding(encoding: Any) -> str:
    if encoding not in ENCODINGS:
        raise InvalidInput(f"The encoding {encoding!r} is unknown", expected=f"one of {', '.join(ENCODINGS)}")
    return str(encoding)
