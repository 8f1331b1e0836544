"""Which Python serves the one asked for."""

from __future__ import annotations

import sys

import pytest

from mlsteps.environments import python_versions, uv_tool
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


@pytest.mark.parametrize(("asked", "minor"), [("==3.6.*", 8), ("==3.7.*", 8), ("==3.9.*", 10)])
def test_in_place_of_one_that_is_too_old_the_oldest_that_runs_a_step_is_brought(monkeypatch, asked, minor):
    wanted = []
    there = [item for item in MACHINE if item.version[1] != 8]

    def brought(specifier, report):
        wanted.append(specifier)
        return MACHINE[1] if specifier == "==3.8.*" else None

    monkeypatch.setattr(python_versions, "_installed", lambda: there)
    monkeypatch.setattr(python_versions, "running", lambda: MACHINE[2])
    monkeypatch.setattr(python_versions, "_download", brought)
    found = choose(asked, print)
    assert found.python.version[1] == minor and f"{found.python.text} is used instead" in found.note
    assert wanted == [asked, "==3.8.*"][: 2 if minor == 8 else 1]


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
