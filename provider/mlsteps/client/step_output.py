"""What a step's script writes, read while it is being written."""

from __future__ import annotations

from mlsteps.storage.base import Store

#: Where the runner keeps a script's standard output and error among the run's files.
SCRIPT_LOG = "user_logs/std_log.txt"


class StepOutput:
    """Reads on from where it stopped.

    :param artifacts: the step run's files.
    """

    def __init__(self, artifacts: Store) -> None:
        self._artifacts = artifacts
        self._local = artifacts.local_path(SCRIPT_LOG)
        self._read = 0
        self._rest = b""

    def new_lines(self, is_over: bool) -> list[str]:
        """Whole lines that have come since the last call.

        :param is_over: nothing more will come: a last line without an end counts too.
        """
        *lines, self._rest = (self._rest + self._new()).split(b"\n")
        if is_over and self._rest:
            lines, self._rest = [*lines, self._rest], b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]

    def _new(self) -> bytes:
        data = self._from_elsewhere() if self._local is None else self._from_disk(self._local)
        self._read += len(data)
        return data

    def _from_elsewhere(self) -> bytes:
        """Of a log that is long only what is new: the file is looked at many times."""
        entry = self._artifacts.entry(SCRIPT_LOG)
        if entry is None or entry.size <= self._read:
            return b""
        with self._artifacts.open(SCRIPT_LOG, entry.size) as file:
            file.seek(self._read)
            return file.read()

    def _from_disk(self, path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                file.seek(self._read)
                return file.read()
        except FileNotFoundError:
            return b""
