"""The files of a model: where they come from and how they lie.

Below ``models/<name>/<version>/files`` a model registered from a file is that file, one registered from a folder that
folder, each under its own last name: so ``Model.download`` gives a file for the first and a folder for the second.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import PurePosixPath
from typing import Iterable, List, NamedTuple, Optional

from mlsteps.errors import InvalidInput, ModelPathNotFoundException
from mlsteps.storage.base import Store, safe_path


class Place(NamedTuple):
    """Where a model's files lie before they are registered: a store, a path in it, and its ``kind`` there."""

    store: Store
    path: str
    kind: str

    @property
    def name(self) -> str:
        """The last name of the path: that of the model's file or folder."""
        return PurePosixPath(self.path).name or "model"


def find(store: Store, path: str, where: str) -> Place:
    """The file or folder at ``path``.

    :param where: the place as a person knows it, for the message.
    :raises ModelPathNotFoundException: when there is none; names what lies nearby.
    """
    wanted = safe_path(path) if path not in ("", ".", "./") else ""
    kind = store.kind(wanted) if wanted else "directory"
    if kind is None:
        known = [entry.path for entry in store.list("")][:20]
        raise ModelPathNotFoundException(
            f"Could not locate the provided model_path {path} in {where}. There are: {', '.join(known) or 'no files'}."
        )
    return Place(store, wanted, kind)


def copy_in(place: Place, store: Store, target: str, child_paths: Optional[Iterable[str]] = None) -> List[str]:
    """Copy the files to ``target`` in ``store``; answers their paths below ``target``.

    :param child_paths: take only these files of a folder.
    :raises InvalidInput: when the folder holds none of them.
    """
    copied = []
    for path, relative in _files(place, child_paths):
        local = place.store.local_path(path)
        if local is not None:
            store.put_file(local, f"{target}/{relative}")
        else:
            _through_a_file(place.store, path, store, f"{target}/{relative}")
        copied.append(relative)
    return copied


def copy_out(store: Store, folder: str, files: Iterable[str], target: str, exist_ok: bool) -> None:
    """Copy a model's files from ``folder`` in ``store`` to a local folder.

    :raises InvalidInput: when one exists and ``exist_ok`` is off.
    """
    for name in files:
        local = os.path.join(target, *safe_path(name).split("/"))
        if os.path.exists(local) and not exist_ok:
            raise InvalidInput(f"{local} exists already", mend="give exist_ok=True to replace it")
        os.makedirs(os.path.dirname(local) or ".", exist_ok=True)
        store.get_file(f"{folder}/{name}", local)


def _files(place: Place, child_paths: Optional[Iterable[str]]) -> List[List[str]]:
    if place.kind == "file":
        return [[place.path, place.name]]
    below = f"{place.path}/" if place.path else ""
    paths = [entry.path for entry in place.store.list(place.path)]
    if child_paths is not None:
        wanted = {below + safe_path(child) for child in child_paths}
        paths = [path for path in paths if path in wanted or any(path.startswith(f"{item}/") for item in wanted)]
    if not paths:
        raise InvalidInput(f"The model's folder {place.path!r} holds no files", expected="at least one file")
    return [[path, f"{place.name}/{path[len(below) :]}"] for path in paths]


def _through_a_file(source: Store, path: str, store: Store, target: str) -> None:
    with tempfile.TemporaryDirectory(prefix="mlsteps-model-") as folder:
        local = os.path.join(folder, "file")
        source.get_file(path, local)
        store.put_file(local, target)
