"""Types of text columns, from their first values. Pure.

The rules: whole numbers are ``long``, other numbers ``float``, ``true`` and ``false`` ``bool``; dates and times in ISO
8601, year/month/day, or month/day/year and day/month/year where the values leave no doubt which, ``datetime``; anything
else is ``string``. A date that could be read in two ways stays text: a silently swapped month is worse than text.
"""

from __future__ import annotations

import re
from typing import Any, Iterable

#: Rows looked at, as in the SDK.
SAMPLE_ROWS = 200
#: What stands for "no value" in a column of numbers. In text only an empty field does.
NO_NUMBER = ("", "nan", "NaN", "NAN", "-nan", "NA", "N/A", "n/a", "null", "NULL", "Null", "None", "none")

_LONG = re.compile(r"[+-]?\d{1,18}")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?[iI]nf(inity)?")
_BOOL = re.compile(r"true|false", re.IGNORECASE)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}:?\d{2}))?)?")
_YEAR_FIRST = re.compile(r"\d{4}/(?P<month>\d{1,2})/(?P<day>\d{1,2})(?P<time> .*)?")
_YEAR_LAST = re.compile(r"(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)\d{4}(?P<time> .*)?")
_CLOCKS = (
    (re.compile(r" \d{1,2}:\d{2}"), " %H:%M"),
    (re.compile(r" \d{1,2}:\d{2}:\d{2}"), " %H:%M:%S"),
    (re.compile(r" \d{1,2}:\d{2}:\d{2}\.\d{1,6}"), " %H:%M:%S.%f"),
    (re.compile(r" \d{1,2}:\d{2} [AP]M", re.IGNORECASE), " %I:%M %p"),
    (re.compile(r" \d{1,2}:\d{2}:\d{2} [AP]M", re.IGNORECASE), " %I:%M:%S %p"),
)


def infer(values: Iterable[str]) -> dict[str, Any]:
    """The type of a column, described as ``DataType`` does.

    :param values: the texts of its first fields.
    """
    texts = [value.strip() for value in values if value != ""]
    if not texts:
        return {"type": "string"}
    numbers = [text for text in texts if text not in NO_NUMBER]
    if not numbers:
        # Nothing but "NA" and "null": numbers only where that is how numbers themselves are written.
        return {"type": "float" if all(text.lower() in ("nan", "-nan") for text in texts) else "string"}
    for kind, pattern in (("long", _LONG), ("float", _FLOAT)):
        if all(pattern.fullmatch(text) for text in numbers):
            return {"type": kind}
    if all(_BOOL.fullmatch(text) for text in texts):
        return {"type": "bool"}
    form = time_format(texts)
    return {"type": "string"} if form is None else {"type": "datetime", "formats": [] if form == "" else [form]}


def time_format(texts: list[str]) -> str | None:
    """The ``strptime`` format of all texts; ``""`` for ISO 8601; None when there is none, or more than one."""
    if all(_ISO.fullmatch(text) for text in texts):
        return ""
    found = [_YEAR_FIRST.fullmatch(text) for text in texts]
    if all(found):
        day = "%Y/%m/%d"
    else:
        found = [_YEAR_LAST.fullmatch(text) for text in texts]
        day = _month_and_day(found) if all(found) else ""
    clock = _clock([match.group("time") for match in found if match]) if day else None
    return None if clock is None else day + clock


def _month_and_day(found: list[Any]) -> str:
    marks = {match.group("mark") for match in found}
    first = max(int(match.group("first")) for match in found)
    second = max(int(match.group("second")) for match in found)
    if len(marks) > 1 or max(first, second) > 31 or (first > 12) == (second > 12):
        return ""
    parts = ("%d", "%m", "%Y") if first > 12 else ("%m", "%d", "%Y")
    mark: str = marks.pop()
    return mark.join(parts)


def _clock(times: list[str | None]) -> str | None:
    if not any(times):
        return ""
    for pattern, form in _CLOCKS:
        if all(time and pattern.fullmatch(time) for time in times):
            return form
    return None
