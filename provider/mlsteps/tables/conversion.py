"""Columns to the types asked for: ``string``, ``long``, ``float``, ``bool``, ``datetime``.

A value that does not fit becomes null, or is an error that names it, as ``on_error`` says (SDK: to_pandas_dataframe).
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from mlsteps.errors import DatasetExecutionError, UnsupportedFeature
from mlsteps.tables.inference import NO_NUMBER
from mlsteps.tables.libraries import pandas, version

_TRUE, _FALSE = ("true", "1", "1.0", "yes", "t", "y"), ("false", "0", "0.0", "no", "f", "n")


class Wishes(NamedTuple):
    """What to do with values that do not fit: ``null`` or ``fail``."""

    on_error: str = "null"
    out_of_range_datetime: str = "null"


def convert(series: Any, kind: Mapping[str, Any], wishes: Wishes) -> Any:
    """A column as the type that ``kind`` describes.

    :raises DatasetExecutionError: for a value that does not fit, with ``on_error="fail"``.
    """
    try:
        make = _MAKERS[kind["type"]]
    except KeyError:
        raise UnsupportedFeature(
            f"A column of type {kind['type']}", "columns of streams are not read", "DataType.to_string()"
        ) from None
    if str(series.dtype) == "category":
        series = series.astype(series.cat.categories.dtype)
    return make(series, kind, wishes)


def is_text(series: Any) -> bool:
    """Whether a column holds text (or anything else that is no number and no time)."""
    return str(series.dtype) in ("object", "str", "string") or str(series.dtype).startswith("string")


def nulls_for_empty(series: Any) -> Any:
    """A column of text with None (``object`` columns) or NaN (pandas 3's ``str``) for each empty field."""
    empty = series == ""
    if not empty.any():
        return series
    return series.mask(empty, None)


def _string(series: Any, kind: Mapping[str, Any], wishes: Wishes) -> Any:
    """JSON lines and parquet have columns of differing values, too, and decimals, lists and the like."""
    pd = pandas("Converting columns")
    if is_text(series) and pd.api.types.infer_dtype(series, skipna=True) in ("string", "empty"):
        return series
    return series.map(str, na_action="ignore").astype(object)


def _long(series: Any, kind: Mapping[str, Any], wishes: Wishes) -> Any:
    numbers = _numbers(series, kind, wishes)
    if str(numbers.dtype) == "bool":
        return numbers.astype("int64")
    fractions = numbers.notna() & (numbers % 1 != 0)
    if fractions.any():
        _refuse(series[fractions], kind, wishes)
        numbers = numbers.mask(fractions)
    return numbers.astype("int64") if not numbers.isna().any() else numbers


def _float(series: Any, kind: Mapping[str, Any], wishes: Wishes) -> Any:
    return _numbers(series, kind, wishes).astype("float64")


def _numbers(series: Any, kind: Mapping[str, Any], wishes: Wishes) -> Any:
    pd = pandas("Converting columns")
    if not is_text(series):
        numbers = pd.to_numeric(series, errors="coerce")
        return numbers.where(series.notna()) if series.isna().any() else numbers  # of no time, a number is made
    texts = series.where(~series.isin(NO_NUMBER))
    if kind.get("decimal_mark") == ",":
        texts = texts.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    numbers = pd.to_numeric(texts, errors="coerce")
    _refuse(series[texts.notna() & numbers.isna()], kind, wishes)
    return numbers


def _bool(series: Any, kind: Mapping[str, Any], wishes: Wishes) -> Any:
    if str(series.dtype) == "bool":
        return series
    texts = series.map(lambda value: str(value).strip().lower(), na_action="ignore")
    answer = texts.map({**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)})
    _refuse(series[answer.isna() & series.notna() & (texts != "")], kind, wishes)
    if answer.isna().any():
        return answer.astype(object).where(answer.notna(), None)
    return answer.astype(bool)


def _datetime(series: Any, kind: Mapping[str, Any], wishes: Wishes) -> Any:
    pd = pandas("Converting columns")
    present = series.notna() & (series != "") if is_text(series) else series.notna()
    times = _parsed(pd, series.where(present), list(kind.get("formats") or ()))
    _refuse(series[present & times.isna()], kind, wishes)
    return _in_nanoseconds(pd, times, wishes)


def _parsed(pd: Any, series: Any, formats: list[str]) -> Any:
    """Points in time without a zone, in UTC; NaT where no format fits."""
    if formats and series.dtype.kind in "iufO":
        series = series.map(_as_written, na_action="ignore").astype(object)
    if not is_text(series):
        # Times as they are; numbers without a format as nanoseconds since 1970.
        return _without_zone(pd.to_datetime(series, errors="coerce"))
    if not formats:
        options = {"format": "ISO8601"} if version(pd) >= (2, 0) else {}
        return _without_zone(pd.to_datetime(series, errors="coerce", utc=True, **options))
    answer = None
    for form in formats:
        found = _without_zone(pd.to_datetime(series, errors="coerce", format=form, utc=True))
        answer = found if answer is None else answer.where(answer.notna(), found)
    return answer


def _as_written(value: Any) -> str:
    """``20200131``, also where a null among whole numbers has made fractions of them."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _without_zone(times: Any) -> Any:
    return times.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(times.dt, "tz", None) is not None else times


def _in_nanoseconds(pd: Any, times: Any, wishes: Wishes) -> Any:
    """The SDK's resolution, the same with every pandas; it reaches from 1677 to 2262."""
    if str(times.dtype) == "datetime64[ns]":
        return times
    outside = (times < pd.Timestamp("1677-09-22")) | (times > pd.Timestamp("2262-04-11"))
    if outside.any():
        if wishes.out_of_range_datetime == "fail":
            raise DatasetExecutionError(
                f"Column {times.name!r} holds {times[outside].iloc[0]}, outside the years 1677 to 2262. "
                "out_of_range_datetime='null' gives null there."
            )
        times = times.mask(outside)
    return times.astype("datetime64[ns]")


def _refuse(wrong: Any, kind: Mapping[str, Any], wishes: Wishes) -> None:
    if wishes.on_error == "fail" and len(wrong):
        raise DatasetExecutionError(
            f"Column {wrong.name!r}: {wrong.iloc[0]!r} is no {kind['type']} (row {wrong.index[0]}, "
            f"and {len(wrong) - 1} more). on_error='null' gives null there."
        )


_MAKERS = {"string": _string, "long": _long, "float": _float, "bool": _bool, "datetime": _datetime}
