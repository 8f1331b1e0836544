"""Containers as places for the behaviour suite, on the engine that ``DOCKER_HOST`` names."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlsteps.storage.places import home
from tests.components.conftest import variable
from tests.compute.place import Place, Started, of_processes
from tests.runner.support import Steps


def client() -> Any:
    """A client of the engine."""
    import docker

    return docker.APIClient(base_url=variable("DOCKER_HOST"), version="auto")


def base_image() -> str:
    """An image with a Python of today: ``MLSTEPS_TEST_IMAGE``, else one that the engine has, else a public one."""
    given = os.environ.get("MLSTEPS_TEST_IMAGE")
    return given or ("hostpython:3.11" if client().images("hostpython:3.11") else "python:3.11-slim")


@lru_cache
def _bytecode() -> str:
    folder = tempfile.mkdtemp(prefix="mlsteps-test-bytecode-")
    atexit.register(shutil.rmtree, folder)
    return folder


def share_bytecode() -> None:
    """One test's home after another's has the byte code that the first one made."""
    cache = Path(home(), "cache")
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / "bytecode").exists():
        (cache / "bytecode").symlink_to(_bytecode())


class DockerPlace(Place):
    """Steps in containers.

    :param options: of the placement, beside the label by which a test knows its own containers.
    """

    outlives_worker = True

    def __init__(self, steps: Steps, **options: Any) -> None:
        self.client = client()
        self.mark = uuid.uuid4().hex
        options = {"image": base_image(), "labels": {"test": self.mark}, **options}
        super().__init__(steps, {"kind": "docker", "options": options})
        share_bytecode()

    def containers(self) -> list[dict[str, Any]]:
        """This test's containers, whether they run or not."""
        found: list[dict[str, Any]] = self.client.containers(all=True, filters={"label": f"test={self.mark}"})
        return found

    def left(self) -> list[str]:
        rooms = Path(home(), "containers").glob("*/*")
        return [*super().left(), *(item["Names"][0] for item in self.containers()), *map(str, rooms)]

    def kill_runner(self, started: Started) -> None:
        self.client.kill(self.containers()[0]["Id"], "SIGKILL")

    def visible(self, started: Started) -> bytes:
        seen = [str(self.client.inspect_container(item["Id"])).encode() for item in self.containers()]
        return b"".join([*seen, *of_processes()])

    def close(self) -> None:
        """Remove what a test that failed has left."""
        for item in self.containers():
            self.client.remove_container(item["Id"], force=True)
        self.client.close()
