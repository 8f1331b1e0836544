"""``partition_format``: columns out of a file's path. Pure.

``{region}`` stands for a text between slashes, ``{time:yyyy/MM/dd}`` for a point in time; ``*`` stands for anything
within a name. The format describes the end of the path, from its first column to the file's name (SDK: from_files).
"""

from __future__ import annotations

import datetime
import re
from typing import Any, Iterable, Mapping, NamedTuple, Pattern, Sequence

from mlsteps.errors import InvalidInput

_PART = re.compile(r"\{(?P<name>[^{}:]+)(?::(?P<time>[^{}]+))?\}|(?P<glob>\*+)|(?P<text>[^{}*]+)|(?P<stray>[{}])")
_TIME = re.compile(r"yyyy|yy|MM|dd|HH|mm|ss|(?P<text>.)")
_FIELDS = {"yyyy": "year", "yy": "year", "MM": "month", "dd": "day", "HH": "hour", "mm": "minute", "ss": "second"}


class PartitionFormat(NamedTuple):
    """A format ready to be matched.

    :param keys: column names in the order of the format.
    :param times: of these the points in time, each with the names of its fields in the pattern.
    """

    pattern: Pattern[str]
    keys: tuple[str, ...]
    groups: Mapping[str, str]
    times: Mapping[str, Sequence[tuple[str, str]]]

    def values(self, path: str) -> dict[str, Any]:
        """The columns of a path; all None when it does not fit the format."""
        found = self.pattern.search("/" + path.lstrip("/"))
        if found is None:
            return dict.fromkeys(self.keys)
        values: dict[str, Any] = {}
        for key in self.keys:
            values[key] = self._time(key, found) if key in self.times else found.group(self.groups[key])
        return values

    def _time(self, key: str, found: Any) -> datetime.datetime | None:
        fields: dict[str, Any] = {"year": 1900, "month": 1, "day": 1}
        for group, field in self.times[key]:
            number = int(found.group(group))
            fields[field] = number + 2000 if field == "year" and number < 100 else number
        try:
            return datetime.datetime(**fields)
        except ValueError:
            return None


def partition_keys(partition_format: str | None) -> list[str]:
    """The column names of a format; none without one."""
    return [] if partition_format is None else list(compiled(partition_format).keys)


def compiled(partition_format: Any) -> PartitionFormat:
    """Read a format.

    :raises InvalidInput: for a text without columns, a stray brace, or a column named twice.
    """
    if not isinstance(partition_format, str) or "{" not in partition_format:
        raise InvalidInput(
            f"The partition_format is {partition_format!r}", expected="a text such as '{year:yyyy}/{region}/*.csv'"
        )
    pattern, groups, times = "", {}, {}  # type: ignore[var-annotated]
    for part in _PART.finditer(partition_format.replace("\\", "/")):
        name = part.group("name")
        if part.group("stray"):
            raise InvalidInput(f"The partition_format {partition_format!r} has a brace without its partner")
        if name is None:
            pattern += _plain(part)
        elif name in groups:
            raise InvalidInput(f"The partition_format {partition_format!r} names {name!r} twice")
        elif part.group("time"):
            groups[name] = ""
            text, times[name] = _time_pattern(part.group("time"), len(groups))
            pattern += text
        else:
            groups[name] = f"c{len(groups)}"
            pattern += f"(?P<{groups[name]}>[^/]+?)"
    start = "" if partition_format.startswith("/") else "/"
    return PartitionFormat(re.compile(f"{start}{pattern}$"), tuple(groups), groups, times)


def distinct_values(
    files: Iterable[Any], partition_format: str | None, keys: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The distinct combinations of values of the partition keys, in the order of the files.

    :param files: with a ``path`` each.
    :raises InvalidInput: without a format, or for keys that it does not hold.
    """
    if partition_format is None:
        raise InvalidInput("The dataset has no partition_format", expected="one made with partition_format=...")
    form = compiled(partition_format)
    wanted = list(form.keys if keys is None else keys)
    unknown = [key for key in wanted if key not in form.keys]
    if unknown:
        raise InvalidInput(f"There are no partition keys {unknown}", expected=f"some of {list(form.keys)}")
    seen: dict[Any, dict[str, Any]] = {}
    for item in files:
        values = form.values(item.path)
        chosen = {key: values[key] for key in wanted}
        seen.setdefault(tuple(chosen.values()), chosen)
    return list(seen.values())


def _plain(part: Any) -> str:
    if part.group("glob"):
        return ".*" if len(part.group("glob")) > 1 else "[^/]*"
    return re.escape(str(part.group("text")))


def _time_pattern(form: str, number: int) -> tuple[str, list[tuple[str, str]]]:
    pattern, fields = "", []
    for index, token in enumerate(_TIME.finditer(form)):
        if token.group("text") is not None:
            pattern += re.escape(token.group("text"))
            continue
        group = f"t{number}_{index}"
        pattern += rf"(?P<{group}>\d{{{len(token.group(0))}}})"
        fields.append((group, _FIELDS[token.group(0)]))
    if not fields:
        raise InvalidInput(f"{form!r} names no part of a date", expected="yyyy, MM, dd, HH, mm, ss")
    return pattern, fields
