"""Files into a container and out of it."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping

from mlsteps.compute import docker_left, inside
from mlsteps.compute.carried import LIST, Carried
from mlsteps.compute.docker_engine import Engine
from mlsteps.compute.docker_room import Room
from mlsteps.compute.tar import Owner, packed
from mlsteps.contracts.spec import StepResult, StepSpec


class Files:
    """The files of one step's container.

    :param carried: None when the container works on this machine's own files.
    :param packages: folders to bring along when it does not see them, by where they are inside.
    :param room: where they lie when they are no files of the container's own.
    """

    def __init__(
        self,
        engine: Engine,
        container: str,
        spec: StepSpec,
        carried: Carried | None,
        packages: Mapping[str, str] | None = None,
        room: Room | None = None,
    ) -> None:
        self._engine = engine
        self._container = container
        self._spec = spec
        self._carried = carried
        self._packages = packages or {}
        self._room = room

    @classmethod
    def of_left_behind(cls, engine: Engine, container: str, spec: StepSpec) -> Files:
        """Those of a container that another process made."""
        data = docker_left.read(engine, container, LIST)
        carried = None if data is None else Carried(spec, Carried.read_list(data))
        return cls(engine, container, spec, carried)

    def put_in(self, owner: Owner) -> None:
        """Everything that has to be there before it starts."""
        if self._room is not None:
            return  # where it is already

        def write(archive: tarfile.TarFile) -> None:
            inside.skeleton(archive, self._spec, owner)
            if self._carried is not None:
                for target, root in self._packages.items():
                    inside.add_folder(archive, root, target)
                self._carried.pack(archive, owner)

        with self._engine.told("cannot put files into a container"):
            self._engine.client.put_archive(self._container, "/", packed(write))

    def answer(self) -> bytes | None:
        """What the runner has left as its result; None for nothing."""
        if self._room is not None:
            return self._room.read(inside.ANSWER)
        return docker_left.read(self._engine, self._container, inside.ANSWER)

    def refresh(self) -> None:
        """What the step has said of its run so far can be read here, too."""
        folder = self._carried.events_folder() if self._carried is not None else None
        if folder is not None:
            self._fetch(folder, None)

    def bring_back(self, result: StepResult | None) -> None:
        """All that the step has made, once it has ended; the folders of its outputs only with a good result."""
        if self._carried is None:
            return
        with self._engine.told("does not say what a container has changed"):
            changes = self._engine.client.diff(self._container) or []
        for path in self._carried.changed(item["Path"] for item in changes if item["Kind"] == 1):
            self._fetch(path, result)

    def _fetch(self, path: str, result: StepResult | None) -> None:
        assert self._carried is not None
        with self._engine.told(f"does not give {path}"):
            pieces, _ = self._engine.client.get_archive(self._container, path, chunk_size=1 << 20)
            self._carried.bring_back(path, pieces, result)
