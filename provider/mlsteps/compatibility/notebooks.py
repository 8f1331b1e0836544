"""The Python in a notebook or a file, as pieces that ``ast`` can read, with what IPython adds taken out."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mlsteps.errors import InvalidInput

_CELL_MAGIC = re.compile(r"\s*%%(\w+)[ \t]*(.*)")
_LINE_MAGIC = re.compile(r"^(\s*)(?:[%!?]|\w[\w.]*\?\??\s*$).*")
_ASSIGNED_MAGIC = re.compile(r"^(\s*[\w, .\[\]'\"]+=\s*)[%!].*")
#: Cell magics whose cell is Python that runs here.
_PYTHON = ("time", "timeit", "capture", "prun")


class Piece(NamedTuple):
    """Some Python: ``cell`` counts from 1 and is None in a file; ``program`` is the file a cell writes, if any."""

    tree: ast.Module
    cell: int | None = None
    program: str | None = None


class Reading(NamedTuple):
    """What could be read of a file, and what could not."""

    pieces: list[Piece]
    faults: list[str]


def read(path: str) -> Reading:
    """The pieces of a Python file or a notebook.

    :raises InvalidInput: when there is no such file, it is no text, or it is no notebook.
    """
    text = _text(path)
    sources = _cells(path, text) if path.endswith(".ipynb") else [(None, None, text)]
    found = Reading([], [])
    for cell, program, code in sources:
        place = path if cell is None else f"{path}, cell {cell}"
        try:
            tree = compile(code, place, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            found.faults.append(f"{place}{line}: this is no Python {_version()} can read: {_message(error)}")
        else:
            found.pieces.append(Piece(tree, cell, program))
    return found


def _text(path: str) -> str:
    if not os.path.isfile(path):
        raise InvalidInput(f"There is no file {path!r}", expected="a Python file or a notebook")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read ({error})", expected="a text in UTF-8") from error


def _cells(path: str, text: str) -> Iterator[tuple[int, str | None, str]]:
    try:
        cells: list[Any] = list(json.loads(text)["cells"])
        codes = [(number, cell["source"]) for number, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is no notebook of format 4 ({error!r})", expected="JSON with cells") from error
    for number, source in codes:
        program, code = _without_magics("".join(source))
        if code is not None:
            yield number, program, code


def _without_magics(code: str) -> tuple[str | None, str | None]:
    """(file that the cell writes, Python of the cell or None), lines keeping their numbers."""
    magic = _CELL_MAGIC.match(code)
    if magic is None:
        return None, _plain_lines(code)
    rest = "\n" * code[: magic.end()].count("\n") + code[magic.end() :]
    name, given = magic.group(1), magic.group(2).strip()
    if name == "writefile":
        file = given.split()[-1].strip("'\"") if given else ""
        return (file, rest) if file.endswith(".py") else (None, None)
    return None, _plain_lines(rest) if name in _PYTHON else None


def _plain_lines(code: str) -> str:
    return "\n".join(_plain_line(line) for line in code.split("\n"))


def _plain_line(line: str) -> str:
    assigned = _ASSIGNED_MAGIC.match(line)
    if assigned:
        return assigned.group(1) + "None"
    magic = _LINE_MAGIC.match(line)
    return f"{magic.group(1)}pass" if magic else line


def _version() -> str:
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _message(error: Exception) -> str:
    return (error.msg if isinstance(error, SyntaxError) else None) or str(error)
