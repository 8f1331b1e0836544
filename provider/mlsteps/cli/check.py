"""``mlsteps check``: which names of the SDK some files use, and which of them mlsteps has. Nothing is run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from mlsteps.cli.answers import say
from mlsteps.compatibility.notebooks import Piece, read
from mlsteps.compatibility.usage import Found, Place, uses
from mlsteps.errors import InvalidInput

#: In the order in which they are shown.
STATES = {"refused": "refused", "unknown": "not known", "ignored": "accepted, without effect", "supported": "supported"}


class Checked(NamedTuple):
    """What was found in one program: a file, or a script that a cell of a notebook writes."""

    title: str
    names: list[Found]


def check(paths: Sequence[str], as_json: bool = False) -> int:
    """Print what each file uses, with line numbers, and a summary.

    :param paths: Python files, notebooks, or folders of them.
    :param as_json: one JSON document in place of text.
    :returns: 2 when a file cannot be read, else 1 when something is used that mlsteps refuses, else 0.
    """
    programs: list[Checked] = []
    faults: list[str] = []
    for path in files(paths, faults):
        try:
            reading = read(path)
        except InvalidInput as error:
            faults.append(str(error))
            continue
        faults += reading.faults
        programs += _programs(path, reading.pieces)
    say(_as_json(programs, faults) if as_json else "\n".join(_as_text(programs)))
    for fault in faults:
        print(f"mlsteps check: {fault}", file=sys.stderr)
    return 2 if faults else int(any(found.stops for program in programs for found in program.names))


def files(paths: Iterable[str], faults: list[str]) -> Iterator[str]:
    """The files themselves, and those in folders; a folder without any is a fault."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        inside = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
        programs = sorted(name for name in inside if name.endswith((".py", ".ipynb")) and "/." not in name)
        if not programs:
            faults.append(f"{path} holds no Python file and no notebook.")
        yield from programs


def state_of(found: Found) -> str:
    """The key of :data:`STATES` for a name."""
    return "unknown" if found.status is None else found.status.state


def _programs(path: str, pieces: list[Piece]) -> Iterator[Checked]:
    """The notebook or file itself, then each script that it writes."""
    yield Checked(path, uses(piece for piece in pieces if piece.program is None))
    for piece in pieces:
        if piece.program is not None:
            yield Checked(f"{path}, cell {piece.cell}, which writes {piece.program}", uses([piece]))


def _as_text(programs: list[Checked]) -> Iterator[str]:
    for program in programs:
        yield program.title
        ordered = sorted(program.names, key=lambda found: list(STATES).index(state_of(found)))
        width = max((len(found.short) for found in ordered), default=0)
        for found in ordered:
            yield f"  {STATES[state_of(found)]:24}  {found.short:{width}}  {_places(found.places)}"
            why = _why(found)
            if why:
                yield f"  {'':24}    {why}"
        if not ordered:
            yield "  uses nothing of the SDK"
        yield ""
    yield _summary(programs)


def _places(places: list[Place]) -> str:
    """``line 3 (import), 7``, or ``cell 2 line 3, cell 4 line 1``."""
    words = []
    for place in places:
        where = str(place.line) if place.cell is None else f"cell {place.cell} line {place.line}"
        words.append(where + (" (import)" if place.how == "import" else ""))
    return ("" if places[0].cell is not None else "line ") + ", ".join(words)


def _why(found: Found) -> str:
    status = found.status
    if status is None:
        return "neither in the SDK's public interface nor in mlsteps, or its type was guessed wrongly"
    text = status.reason
    if status.alternative:
        text += f"; use {status.alternative}"
    if status.state == "refused" and not found.is_used:
        text += ". It is only imported here, which is fine"
    return text


def _summary(programs: list[Checked]) -> str:
    counts = _counts(programs)
    told = [f"{counts[state]} {words}" for state, words in STATES.items() if counts[state] or state != "unknown"]
    text = f"{counts['names']} names of the SDK: " + ", ".join(told) + "."
    if counts["imported"]:
        text += f" {counts['imported']} of the refused ones are only imported, which does no harm."
    return text


def _counts(programs: list[Checked]) -> dict[str, int]:
    """Each name once, however many files use it."""
    found = {found.name: found for program in programs for found in program.names}
    used = {found.name for program in programs for found in program.names if found.is_used}
    counts = {state: sum(state_of(one) == state for one in found.values()) for state in STATES}
    only = sum(state_of(one) == "refused" and one.name not in used for one in found.values())
    return {"names": len(found), **counts, "imported": only}


def _as_json(programs: list[Checked], faults: list[str]) -> str:
    shown = [{"file": item.title, "names": [_name_as_json(found) for found in item.names]} for item in programs]
    return json.dumps({"files": shown, "summary": _counts(programs), "faults": faults}, indent=1, ensure_ascii=False)


def _name_as_json(found: Found) -> dict[str, Any]:
    status = found.status
    return {
        "name": found.name,
        "state": state_of(found),
        "reason": "" if status is None else status.reason,
        "alternative": "" if status is None else status.alternative,
        "stops": found.stops,
        "places": [place._asdict() for place in found.places],
    }
