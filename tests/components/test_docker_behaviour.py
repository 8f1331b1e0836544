"""The behaviour suite in containers: on files that the engine sees, and on files that are carried to it and back."""

from __future__ import annotations

import os

import pytest

from tests.components.docker_place import DockerPlace
from tests.compute.behaviour import Behaviour
from tests.runner.conftest import steps
from tests.runner.support import reads, writes

__all__ = ["steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


class TestShared(Behaviour):
    @pytest.fixture
    def place(self, steps):
        made = DockerPlace(steps)
        yield made
        made.close()


class TestCarried(Behaviour):
    """As with an engine on another machine: it sees none of this one's files."""

    @pytest.fixture
    def place(self, steps):
        made = DockerPlace(steps, shared_files=False)
        yield made
        made.close()

    def test_the_engine_is_given_nothing_of_this_machine(self, place):
        started = place.start("import os, time; print('up', flush=True); time.sleep(300)")
        try:
            assert place.client.inspect_container(place.containers()[0]["Id"])["Mounts"] == []
        finally:
            started.target.stop()
            started.ended()


def test_another_user_gets_copies_and_files_stay_the_workers(steps):
    place = DockerPlace(steps, user="1234:1234")
    try:
        place.steps.put("train/a.csv", "1")
        code = "import os, sys; print(os.getuid(), os.environ['HOME']); open(sys.argv[2] + '/b', 'w').close()"
        result = place.run(code, {"input": "data"}, {"output": "out"}, inputs=(reads("train"),), outputs=(writes(),))
        assert (result.status, result.error) == ("Completed", {})
        assert place.steps.lines == ["1234 /mlsteps/home"]
        assert {path.stat().st_uid for path in steps.folder.rglob("*")} == {os.getuid()}
    finally:
        place.close()
