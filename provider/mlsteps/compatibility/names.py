"""Which object of mlsteps a path of the SDK leads to, and back."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from mlsteps.compatibility.facts import load
from mlsteps.sdk.surface.modules import is_known
from mlsteps.sdk.surface.refused import REFUSED, Refusal, package_refusal
from mlsteps.sdk.surface.supported import SUPPORTED


def home(path: str) -> str | None:
    """``"mlsteps.sdk.workspace:Workspace"`` of ``azureml.core.Workspace``; None when mlsteps has no such name."""
    module, _, name = path.rpartition(".")
    found = SUPPORTED.get(module, {}).get(name)
    if found is None and path in load().aliases:  # such as azureml.core.Dataset.File
        return home(load().aliases[path])
    return found


def target(path: str) -> Any:
    """The object that a path leads to.

    :raises LookupError: when mlsteps has none.
    """
    place = home(path)
    if place is None:
        raise LookupError(path)
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def refusal(path: str) -> Refusal | None:
    """Why a name is refused by the tables of the import surface; None when it is not, or is unknown."""
    module, _, name = path.rpartition(".")
    if home(path) is not None:
        return None
    return REFUSED.get(module, {}).get(name) or package_refusal(module) or package_refusal(path)


def canonical(path: str) -> str:
    """The one path by which a name is known here, of the several that the SDK has for it."""
    place = home(path)
    if place is not None and place in _paths_of_homes():
        return _paths_of_homes()[place]
    return load().resolve(path)


def path_of(module: str, name: str) -> str | None:
    """The SDK's path of an object of mlsteps."""
    return _paths_of_homes().get(f"{module}:{name}")


def short(path: str) -> str:
    """``Workspace`` of ``azureml.core.workspace.Workspace``."""
    return path.rpartition(".")[2]


def is_module(path: str) -> bool:
    """Whether a path is a module of the SDK, as far as it can be imported here.

    Below packages that are refused whole only the spelling tells modules from classes.
    """
    parent, _, name = path.rpartition(".")
    if not is_known(path) or home(path) is not None or name in REFUSED.get(parent, {}):
        return False
    return package_refusal(parent) is None or name.lstrip("_")[:1].islower()


@cache
def _paths_of_homes() -> dict[str, str]:
    facts = load()
    found: dict[str, str] = {}
    for module, names in SUPPORTED.items():
        for name, place in names.items():
            path = f"{module}.{name}"
            known = found.get(place)
            if known is None or _rank(path, facts.classes) < _rank(known, facts.classes):
                found[place] = path
    return found


def _rank(path: str, classes: Any) -> tuple[bool, int]:
    return (path not in classes, len(path))
