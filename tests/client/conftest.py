"""A home of its own for every test, and ways to look at what the embedded Airflow runs."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlsteps.client import embedded
from mlsteps.client.home import Home, airflow_home

TRIVIAL = """
import os
import time

from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator

with DAG("trivial", schedule=None, params={"seconds": 0}):
    BashOperator(task_id="first", bash_command="echo started >> $AIRFLOW_HOME/first; sleep {{ params.seconds }}")


def wait():
    open(os.environ["AIRFLOW_HOME"] + "/waits", "w").close()
    time.sleep(100)


with DAG("waits", schedule=None):
    PythonOperator(task_id="wait", python_callable=wait)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Home]:
    """``MLSTEPS_HOME`` of this module's tests; afterwards nothing of it runs any more."""
    before = os.environ.get("MLSTEPS_HOME")
    os.environ["MLSTEPS_HOME"] = str(tmp_path_factory.mktemp("home"))
    made = airflow_home()
    try:
        yield made
        if embedded._mine is not None:
            embedded._mine.leave()
        assert processes_of(made) == []
    finally:
        embedded._mine = None
        os.environ.pop("MLSTEPS_HOME")
        if before is not None:
            os.environ["MLSTEPS_HOME"] = before


def processes_of(home: Home) -> list[str]:
    """Command lines of all processes that work in this home or have it in their environment.

    Airflow writes titles over the environment of some of its processes; those work in the home's folder.
    """
    mark = f"AIRFLOW_HOME={home.folder}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = os.readlink(folder / "cwd").startswith(str(home.folder))
            if inside or mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(f"{folder.name} {(folder / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()}")
        except OSError:
            continue
    return found


def query(home: Home, sql: str) -> list[tuple]:
    with sqlite3.connect(f"file:{home.database}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


def wait_until(condition: Callable[[], object], seconds: float = 120.0, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
