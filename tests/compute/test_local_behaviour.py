"""The behaviour suite on the worker itself."""

from __future__ import annotations

import os
import signal

import pytest

from tests.compute.behaviour import Behaviour
from tests.compute.place import Place, Started, of_processes


class LocalPlace(Place):
    def kill_runner(self, started: Started) -> None:
        os.kill(started.target._process.pid, signal.SIGKILL)

    def visible(self, started: Started) -> bytes:
        return b"".join(of_processes())


class TestLocal(Behaviour):
    @pytest.fixture
    def place(self, steps):
        return LocalPlace(steps, {"kind": "local"})
