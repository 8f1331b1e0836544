"""The trigger in a real triggerer, a process of its own: it polls, and is killed and started again in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlsteps.sdk.schedule import Schedule
from tests.schedules.test_data import created
from tests.schedules.world import World, dag_runs, go_on

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("airflow_home")]


@contextmanager
def triggerer(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Airflow's own, on the tests' database; ended with all its children by the end of the block."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            stdout=out,
            stderr=out,
            env={**os.environ, "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1"},
        )
    try:
        yield process
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        for member in (process, *children):
            member.kill()
        process.wait()
        psutil.wait_procs(children, timeout=10)


def sent(schedule: Schedule) -> list[Any]:
    """The events that the schedule's asset has had."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    uri = f"mlsteps://schedules/{schedule.id}"
    wanted = select(AssetEvent).join(AssetModel, AssetModel.id == AssetEvent.asset_id).where(AssetModel.uri == uri)
    with create_session() as session:
        return [event.extra for event in session.scalars(wanted.order_by(AssetEvent.id))]


def wait_for_events(schedule: Schedule, count: int, log: Path) -> None:
    deadline = time.monotonic() + 180
    while len(sent(schedule)) < count:
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.2)


def run_what_was_sent(dag: Any) -> None:
    """What the scheduler does with the events that are there."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    before = {run.run_id for run in dag_runs(dag)}
    with create_session() as session:
        model = session.get(DagModel, dag.dag_id)
        SchedulerJobRunner(job=Job())._create_dag_runs_asset_triggered(dag_models=[model], session=session)
    (new,) = [run for run in dag_runs(dag) if run.run_id not in before]
    assert go_on(dag, new.run_id).state == "success"


def test_it_polls_in_the_triggerer_and_a_killed_one_loses_and_repeats_nothing(world: World, tmp_path: Path) -> None:
    target, schedule = world.pipeline_dag(), created(world, polling_interval=0.02)
    dag = world.dag(schedule)
    log = tmp_path / "triggerer.log"
    with triggerer(log):
        world.store.write("in/one.csv", b"1")
        wait_for_events(schedule, 1, log)
    assert sent(schedule)[0]["payload"] == {"schedule_id": schedule.id, "changes": 1}
    world.store.write("in/two.csv", b"2")  # nobody looks
    seen = len(sent(schedule))
    with triggerer(log):
        wait_for_events(schedule, seen + 1, log)
        run_what_was_sent(dag)
        counts = [-1, len(sent(schedule))]
        while counts[-1] != counts[-2]:  # what was on its way may still come
            assert len(counts) < 12, "what has its runs is reported no more"
            time.sleep(3)  # more than a poll
            counts.append(len(sent(schedule)))
    assert sorted(run.conf["data"]["path"] for run in dag_runs(target)) == ["in/one.csv", "in/two.csv"]
