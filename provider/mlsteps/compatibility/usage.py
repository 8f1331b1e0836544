"""Which names of the SDK a program uses, where, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from mlsteps.compatibility import names, status
from mlsteps.compatibility.facts import load
from mlsteps.compatibility.notebooks import Piece
from mlsteps.compatibility.status import Status

How = Literal["import", "use"]
_FAILS = "the import fails: neither the SDK nor mlsteps has such a name"


class Place(NamedTuple):
    """Where a name stands; ``cell`` is None in a Python file."""

    line: int
    cell: int | None
    how: How


class Found(NamedTuple):
    """A name of the SDK with its state; None for a name that neither the SDK nor mlsteps has."""

    name: str
    status: Status | None
    places: list[Place]

    @property
    def short(self) -> str:
        """``Workspace.from_config`` of ``azureml.core.workspace.Workspace.from_config``."""
        return shortened(self.name)

    @property
    def is_used(self) -> bool:
        """Whether it is more than imported."""
        return any(place.how == "use" for place in self.places)

    @property
    def stops(self) -> bool:
        """Whether the program stops here: it uses something that is refused."""
        return self.status is not None and self.status.state == "refused" and self.is_used


class Uses:
    """Collects what an :class:`~mlsteps.compatibility.inference.Inference` meets."""

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}
        self.cell: int | None = None
        self.is_on = True

    def names(self) -> list[Found]:
        """What was met, in the order of first meeting."""
        return list(self._found.values())

    def imported(self, path: str, line: int) -> None:
        """A name in an import statement. One that is nowhere stops the program there and then."""
        state = status.of(path)
        how: How = "import"
        if state is None and not names.is_module(path):
            state, how = Status(path, "refused", _FAILS), "use"
        if not names.is_module(path) or (state is not None and state.state != "supported"):
            self._add(names.canonical(path), state, line, how)

    def named(self, path: str, line: int) -> None:
        """A class is made or subclassed, a function called, or a constant read."""
        self._add(names.canonical(path), status.of(path), line, "use")

    def member(self, path: str, member: str, line: int) -> str:
        """An attribute or method is used; answers the class that has it: the one given, or one below it.

        Of a class that is refused whole the class is what counts.
        """
        whole = status.of(path)
        if whole is not None and whole.state == "refused":
            self.named(path, line)
            return path
        owner = next((one for one in [path, *load().subclasses(path)] if _has(one, member)), path)
        self._add(f"{_home_of(owner, member)}.{member}", status.of_member(owner, member), line, "use")
        return owner

    def keywords(self, path: str, member: str | None, given: Iterable[str | None], line: int) -> None:
        """Keyword arguments of a call; those that are simply taken are not kept."""
        whole = status.of(path) if member is None else status.of_member(path, member)
        if whole is None or whole.state != "supported":
            return
        owner = names.canonical(path) if member is None else f"{_home_of(path, member)}.{member}"
        for keyword in filter(None, given):
            found = (status.of_parameter(one, member, keyword) for one in [path, *load().subclasses(path)])
            state = next(filter(None, found), None)
            if state is None or state.state != "supported":
                self._add(f"{owner}({keyword})", state, line, "use")

    def _add(self, name: str, state: Status | None, line: int, how: How) -> None:
        if not self.is_on or (state is None and name.rpartition(".")[2].startswith("__")):
            return
        found = self._found.setdefault(name, Found(name, state, []))
        place = Place(line, self.cell, how)
        if place not in found.places:
            found.places.append(place)


def shortened(name: str) -> str:
    """The class and what is used of it, without the module."""
    parts = name.split(".")
    first = next((number for number, part in enumerate(parts) if part.lstrip("_")[:1].isupper()), len(parts) - 1)
    return ".".join(parts[first:])


def uses(pieces: Iterable[Piece]) -> list[Found]:
    """The names that some pieces of one program use."""
    from mlsteps.compatibility.inference import Inference

    pieces = list(pieces)
    found = Uses()
    found.is_on = False
    first = Inference(found)
    for piece in pieces:
        first.run(piece.tree)
    found.is_on = True
    second = Inference(found, earlier=first)
    for piece in pieces:
        found.cell = piece.cell
        second.run(piece.tree)
    return found.names()


def _has(path: str, member: str) -> bool:
    """Whether a class has a member: of one that is refused whole, its facts say so."""
    whole = status.of(path)
    if whole is not None and whole.state == "refused":
        return member in load().members(path)
    return status.of_member(path, member) is not None


def _home_of(path: str, member: str) -> str:
    """The class in which the facts define a member: ``Run`` of ``PipelineRun.get_children``."""
    for facts in load().lineage(path):
        if any(name == member for name, _ in facts.members()):
            return names.canonical(facts.path)
    return names.canonical(path)
