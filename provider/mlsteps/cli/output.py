"""How commands print: tables that fit the terminal, JSON, YAML, plain columns."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlsteps.cli.answers import answers, say

if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console

Row = Mapping[str, Any]
#: Columns that stay in one piece: people copy them.
_WHOLE = ("id", "run_id", "status", "version", "started", "created", "next", "seconds")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ")
#: Wide enough that nothing is cut where nobody looks: in a pipe.
_UNLIMITED = 10_000


def print_rows(rows: Sequence[Row], args: Namespace, columns: Sequence[str] = ()) -> None:
    """Print a list.

    :param args: with ``output``.
    :param columns: what a table shows, in this order; all keys of the first row when left out. JSON and YAML have all.
    """
    shown = list(columns or (rows[0] if rows else ()))
    if args.output in ("json", "yaml"):
        _document([dict(row) for row in rows], args.output)
    elif args.output == "plain":
        for row in rows:
            say("\t".join(cell(row.get(name)).replace("\t", " ").replace("\n", " ") for name in shown))
    elif rows:
        _table(rows, shown)


def print_one(row: Row, args: Namespace, *, parts: Mapping[str, Sequence[Row]] | None = None) -> None:
    """Print one thing: each key on a line.

    :param parts: lists that belong to it, such as a run's steps; tables below it, keys of its JSON.
    """
    parts = parts or {}
    if args.output in ("json", "yaml"):
        _document({**row, **{name: list(rows) for name, rows in parts.items()}}, args.output)
        return
    width = max((len(name) for name in row), default=0)
    for name, value in row.items():
        lines = cell(value).splitlines() or [""]
        say(f"{name:{width}}  {lines[0]}".rstrip())
        for line in lines[1:]:
            say(f"{'':{width}}  {line}")
    for name, rows in parts.items():
        if rows:
            say(f"\n{name}:")
            print_rows(rows, args)


def when(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC, to the second.

    :param seconds: since the epoch.
    """
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def size(count: int | float | None) -> str:
    """Bytes as a person reads them."""
    if count is None:
        return ""
    left = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if left < 1024:
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.1f} {unit}"
        left /= 1024
    return f"{left:.1f} TiB"


def cell(value: Any) -> str:
    """A value in a table; control characters, which a terminal would obey, are shown as such."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        text = ", ".join(f"{name}={cell(item)}" for name, item in value.items())
    elif isinstance(value, (list, tuple)):
        text = ", ".join(map(cell, value))
    else:
        text = str(value)
    return "".join(char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text)


def _document(data: Any, form: str) -> None:
    if form == "json":
        say(json.dumps(data, ensure_ascii=False, indent=1, default=str))
        return
    import yaml

    say(yaml.safe_dump(json.loads(json.dumps(data, default=str)), sort_keys=False, allow_unicode=True), end="")


def _table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        # What does not fit goes on in the next line: nothing is cut. Other columns give way first.
        table.add_column(name, overflow="fold", no_wrap=name in _WHOLE)
    for row in rows:
        table.add_row(*(Text(_TIME.sub(r"\1 \2Z", cell(row.get(name)))) for name in columns))
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    stream = answers()
    width = shutil.get_terminal_size().columns if stream.isatty() else _UNLIMITED
    return Console(file=stream, width=width, highlight=False)
