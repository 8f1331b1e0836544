"""Work directories: made, locked while they are used, removed, and those of killed processes found again."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlsteps.storage.mounting.points import detach_below, detach_dead

#: The lock in each work directory. The kernel frees it when the last process that has it open is gone.
LOCK = ".lock"
#: A directory younger than this may be one that is just being made.
_YOUNG = 600.0


class WorkDirectory:
    """A work directory that is there and locked.

    ``lock`` is the lock's descriptor, for the runner to hold too; ``is_left`` says that the runner removes it.
    """

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.is_left = False


@contextmanager
def work_directory(path: str) -> Iterator[WorkDirectory]:
    """Make a work directory and hold its lock. It is removed at the end, unless ``MLSTEPS_KEEP_WORK=1``."""
    os.makedirs(path, exist_ok=True)
    descriptor = os.open(os.path.join(path, LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    held = WorkDirectory(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield held
    finally:
        if not held.is_left:
            remove(path)
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove a work directory; hold its lock meanwhile. With ``MLSTEPS_KEEP_WORK=1`` only its lock goes."""
    if _keeps():
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(path, LOCK))  # without it, nobody ever sweeps the directory away
    else:
        detach_below(path)  # of a runner that was killed: what is mounted must not be taken for ours to remove
        shutil.rmtree(path, ignore_errors=True)


def share_lock(path: str) -> int:
    """Hold the lock of somebody's work directory, too; the descriptor."""
    descriptor = os.open(os.path.join(path, LOCK), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def sweep(parent: str) -> None:
    """Remove work directories whose processes were all killed, and end what still runs in them."""
    detach_dead()
    try:
        names = os.listdir(parent)
    except FileNotFoundError:
        return
    for name in names:
        folder = os.path.join(parent, name)
        if _abandoned(os.path.join(folder, LOCK)):
            end_processes_of(folder)
            detach_below(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _abandoned(lock: str) -> bool:
    try:
        if time.time() - os.stat(lock).st_mtime < _YOUNG:
            return False
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _keeps() -> bool:
    return os.environ.get("MLSTEPS_KEEP_WORK", "") not in ("", "0")


def end_processes_of(folder: str) -> None:
    """Kill every process that was started for the step of this work directory, by the variable they all inherit.

    The runner does this for its own while it lives; this is for a runner that was killed.
    """
    mark = f"MLSTEPS_RUN={os.path.join(os.path.abspath(folder), 'run.json')}".encode()
    for _ in range(50):
        found = [process for process in _process_ids() if mark in _variables(process)]
        if not found:
            return
        for process in found:
            try:
                os.kill(process, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass  # gone meanwhile
        time.sleep(0.01)


def _process_ids() -> list[int]:
    if not os.path.isdir("/proc/self"):
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _variables(process: int) -> list[bytes]:
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []  # gone, or another user's
