"""Which Python serves the one asked for."""

from __future__ import annotations

import sys

import pytest

from mlsteps.environments import uv_tool
from mlsteps.environments.python_versions import Python, best, choose, fits, inspect, nearest
from mlsteps.errors import RunConfigurationException

MACHINE = [Python(f"/p{minor}", (3, minor, 5)) for minor in (7, 8, 10, 12)]


@pytest.mark.parametrize(
    ("asked", "minor"),
    [("==3.10.*", 10), ("==3.10.13.*", 10), ("==3.10", 10), ("==3.*", 12), (">=3.6,<3.9", 8), ("!=3.12.*,>=3.8", 10)],
)
def test_the_newest_that_fits(asked, minor):
    found = best(asked, MACHINE)
    assert found is not None
    assert found.version[1] == minor


def test_a_python_too_old_for_the_runner_never_fits():
    assert best("==3.7.*", MACHINE) is None


@pytest.mark.parametrize(("asked", "minor"), [("==3.6.*", 8), ("==3.9.*", 10), ("==3.14.*", 12), ("==2.7.*", 8)])
def test_the_nearest(asked, minor):
    assert nearest(asked, MACHINE).version[1] == minor


def test_no_version_at_all_is_an_error():
    with pytest.raises(RunConfigurationException, match="three"):
        fits(MACHINE[0], "==three")


def test_an_interpreter_is_asked_for_its_version():
    found = inspect(sys.executable)
    assert found is not None
    assert found.version == tuple(sys.version_info[:3])
    assert inspect("/nowhere") is None


def test_the_running_python_is_taken_when_none_is_asked_for():
    assert choose("", print).python.version == tuple(sys.version_info[:3])


def test_pips_variables_serve_uv_too():
    variables = uv_tool.environment(
        {"PIP_INDEX_URL": "a", "UV_INDEX": "b", "PIP_EXTRA_INDEX_URL": "c", "VIRTUAL_ENV": "d"}
    )
    assert variables["UV_DEFAULT_INDEX"] == "a"
    assert variables["UV_INDEX"] == "b"
    assert "VIRTUAL_ENV" not in variables
