"""Version numbers that are never given twice: a version is a document created if absent."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.storage.workspace_store import WorkspaceStore


def numbers(ws: WorkspaceStore, folder: str) -> list[int]:
    """The versions below ``folder``, rising; also those that are only claimed (a folder, no document yet)."""
    return sorted({int(item) for item in ws.names(folder) if item.isdigit()})


def allocate(ws: WorkspaceStore, folder: str, make: Callable[[int], Mapping[str, Any]], name: str = "{}.json") -> int:
    """Create the next version's document and answer its number; processes that race get different numbers.

    :param make: the document of a version number.
    :param name: the document's name below ``folder``.
    """
    number = (numbers(ws, folder) or [0])[-1] + 1
    while not ws.create_json(f"{folder}/{name.format(number)}", dict(make(number))):
        number += 1
    return number


def read(ws: WorkspaceStore, folder: str, version: Any) -> dict[str, Any] | None:
    """The document of a version, or None.

    :param version: a number, the same as text, or ``"latest"``.
    :raises InvalidInput: for anything else.
    """
    if version in ("latest", None):
        known = reversed(numbers(ws, folder))
    elif isinstance(version, int) or str(version).isdigit():
        known = iter([int(version)])
    else:
        raise InvalidInput(f"The version {version!r} does not fit", expected="a whole number or 'latest'")
    for number in known:
        found = ws.read_json(f"{folder}/{number}.json")
        if found is not None:
            return dict(found)
    return None
