"""A small launcher: the processes of one step on one machine, each with variables of its own.

``python launch.py JSON``, with ``{"command": [...], "ranks": [{"name":, "variables":, "serves":}]}``: a program of its
own, with the standard library alone, so that the runner supervises it as it does any script. Lines come out with the
name of the process that wrote them. The first process to fail ends the others and decides the exit code; servers are
ended when all others are through.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, Mapping

#: Seconds between SIGTERM and SIGKILL for processes that are no longer wanted.
_GRACE = 5.0
_PIECE = 1 << 16


class Process:
    """One of them, its output passed on line by line."""

    def __init__(self, command: List[str], rank: Mapping[str, Any]) -> None:
        self.name = str(rank["name"])
        self.serves = bool(rank.get("serves"))
        self._rest = b""
        self.handle = subprocess.Popen(
            command,
            env={**os.environ, **rank["variables"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        assert self.handle.stdout is not None
        self.output = self.handle.stdout.fileno()

    def take(self) -> bool:
        """Pass on what is there; False at the end of the output."""
        piece = os.read(self.output, _PIECE)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if not piece and self._rest:
            lines, self._rest = [self._rest], b""
        name = f"[{self.name}] ".encode()
        os.write(1, b"".join(name + line + b"\n" for line in lines))
        return bool(piece)


def main(argv: List[str]) -> int:
    """Run them; the exit code of the first that failed, else 0."""
    wanted = json.loads(argv[0])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    processes: List[Process] = []
    try:
        for rank in wanted["ranks"]:
            processes.append(Process(wanted["command"], rank))
        return _followed(processes)
    finally:
        _end([process for process in processes if process.handle.poll() is None])


def _followed(processes: List[Process]) -> int:
    selector = selectors.DefaultSelector()
    for process in processes:
        selector.register(process.output, selectors.EVENT_READ, process)
    while True:
        _take(selector, 0.05)
        failed = next((item for item in processes if item.handle.poll() not in (None, 0)), None)
        if failed is not None:
            _take_rest(selector)
            print(f"{failed.name} {_how(failed.handle.returncode)}; the others are ended.", flush=True)
            return _code(failed.handle.returncode)
        if all(item.handle.returncode == 0 for item in processes if not item.serves):
            _take_rest(selector)
            return 0


def _take(selector: selectors.BaseSelector, seconds: float) -> bool:
    """Whether there was something to take."""
    if not selector.get_map():
        time.sleep(seconds)
        return False
    ready = selector.select(seconds)
    for key, _ in ready:
        if not key.data.take():
            selector.unregister(key.fd)
    return bool(ready)


def _take_rest(selector: selectors.BaseSelector) -> None:
    while _take(selector, 0.0):
        pass


def _end(left: List[Process]) -> None:
    """SIGTERM, some time, SIGKILL."""
    for process in left:
        process.handle.terminate()
    end = time.monotonic() + _GRACE
    while time.monotonic() < end and any(process.handle.poll() is None for process in left):
        time.sleep(0.02)
    for process in left:
        if process.handle.poll() is None:
            process.handle.kill()
            process.handle.wait()


def _how(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"has failed with exit code {code}"


def _code(code: int) -> int:
    return 128 - code if code < 0 else code


def arguments(command: List[str], ranks: List[Dict[str, Any]]) -> List[str]:
    """How to start this program for a command and its ranks, with the interpreter that runs now."""
    return [sys.executable, "-I", os.path.abspath(__file__), json.dumps({"command": command, "ranks": ranks})]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
