"""Files to where a keeper is (a pod, another machine), and back, by what is asked of it (:mod:`.talk`)."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping

from mlsteps.compute import inside, keeper
from mlsteps.compute.asked import size_of
from mlsteps.compute.carried import LIST, Carried
from mlsteps.compute.talk import Talk
from mlsteps.compute.tar import ROOT, add_bytes, packed
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.errors import UserErrorException


def carried_of(spec: StepSpec, limit: str) -> Carried | None:
    """What has to be carried to where no file of this machine is seen; None when all stores are elsewhere.

    :raises UserErrorException: when it is more than the compute target allows.
    """
    carried = Carried(spec)
    if not carried.roots:
        return None
    size = carried.size()
    if size > size_of(limit):
        raise UserErrorException(
            f"Step {spec.step_name!r} would carry {size / 1e6:.0f} MB from {', '.join(carried.roots)} to where "
            f"it runs, and its compute target allows {limit}. Keep the data in a datastore that is reached from there "
            "(Blob, S3, ...), or set the option carry of the compute target."
        )
    return carried


class Files:
    """The files of one step, at the same paths there.

    :param carried: None when the step reaches all stores by itself.
    :param packages: folders of this machine to bring along, by where they are inside.
    """

    def __init__(self, spec: StepSpec, carried: Carried | None, packages: Mapping[str, str] | None = None) -> None:
        self._spec = spec
        self._carried = carried
        self._packages = packages or {}

    @classmethod
    def of_left_behind(cls, talk: Talk, spec: StepSpec) -> Files:
        """Those of a step that another process began."""
        known = talk.ask("look", [LIST])["files"][LIST]
        return cls(spec, None if known is None else Carried(spec, known))

    def put_in(self, talk: Talk) -> None:
        """Everything that has to be there before the runner starts."""
        spec = inside.moved_in(self._spec)

        def write(archive: tarfile.TarFile) -> None:
            inside.skeleton(archive, spec, ROOT)
            command = json.dumps(inside.command(spec.interpreter, self._packages))
            add_bytes(archive, keeper.COMMAND, ROOT, command.encode("utf-8", "surrogatepass"))
            for target, root in self._packages.items():
                inside.add_folder(archive, root, target)
            if self._carried is not None:
                self._carried.pack(archive, ROOT)

        talk.ask("put", pieces=packed(write))

    @property
    def is_told_of_late(self) -> bool:
        """Whether what the step says of its run stays there until it is fetched."""
        return self._carried is not None and self._carried.events_folder() is not None

    def refresh(self, talk: Talk) -> None:
        """What the step has said of its run so far can be read here, too."""
        folder = self._carried.events_folder() if self._carried is not None else None
        if folder is not None:
            self._fetch(talk, [folder], None)

    def bring_back(self, talk: Talk, result: StepResult | None) -> None:
        """All that the step has made, once it has ended; the folders of its outputs only with a good result."""
        if self._carried is not None:
            there: Mapping[str, list[int]] = talk.ask("changed", self._carried.roots)
            self._fetch(talk, self._carried.changed(there), result)

    def _fetch(self, talk: Talk, paths: list[str], result: StepResult | None) -> None:
        assert self._carried is not None
        talk.question("get", paths)
        for path in paths:
            archive = talk.message()
            self._carried.bring_back(path, archive, result)
            for _ in archive:  # what follows the last of its files
                pass
