"""The behaviour suite on the worker itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.compute.behaviour import Behaviour
from tests.compute.place import Place, Started


class LocalPlace(Place):
    def kill_runner(self, started: Started) -> None:
        os.kill(started.target._process.pid, signal.SIGKILL)

    def visible(self, started: Started) -> bytes:
        seen = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                for kind in ("cmdline", "environ"):
                    try:
                        seen.append((process / kind).read_bytes())
                    except OSError:
                        continue
        return b"".join(seen)


class TestLocal(Behaviour):
    @pytest.fixture
    def place(self, steps):
        return LocalPlace(steps, {"kind": "local"})
