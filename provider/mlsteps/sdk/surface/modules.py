"""Makes ``azureml.*`` importable: modules whose names are loaded when first asked for (PEP 562).

``from azureml.core import Run`` in a step must load little more than ``Run``; so a module of the SDK's tree is only a
look-up in the tables of this package. Such modules have no files: a finder at the end of ``sys.meta_path`` makes them,
after every real module of that name.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any, Sequence

from mlsteps.errors import AzureMLException
from mlsteps.sdk.surface.refused import PACKAGES, REFUSED, package_refusal
from mlsteps.sdk.surface.supported import SDK_VERSION, SUPPORTED


def install() -> None:
    """Let the import system find the modules of the tables; a second call does nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def equip(module: Any) -> None:
    """Give a module its lazy names: ``__getattr__``, ``__dir__`` and ``__all__``."""
    path = module.__name__
    names = exported(path)
    module.__all__ = names
    module.__dir__ = lambda: sorted({*vars(module), *names})

    def look_up(name: str) -> Any:
        value = _attribute(path, name)
        setattr(module, name, value)
        return value

    module.__getattr__ = look_up


def exported(path: str) -> list[str]:
    """What ``from path import *`` gives: supported names and refused ones that are known by name."""
    names = {*SUPPORTED.get(path, {}), *REFUSED.get(path, {})}
    return sorted(name for name in names if not name.startswith("_"))


def is_known(path: str) -> bool:
    """Whether a module path is part of the surface."""
    return path in _PATHS or package_refusal(path) is not None


def _attribute(path: str, name: str) -> Any:
    home = SUPPORTED.get(path, {}).get(name)
    if home is not None:
        module, _, original = home.partition(":")
        return getattr(importlib.import_module(module), original)
    why = REFUSED.get(path, {}).get(name)
    below = f"{path}.{name}"
    if why is None and below in _PATHS:
        return importlib.import_module(below)
    if name == "__version__":
        return SDK_VERSION
    why = why or (None if name.startswith("__") else package_refusal(path))
    if why is None:
        raise AttributeError(f"module {path!r} has no attribute {name!r}")
    return _stand_in(below, why.reason, why.alternative)


def _stand_in(feature: str, reason: str, alternative: str) -> type:
    name = feature.rpartition(".")[2]
    if name.endswith(("Exception", "Error")):
        # Scripts name it in except clauses, where only an exception can stand.
        return type(name, (AzureMLException,), {"__module__": feature.rpartition(".")[0]})
    from mlsteps.sdk.unsupported import unsupported

    return unsupported(feature, reason, alternative)


def _paths() -> frozenset[str]:
    """Every path of the tables with the packages above it."""
    found: set[str] = set()
    for path in (*SUPPORTED, *REFUSED, *PACKAGES):
        parts = path.split(".")
        found.update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return frozenset(found)


_PATHS = _paths()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        # The two top packages have files of their own; without those on sys.path nothing below them is ours.
        if not fullname.startswith(("azureml.", "azureml_user.", "msrest")) or not is_known(fullname):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=_is_package(fullname))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = f"``{module.__name__}`` of the SDK; see ``mlsteps.sdk.surface``."
        equip(module)


def _is_package(path: str) -> bool:
    return package_refusal(path) is not None or any(other.startswith(path + ".") for other in _PATHS)
