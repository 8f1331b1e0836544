"""The folders of one attempt, all below its work directory."""

from __future__ import annotations

import os
import shutil

from mlsteps.errors import InvalidInput


class Folders:
    """``code`` (the script's working directory), ``inputs``, ``outputs``, ``links``; and the run file."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.code = os.path.join(self.root, "code")
        self.inputs = os.path.join(self.root, "inputs")
        self.outputs = os.path.join(self.root, "outputs")
        self.links = os.path.join(self.root, "links")
        self.run_file = os.path.join(self.root, "run.json")
        self.socket = os.path.join(self.root, "stores")
        self.log = os.path.join(self.root, "std_log.txt")

    def make(self) -> None:
        """Make them. ``outputs/`` and ``logs/`` of the script are made with the source (:mod:`.stage`)."""
        for folder in (self.code, self.inputs, self.outputs, self.links):
            os.makedirs(folder, exist_ok=True)

    def place(self, folder: str, name: str) -> str:
        """The place of an input or output in one of these folders.

        :raises InvalidInput: for a name that is no single name.
        """
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise InvalidInput(f"{name!r} is no name for an input or output", expected="letters, digits and '_'")
        return os.path.join(folder, name)

    def on_compute(self, path: str) -> str:
        """A ``path_on_compute``: absolute, or below the script's working directory.

        :raises InvalidInput: for a relative path that leaves the working directory.
        """
        expanded = os.path.expanduser(path)
        if os.path.isabs(expanded):
            return os.path.normpath(expanded)
        joined = os.path.normpath(os.path.join(self.code, expanded))
        if joined != self.code and not joined.startswith(self.code + os.sep):
            raise InvalidInput(
                f"path_on_compute {path!r} leaves the step's working directory",
                expected="an absolute path, or one below the working directory",
            )
        return joined

    def remove(self) -> None:
        """Remove them, and the work directory itself when nobody else keeps anything in it."""
        for folder in (self.code, self.inputs, self.outputs, self.links):
            shutil.rmtree(folder, ignore_errors=True)
        for path in (self.run_file, self.log, self.socket):
            if os.path.exists(path):
                os.unlink(path)
        if os.path.isdir(self.root) and not os.listdir(self.root):
            os.rmdir(self.root)
