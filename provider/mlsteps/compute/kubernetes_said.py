"""How much of a pod's output was handed on already, by the times that the cluster puts before its lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mlsteps.compute.keeper import MARK


class Said(NamedTuple):
    """Up to where: the time of the last line, and how many lines of that very time there were."""

    time: str = ""
    lines: int = 0


def after(pieces: Iterable[bytes], said: Said) -> Iterator[bytes]:
    """Output that comes with times, without these and what was handed on; a line that is not whole comes last."""
    rest, passed = b"", 0
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        kept = []
        for line in lines:
            time, _, text = line.partition(b" ")
            known = time.decode("ascii", "replace")
            passed += known == said.time
            if known > said.time or (known == said.time and passed > said.lines):
                kept.append(text + b"\n")
        if kept:
            yield b"".join(kept)
    if rest:
        yield rest.partition(b" ")[2]


def new_lines(data: bytes, said: Said) -> tuple[list[str], Said]:
    """The whole lines of an excerpt that come after what was handed on, and how far that is with them.

    What ends a step's output, and all after it, is left to the task: by that it knows the end.
    """
    found, passed = [], 0
    first = said
    for line in data.split(b"\n")[:-1]:
        stamp, _, text = line.partition(b" ")
        time = stamp.decode("ascii", "replace")
        passed += time == first.time
        if time < first.time or (time == first.time and passed <= first.lines):
            continue
        if MARK.strip(b"\n") in text:
            break
        found.append(text.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2])  # as on a terminal
        said = Said(time, said.lines + 1 if time == said.time else 1)
    return found, said
