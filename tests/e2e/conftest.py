"""One embedded Airflow for all tests of this folder; a workspace of its own for each test or module."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import mlsteps.azureml  # noqa: F401  (the tests say `from azureml...` as pipelines do)
from mlsteps.client import embedded as connection
from mlsteps.client.home import Home, airflow_home
from tests.client.conftest import processes_of
from tests.e2e.airflow import Airflow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.airflow)
            if not sys.platform.startswith("linux"):
                item.add_marker(pytest.mark.skip(reason="looks at processes in /proc"))


@contextmanager
def home_of_tests() -> Iterator[Home]:
    """``MLSTEPS_HOME`` of some tests; afterwards nothing of it runs any more."""
    before = os.environ.get("MLSTEPS_HOME")
    folder = tempfile.mkdtemp(prefix="mlsteps-e2e-")
    os.environ["MLSTEPS_HOME"] = folder
    os.environ["MLSTEPS_FORK_RUNNER"] = "0"  # a program of its own can be told from the task by its command line
    made = airflow_home()
    try:
        yield made
        if connection._mine is not None:
            connection._mine.leave()
        assert processes_of(made) == []
    finally:
        connection._mine = None
        os.environ.pop("MLSTEPS_HOME")
        if before is not None:
            os.environ["MLSTEPS_HOME"] = before
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def home() -> Iterator[Home]:
    """``MLSTEPS_HOME`` of these tests."""
    with home_of_tests() as made:
        yield made


@pytest.fixture(scope="package")
def airflow(home: Home) -> Iterator[Airflow]:
    """The embedded Airflow, alive over all tests."""
    made = Airflow(home)
    yield made
    made.close()


@pytest.fixture(scope="session")
def workspace_at() -> Callable:
    """Makes workspaces: ``workspace_at(folder)`` is named after the folder's parents and lies below it."""

    def make(folder: Path):
        from azureml.core import Workspace

        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "subscription_id": "s",
            "resource_group": "g",
            "workspace_name": "e2e",
            "root": str(folder / "workspace"),
        }
        (folder / "config.json").write_text(json.dumps(config))
        return Workspace.from_config(folder)

    return make


@pytest.fixture(autouse=True)
def _airflow_is_up(airflow: Airflow) -> None:
    """Also for tests that only submit: the server lives on when they are over."""


@pytest.fixture
def ws(airflow: Airflow, tmp_path: Path, workspace_at: Callable):
    """A workspace of this test's own."""
    return workspace_at(tmp_path)
