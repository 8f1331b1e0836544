"""A step's own files as a folder of this machine, for an engine that sees it: no archives go in or out.

An engine packs and unpacks archives in processes that it starts for each; a folder that is mounted costs nothing. What
the step only reads is mounted read-only, as it is root's in a container that files are put into. The folder is the
worker's own, so this is for steps that run as the worker's user.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import time
from collections.abc import Iterable

from mlsteps.compute import inside
from mlsteps.compute.docker_engine import Engine, EngineError
from mlsteps.compute.places import Place
from mlsteps.contracts.spec import StepSpec
from mlsteps.storage.places import home

#: Seconds after which a folder is suspected to be one that nobody has come for.
_OLD = 2 * 86400.0
#: What the step writes.
_WRITTEN = (inside.HOME, f"{inside.ROOT}/work", os.path.dirname(inside.ANSWER))


class Room:
    """The folder of one container.

    :param name: the container's.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._parent = os.path.join(home(), "containers", _key(engine))
        self.path = os.path.join(self._parent, name)

    def furnish(self, spec: StepSpec, mounts: Iterable[Place]) -> list[Place]:
        """Make the folder; what is to be mounted of it.

        :param mounts: what else is. An engine that had to make the places for these would make them root's.
        """
        self._sweep()
        os.makedirs(self.path, mode=0o700)
        for path in (*_WRITTEN, *(mount.inside for mount in mounts if mount.inside)):
            os.makedirs(self._here(path), exist_ok=True)
        with open(self._here(inside.SPEC), "wb") as file:
            file.write(inside.written_spec(spec))
        return [Place(self.path, True, inside.ROOT), *(Place(self._here(path), False, path) for path in _WRITTEN)]

    def read(self, path: str) -> bytes | None:
        """A file by its path inside; None when there is none."""
        try:
            with open(self._here(path), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def clear(self) -> None:
        """Remove it with all that is in it; the container is gone. One that is not there is fine."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _here(self, path: str) -> str:
        return os.path.join(self.path, os.path.relpath(path, inside.ROOT))

    def _sweep(self) -> None:
        """Remove old folders whose containers are gone, which a worker that was killed at a bad moment has left."""
        os.makedirs(self._parent, exist_ok=True)
        for name in os.listdir(self._parent):
            room = Room(self._engine, name)
            try:
                is_old = time.time() - os.stat(room.path).st_mtime > _OLD
            except FileNotFoundError:
                continue  # somebody else removed it
            if is_old and not _exists(self._engine, name):
                room.clear()


def _key(engine: Engine) -> str:
    """Which engine it is, as seen from here: others may share this home, whose containers are not known here."""
    return hashlib.sha256(f"{socket.gethostname()} {engine.url}".encode()).hexdigest()[:12]


def _exists(engine: Engine, container: str) -> bool:
    try:
        with engine.told("does not say whether it has a container"):
            engine.client.inspect_container(container)
    except EngineError as error:
        if error.status == 404:
            return False
        raise
    return True
