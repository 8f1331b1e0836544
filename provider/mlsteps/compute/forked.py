"""A runner that is a fork of the task's process: it has what both import loaded already, and starts in milliseconds.

Only where a fork is safe: on Linux, from the main thread of a process that has no other thread, so that no lock can be
held by a thread that the child does not have. Elsewhere the runner is started as a program of its own.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
from typing import Any, NoReturn

from mlsteps.compute import scratch

_LAST_STANDARD = 2  # descriptors above are neither standard input, output nor error
#: Runners that were left to end by themselves; their exit codes are collected when the next one is made.
_left: list[ForkedRunner] = []


class ForkedRunner:
    """The process, with what is used of ``subprocess.Popen``. It waits for :meth:`tell`, and ends when it is not told.

    :param stdin: write end of its standard input; :param stdout: read end of its output.
    """

    def __init__(self, pid: int, stdin: int, stdout: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "wb", buffering=0)
        self.stdout = os.fdopen(stdout, "rb", buffering=0)
        self.returncode: int | None = None

    def tell(self, spec_path: str, result_path: str) -> None:
        """Have it run a spec; its credentials follow on the same way."""
        try:
            self.stdin.write(json.dumps([spec_path, result_path]).encode() + b"\n")
        except (BrokenPipeError, ValueError):
            pass  # it is gone, or stop() has closed the pipe: there will be no result, which says so

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # collected by the very call that a signal handler interrupted
                return 0 if self.returncode is None else self.returncode
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def leave(self) -> None:
        """Let go of it, once its result was taken away: it removes its work directory and ends."""
        self.stdin.close()
        self.stdout.close()
        _left.append(self)

    def kill(self) -> None:
        """SIGKILL."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def fork_runner() -> ForkedRunner | None:
    """Fork a runner that waits to be told its spec; None where that is not safe."""
    if not is_safe():
        return None
    from mlsteps.runner import __main__ as runner  # noqa: F401  # loaded before the fork, it is shared

    _left[:] = [earlier for earlier in _left if earlier.poll() is None]
    reads, stdin = os.pipe()
    stdout, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_runner(reads, writes)
    os.close(reads)
    os.close(writes)
    return ForkedRunner(pid, stdin, stdout)


def is_safe() -> bool:
    """Whether this process may be forked to go on without ``exec``; ``MLSTEPS_FORK_RUNNER=0`` says no."""
    if os.environ.get("MLSTEPS_FORK_RUNNER") == "0":
        return False
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1  # native threads count as well
    except OSError:
        return False


def _be_runner(stdin: int, stdout: int) -> NoReturn:
    """In the child: become what a freshly started runner is, run, end. It must not return into the task's code."""
    code = 1
    try:
        kept = _cut_loose(stdin, stdout)  # noqa: F841  # alive as long as this frame
        line = _first_line()
        if line:
            from mlsteps.runner.__main__ import main

            spec_path, result_path = json.loads(line)
            folder = os.path.dirname(spec_path)
            os.chdir(folder)
            scratch.share_lock(folder)
            code = main([spec_path, result_path], answered=_close_output)
            while os.read(0, 4096):  # until whoever waits has the result
                pass
            if not os.path.exists(result_path):  # it was taken, and the rest is left to us
                scratch.remove(folder)
    except BaseException:  # whatever it is: the task's own handlers lie below this frame and must not see it
        import traceback

        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(code)


def _cut_loose(stdin: int, stdout: int) -> list[Any]:
    """Give up what belongs to the task: session, signal handlers, descriptors, log handlers, credentials.

    :returns: objects that would close a standard descriptor of ours if they were dropped.
    """
    from mlsteps.registry import credentials

    os.setsid()  # Ctrl-C in a terminal is for whoever waits for us; we hear of it from there
    gc.freeze()  # what the task has made is not gone through, so that its memory stays shared
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.dup2(stdout, 2)
    _give_up_descriptors()
    kept = [sys.stdin, sys.stdout, sys.stderr, logging.root.handlers[:]]
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, errors="backslashreplace", closefd=False)
    logging.root.handlers.clear()  # the last resort remains: warnings on standard error
    credentials.forget_all()
    _call_it("mlsteps runner")
    return kept


def _close_output() -> None:
    """What reads our output learns by its end that the result is there; what is left to do says nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _give_up_descriptors() -> None:
    """Let go of the task's files and sockets, and keep their numbers taken: objects of the task still hold them, and
    one that is dropped closes its number, which must not be that of a file of ours."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > _LAST_STANDARD and descriptor != nowhere:
            os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)


def _call_it(title: str) -> None:
    """What ``ps`` shows, when Airflow's own title for the task can be changed."""
    module = sys.modules.get("setproctitle")
    if module is not None:
        module.setproctitle(title)


def _first_line() -> bytes:
    """Byte by byte, as what follows is for somebody else; empty when the task has ended or wants nothing."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return b""
        line += piece
    return line
