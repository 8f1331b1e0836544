"""The runtime folder: what a step's interpreter needs of mlsteps, and nothing of what is installed beside it."""

from __future__ import annotations

import hashlib
import os

import mlsteps
from mlsteps.storage.places import home


def runtime_folder() -> str:
    """A folder with links to ``mlsteps`` and to the SDK's top-level packages; made when it is not there.

    It goes first on the script's ``PYTHONPATH``: ``from azureml.core import Run`` works in an environment that holds
    neither. Any number of processes may make it at once: links are made one by one, and one that exists is right, as
    its target is part of the folder's name.
    """
    links = _links()
    name = hashlib.sha256("\0".join(f"{key}={links[key]}" for key in sorted(links)).encode()).hexdigest()[:16]
    folder = os.path.join(home(), "cache", "runtime", name)
    os.makedirs(folder, exist_ok=True)
    for link, target in links.items():
        path = os.path.join(folder, link)
        if not os.path.islink(path):
            try:
                os.symlink(target, path)
            except FileExistsError:
                pass  # another process was quicker
    return folder


def _links() -> dict[str, str]:
    package = os.path.dirname(os.path.abspath(mlsteps.__file__))
    links = {"mlsteps": package}
    shim = os.path.join(package, "_azureml")
    for name in os.listdir(shim) if os.path.isdir(shim) else ():
        if os.path.isdir(os.path.join(shim, name)) and not name.startswith("_"):
            links[name] = os.path.join(shim, name)
    return links
