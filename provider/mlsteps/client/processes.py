"""Forked parts of the embedded Airflow, and how none of them outlives its parent.

Forking from one process that has imported Airflow once starts each part about a second sooner than a new
interpreter would, and shares its memory. The supervisor has no threads, no database connection and no event loop, so
a fork copies nothing that could be in use.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Callable, Iterable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def tie_descendants_to_parents() -> None:
    """On Linux: a process forked from here on, at any depth, is killed when its parent dies, and what loses its parent
    all the same (a program started by a task) becomes a child of this process, which can wait for it.

    Without it a killed scheduler would leave its workers behind, blocked on a queue that nobody fills. Elsewhere the
    supervisor's own shutdown is all there is.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    parent = [os.getpid()]

    def before() -> None:
        parent[0] = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent[0]:  # it died before the line above
            os._exit(1)

    os.register_at_fork(before=before, after_in_child=in_child)


class Part:
    """One forked process."""

    def __init__(self, name: str, work: Callable[[], None], log: Path, close: Iterable[int] = ()) -> None:
        """Start it.

        :param work: what it does; the process ends when this returns, with exit code 1 when it raises.
        :param log: file that gets its output, appended.
        :param close: file descriptors of the parent that it must not hold open.
        """
        self.name = name
        self.log = log
        self.exit_code: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_run(work, log, close))

    def kill(self, sign: int = signal.SIGKILL) -> None:
        """Send a signal unless it is known to be dead."""
        if self.exit_code is None:
            try:
                os.kill(self.pid, sign)
            except ProcessLookupError:
                return

    def wait(self, seconds: float) -> None:
        """Wait for its end; kill it after so many seconds."""
        deadline = time.monotonic() + seconds
        while self.exit_code is None:
            for pid, code in reap():
                if pid == self.pid:
                    self.exit_code = code
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.01)


def _run(work: Callable[[], None], log: Path, close: Iterable[int]) -> int:
    try:
        signal.set_wakeup_fd(-1)
        for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(sign, signal.SIG_DFL)
        for descriptor in close:
            os.close(descriptor)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # the fork must end here whatever happens, never return into the parent's code
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def reap() -> list[tuple[int, int]]:
    """Every child that has ended since the last call: ``(pid, exit code)``, negative for a signal."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def end_all_children(grace: float) -> None:
    """Wait until this process has no children, on Linux also those that their parents have left to it.

    Each is asked to end; those that live longer than ``grace`` seconds are killed.
    """
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while _has_children():
        is_late = time.monotonic() > deadline
        for pid in children():
            if is_late or pid not in asked:
                os.kill(pid, signal.SIGKILL if is_late else signal.SIGTERM)
                asked.add(pid)
        time.sleep(0.02)


def _has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def children() -> list[int]:
    """Process ids of the children of this process (on Linux; elsewhere none are known)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(entry.parent.name))
    return found
