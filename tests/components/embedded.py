"""The embedded Airflow for the tests of one module here, and a home of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlsteps.client.home import Home
from tests.e2e.airflow import Airflow
from tests.e2e.conftest import home_of_tests


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """``MLSTEPS_HOME`` of the module's tests."""
    with home_of_tests() as made:
        yield made


@pytest.fixture(scope="module")
def airflow(home: Home) -> Iterator[Airflow]:
    """The embedded Airflow, alive over the module's tests."""
    made = Airflow(home)
    yield made
    made.close()
