"""The behaviour suite in pods, with the files of local stores carried to them and back."""

from __future__ import annotations

import pytest

from tests.components.deferred_place import DeferredPlace
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


class TestDeferredPods(Behaviour):
    """The same where a trigger waits for the pod. Left out is what a task does that stays: follow its step's output."""

    test_a_script_may_clean_up_before_it_ends = None
    test_a_script_that_does_not_listen_is_killed = None
    test_an_error_of_whoever_listens_ends_the_step = None
    test_a_runner_that_is_killed_is_an_answer = None
    test_credentials_leave_no_trace = None
    test_lines_come_while_the_script_runs = None
    test_steps_run_side_by_side_and_leave_nothing = None
    test_stop_ends_it_all = None
    test_stop_from_a_signal_handler_that_interrupts_the_waiting = None
    test_the_worker_is_killed_while_the_script_runs = None

    @pytest.fixture
    def place(self, steps):
        made = DeferredPlace(steps)
        yield made
        made.close()
