"""The script's process: started, its output streamed and kept, ended when its time is up or nobody wants it."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import BinaryIO, Callable, Mapping, NamedTuple, Sequence

from mlsteps.runner import tree
from mlsteps.runner.bound import bound
from mlsteps.runner.cancel import Cancel
from mlsteps.runner.failure import StepFailure
from mlsteps.storage import files

#: How much of the end of the output an error shows.
TAIL_LINES = 30
_TAIL_BYTES = 16 << 10
_CHUNK = 1 << 16
#: How long processes that a script leaves behind may take to end by themselves, as worker pools do.
_LEFT_BEHIND = 1.0


class Outcome(NamedTuple):
    """How the script ended: its ``exit_code`` (negative for a signal), ``why`` (``exit``, ``canceled`` or
    ``timeout``), and the ``tail`` of its output."""

    exit_code: int
    why: str
    tail: str


class Script:
    """One run of one command.

    :param log: file that takes the output; :param forward: called with each piece of output, as it comes.
    :param limit: seconds the script may run, None for any.
    :param grace: seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: str,
        variables: Mapping[str, str],
        log: BinaryIO,
        forward: Callable[[bytes], None],
        limit: float | None,
        grace: float,
    ) -> None:
        self._command = list(command)
        self._folder = folder
        self._variables = dict(variables)
        self._log = log
        self._forward = forward
        self._limit = limit
        self._grace = grace
        self._tail = b""

    def run(self, cancel: Cancel) -> Outcome:
        """Run it to its end, in the main thread.

        :raises StepFailure: ``environment`` when the program cannot be started.
        """
        process = self._start()
        assert process.stdout is not None
        try:
            why = self._follow(process, process.stdout.fileno(), cancel)
        finally:
            if process.poll() is None:
                tree.terminate(process.pid, self._grace)
            process.wait()
            tree.reap_orphans()
            process.stdout.close()
        return Outcome(process.returncode, why, self._tail_text())

    def _start(self) -> subprocess.Popen[bytes]:
        command, before = bound(self._command, self._folder, self._variables)
        try:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
                preexec_fn=before,
            )
        except OSError as error:
            raise StepFailure(
                "environment",
                f"{self._command[0]} could not be started: {error.strerror}. Expected a program of the step's "
                "environment, or an absolute path.",
            ) from error

    def _follow(self, process: subprocess.Popen[bytes], output: int, cancel: Cancel) -> str:
        """Pass the output on until the script and all it started have ended; why they have."""
        end = None if self._limit is None else time.monotonic() + self._limit
        is_open = True
        pause = 0.001  # a script that has closed its output is looked at often at first: it is about to end
        while process.poll() is None:
            if cancel.requested:
                return self._stop(process, output, "canceled")
            if end is not None and time.monotonic() >= end:
                return self._stop(process, output, "timeout")
            if is_open:
                is_open = self._pass_on(output, cancel.fd, 0.25)
            else:
                select.select([cancel.fd], [], [], pause)
                pause = min(pause * 2, 0.25)
        self._finish(process, output)
        return "exit"

    def _stop(self, process: subprocess.Popen[bytes], output: int, why: str) -> str:
        # A script that says much in its last moments would otherwise wait for the pipe until it is killed.
        tree.terminate(process.pid, self._grace, lambda seconds: self._take_for(output, seconds))
        process.wait()
        self._drain(output, 0.2)
        return why

    def _take_for(self, output: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._pass_on(output, None, max(0.0, end - time.monotonic())):
            if time.monotonic() >= end:
                return
        time.sleep(max(0.0, end - time.monotonic()))

    def _finish(self, process: subprocess.Popen[bytes], output: int) -> None:
        """The script has ended: take what is left of its output, end what it left behind."""
        end = time.monotonic() + _LEFT_BEHIND
        while tree.reap_orphans():
            if time.monotonic() >= end:
                tree.terminate(process.pid, min(self._grace, 2.0))
                break
            self._drain(output, 0.02)
            time.sleep(0.005)
        self._drain(output, 0.2)

    def _drain(self, output: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._pass_on(output, None, 0):
            if not select.select([output], [], [], 0)[0]:
                return

    def _pass_on(self, output: int, wake: int | None, seconds: float) -> bool:
        """Wait for output, keep it and pass it on; False at its end."""
        ready, _, _ = select.select([output] if wake is None else [output, wake], [], [], seconds)
        if output not in ready:
            return True
        piece = os.read(output, _CHUNK)
        if piece:
            files.write_all(self._log, piece)
            self._tail = (self._tail + piece)[-_TAIL_BYTES:]
            self._forward(piece)
        return bool(piece)

    def _tail_text(self) -> str:
        lines = self._tail.decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])
