"""The mounts of one attempt: how a mounted input reaches the script, and why."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, List, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.runner import tree
from mlsteps.runner.failure import StepFailure
from mlsteps.storage.mounting.mount import MODE, CannotMount, Mount, mount

#: ``auto``: by FUSE where that can be, else they are downloaded. ``fuse``: by FUSE, or the step fails. ``download``.
MODES = ("auto", "fuse", "download")


class Mounts:
    """Makes mounts and ends them, all at once, with :meth:`stop`.

    :param variables: the step's own environment variables; what they say counts before the worker's.
    :param note: writes a line to the task's log.
    """

    def __init__(self, variables: Mapping[str, str], note: Callable[[str], None]) -> None:
        self._mode = variables.get(MODE) or os.environ.get(MODE) or "auto"
        self._note = note
        self._made: List[Mount] = []
        self._lock = threading.Lock()

    def try_mount(self, found: List[Any], target: str, title: str) -> bool:
        """Mount files at a folder, which is there; False, with the reason in the log, when they must be downloaded.

        :param title: the input, for the log.
        :raises StepFailure: when the mode is ``fuse`` and there can be no mount.
        """
        if self._mode not in MODES:
            raise InvalidInput(f"{MODE} is {self._mode!r}", expected=" or ".join(map(repr, MODES)))
        reason = f"{MODE}=download"
        if self._mode != "download":
            try:
                self.mount(found, target)
                self._note(f"{title}: {len(found)} files mounted at {target}.")
                return True
            except CannotMount as error:
                reason = error.message
        if self._mode == "fuse":
            raise StepFailure("environment", f"{title} cannot be mounted, and {MODE}=fuse: {reason}.")
        self._note(f"{title}: downloaded instead of mounted: {reason.rstrip('.')}.")
        return False

    def for_script(self, found: List[Any], point: str) -> str | None:
        """Mount files where the script wants them (``FileDataset.mount()``); why not, when it cannot be."""
        if self._mode == "download":
            return f"{MODE}=download"
        try:
            self.mount(found, point)
        except CannotMount as error:
            if self._mode == "fuse":
                raise
            return error.message
        return None

    def mount(self, found: List[Any], target: str) -> Mount:
        """Mount files at a folder.

        :raises CannotMount: saying why not.
        """
        if os.listdir(target):
            raise CannotMount(f"{target} is not empty")
        made = mount(found, target, self._note)
        tree.keep(made.pid)
        with self._lock:
            self._made.append(made)
        return made

    def unmount(self, target: str) -> None:
        """End the mount at a folder, if there is one."""
        with self._lock:
            ended = [item for item in self._made if item.point == target]
            self._made = [item for item in self._made if item.point != target]
        for item in ended:
            item.stop()

    def check(self) -> None:
        """See that all mounts have lasted: a script can take a broken one for an empty folder.

        :raises StepFailure: ``infrastructure``, when one has not.
        """
        broken = [item.point for item in self._made if item.is_broken]
        if broken:
            raise StepFailure(
                "infrastructure",
                f"The process that served the mount {broken[0]} was killed while the script ran; what the script read "
                "of it may be incomplete. Try the step again.",
            )

    def stop(self) -> None:
        """End all mounts; also those whose processes were killed."""
        with self._lock:
            ended, self._made = self._made, []
        for item in ended:
            item.stop()
