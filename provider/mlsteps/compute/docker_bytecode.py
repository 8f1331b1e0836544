"""Byte code of what the runner imports, for the Python of an image; made once by a container of it.

Python images come without the byte code of their own library, as does mlsteps for a Python that it was not installed
with: whatever a runner imports is compiled in each container, for a third of a second. Each image has its own, as one
image has no say in what is run in another. It is a gain of time and nothing else: where it cannot be made, the runner
compiles.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from functools import lru_cache

from mlsteps.compute import inside
from mlsteps.compute.docker_engine import Engine, EngineError
from mlsteps.compute.docker_image import PROBE, Image
from mlsteps.storage.places import home

#: Seconds without use after which it is removed.
_UNUSED = 30 * 86400.0


def bytecode(engine: Engine, image: Image, python: str, packages: Mapping[str, str]) -> str | None:
    """The folder to mount at ``inside.BYTECODE``, for an engine that sees this machine's files.

    :param python: of the image, its path absolute.
    :param packages: what :func:`inside.packages` says.
    """
    state = _state(packages[f"{inside.RUNTIME}/mlsteps"])
    key = hashlib.sha256(f"{image.id} {python} {state}".encode()).hexdigest()[:32]
    parent = os.path.join(home(), "cache", "bytecode")
    folder = os.path.join(parent, key)
    if not os.path.isdir(folder):
        os.makedirs(parent, exist_ok=True)
        _sweep(parent)
        _make(engine, image, python, packages, folder)
    if not os.path.isdir(folder):
        return None
    os.utime(folder)
    return folder


@lru_cache
def _state(source: str) -> str:
    """What the package is, by its files' sizes and times: it does not change while a process has it imported."""
    digest = hashlib.sha256(source.encode())
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(folder, name)
            found = os.stat(path)
            digest.update(f"{os.path.relpath(path, source)}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _make(engine: Engine, image: Image, python: str, packages: Mapping[str, str], target: str) -> None:
    """Of several processes that make it at once the first one's stays."""
    with tempfile.TemporaryDirectory(prefix="making-", dir=os.path.dirname(target)) as folder:
        made = os.path.join(folder, "made")
        os.mkdir(made)
        try:
            if _filled(engine, image, python, packages, made):
                os.rename(made, target)
        except (EngineError, OSError):
            pass  # what keeps an image from running, the step's own container says; or another was quicker


def _filled(engine: Engine, image: Image, python: str, packages: Mapping[str, str], folder: str) -> bool:
    from docker.types import Mount

    client = engine.client
    mounts = [Mount(place, source, type="bind", read_only=True) for place, source in packages.items()]
    mounts.append(Mount(inside.BYTECODE, folder, type="bind"))
    with engine.told("does not compile"):
        made = client.create_container(
            image.id,
            entrypoint=inside.compile_command(python),
            command=[],
            user=f"{os.getuid()}:{os.getgid()}",
            network_disabled=True,
            labels=PROBE,
            host_config=client.create_host_config(mounts=mounts),
        )["Id"]
        try:
            client.start(made)
            return bool(client.wait(made)["StatusCode"] == 0)
        finally:
            client.remove_container(made, force=True)


def _sweep(parent: str) -> None:
    """Remove what nobody has used for long, and what was never finished."""
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        try:
            if time.time() - os.stat(path).st_mtime > _UNUSED:
                shutil.rmtree(path, ignore_errors=True)
        except FileNotFoundError:
            continue
