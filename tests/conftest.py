"""Settings that must stand before anything imports Airflow, and its database for the tests that need one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_HOME = Path(tempfile.mkdtemp(prefix="mlsteps-tests-airflow-"))
(_HOME / "dags").mkdir()
os.environ.update(
    AIRFLOW_HOME=str(_HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(_HOME / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__PARALLELISM="4",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME}/airflow.db",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.workers import Scheduling

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """An Airflow home with an empty DAGs folder and an initialised SQLite database; one for the whole session."""
    from airflow.utils.db import initdb

    initdb()
    return _HOME


@pytest.fixture(scope="session", autouse=True)
def _no_airflow_home_is_left() -> Iterator[None]:
    yield
    shutil.rmtree(_HOME, ignore_errors=True)
