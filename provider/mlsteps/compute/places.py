"""The folders of this machine that a step works on: those of local stores. Remote stores are reached from anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mlsteps.contracts.spec import StepSpec


class Place(NamedTuple):
    """An absolute path, whether the step only reads there, and where it lies for the step when that is elsewhere."""

    path: str
    read_only: bool
    inside: str = ""


def local_root(url: str | None) -> str | None:
    """The folder of a local store's address; None for a store that is elsewhere."""
    if not url or ("://" in url and not url.startswith(("file://", "local://"))):
        return None
    return os.path.abspath(os.path.expanduser(url.partition("://")[2] if "://" in url else url))


def places(spec: StepSpec) -> list[Place]:
    """The workspace's root and the roots of the step's datastores, where they are folders; none below another.

    A datastore that the step only reads comes read-only.
    """
    written = _written(spec)
    found = [Place(root, False) for root in [local_root(spec.workspace.get("root"))] if root]
    for name, document in spec.datastores.items():
        root = local_root(document.get("url"))
        if root:
            found.append(Place(root, name not in written))
    return _outermost(found)


def _written(spec: StepSpec) -> set[str]:
    """Names of the datastores that the step may write to."""
    names = {item.datastore for item in spec.outputs}
    for item in spec.inputs:
        if item.writable and item.mode != "download":
            names |= datastores_of(item.definition)
    return names


def datastores_of(definition: Mapping[str, Any]) -> set[str]:
    """The datastores that a dataset definition names."""
    wanted = [*definition.get("paths", ()), definition.get("sql") or {}]
    return {place["datastore"] for place in wanted if place.get("datastore")}


def _outermost(found: Iterable[Place]) -> list[Place]:
    """Each folder once; one below another only when it may be written to and the other may not."""
    kept: list[Place] = []
    for place in sorted(set(found), key=lambda item: (item.path, item.read_only)):
        over = [item for item in kept if (place.path + os.sep).startswith(item.path + os.sep)]
        if not over or (over[-1].read_only and not place.read_only):
            kept.append(place)
    return kept
