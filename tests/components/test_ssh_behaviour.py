"""The behaviour suite on a machine that is reached by SSH, with the files of local stores carried there and back."""

from __future__ import annotations

import pytest

from tests.components.ssh_place import SshPlace, connected, server
from tests.compute.behaviour import Behaviour
from tests.runner.conftest import steps

__all__ = ["connected", "server", "steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


class TestSsh(Behaviour):
    @pytest.fixture
    def place(self, connected, steps):
        made = SshPlace(steps)
        yield made
        made.close()
