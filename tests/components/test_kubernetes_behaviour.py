"""The behaviour suite in pods, with the files of local stores carried to them and back."""

from __future__ import annotations

import pytest

from tests.components.kubernetes_place import KubernetesPlace
from tests.compute.behaviour import Behaviour
from tests.runner.conftest import steps

__all__ = ["steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


class TestPods(Behaviour):
    @pytest.fixture
    def place(self, steps):
        made = KubernetesPlace(steps)
        yield made
        made.close()
