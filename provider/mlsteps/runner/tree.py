"""All processes of a step: the script, its children, and those that left its process group or lost their parent.

On Linux the runner becomes the parent of every orphan below it (``PR_SET_CHILD_SUBREAPER``), so that no process of the
step can hide; and the script dies with the runner (``PR_SET_PDEATHSIG``), however that ends. Elsewhere the script's
process group is all that is reached.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Callable, Iterator, Set

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

#: Children that are the runner's own and no part of the step.
_kept: Set[int] = set()


def keep(process: int) -> None:
    """Take a child for the runner's own: it ends by itself when the runner does, and is not ended with the script."""
    _kept.add(process)


def become_subreaper() -> None:
    """Have orphans below this process handed to it."""
    prctl = _prctl()
    if prctl is not None:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)


def dying_with_parent() -> Callable[[], None] | None:
    """What a child calls between fork and exec so that it is killed when this process ends.

    The signal comes when the *thread* that forked ends, so fork in the main thread.
    """
    prctl = _prctl()
    if prctl is None:
        return None
    parent = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:  # the parent went before the call above could take effect
            os._exit(1)

    return in_child


def _prctl() -> Callable[[int, int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    function = ctypes.CDLL(None, use_errno=True).prctl
    function.argtypes = [ctypes.c_int, ctypes.c_ulong]
    return lambda option, value: int(function(option, value))


def descendants() -> list[int]:
    """Ids of the live processes below this one; zombies do not count. Empty where there is no ``/proc``."""
    children: dict[int, list[int]] = {}
    for process, parent, state in _processes():
        if state != "Z" and process not in _kept:
            children.setdefault(parent, []).append(process)
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.extend(below)
        waiting.extend(below)
    return found


def _processes() -> Iterator[tuple[int, int, str]]:
    """``(pid, parent's pid, state)`` of every process."""
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    rest = file.read().rpartition(b")")[2].split()  # the name before may hold blanks and brackets
            except OSError:
                continue
            yield int(name), int(rest[1]), rest[0].decode()


def terminate(group: int, grace: float, wait: Callable[[float], None] = time.sleep) -> None:
    """End the script's group and everything below this process: SIGTERM, then SIGKILL after ``grace`` seconds.

    :param wait: called with the seconds to pass between two looks; may do something useful meanwhile.
    """
    if grace > 0:
        _signal_all(group, signal.SIGTERM)
        if _gone_within(group, grace, wait):
            return
    # A process may fork while the list is made, so this goes on until the list is empty.
    end = time.monotonic() + 10
    while time.monotonic() < end:
        _signal_all(group, signal.SIGKILL)
        if _gone_within(group, 0.05, wait):
            return


def _signal_all(group: int, number: signal.Signals) -> None:
    for process in descendants():
        try:
            os.kill(process, number)
        except (ProcessLookupError, PermissionError):
            pass  # gone meanwhile, or started by a program with other rights, which only its owner may end
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # the group is empty already


def _gone_within(group: int, seconds: float, wait: Callable[[float], None]) -> bool:
    end = time.monotonic() + seconds
    pause = 0.002
    while True:
        if not descendants() and not _group_alive(group):
            return True
        if time.monotonic() >= end:
            return False
        wait(pause)
        pause = min(pause * 2, 0.05)


def _group_alive(group: int) -> bool:
    """Without ``/proc`` the group tells; with it the list above has said all, and zombies would deceive."""
    if os.path.isdir("/proc/self"):
        return False
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def reap_orphans() -> bool:
    """Collect the exit codes of orphans that have ended; call it once the script's own has been collected.

    :returns: whether processes are left below this one. (Elsewhere than on Linux orphans go to another parent.)
    """
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return bool(descendants()) if _kept else True
