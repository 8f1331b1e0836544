"""Two runs that need the same result at the same time: one makes it, the other waits without a slot."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from mlsteps.operators.settings import wait_seconds
from mlsteps.registry.leases import Lease, holder_of
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import dag
from tests.operators.pipelines import TwoSteps
from tests.operators.runs import run

pytestmark = pytest.mark.usefixtures("airflow_home")


def fingerprint_of(two: TwoSteps, tmp_path: Path) -> str:
    """The fingerprint of ``prepare``, from a run in a workspace apart."""
    other = dag({**two.graph().to_json(), "workspace": {"name": "tests", "root": str(tmp_path / "apart")}}, "apart")
    return run(other).xcoms["prepare"]["return_value"]["fingerprint"]


def test_a_step_waits_while_another_run_makes_its_result(
    two: TwoSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("AIRFLOW__MLSTEPS__WAIT_SECONDS", "0.2")
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
    fingerprint = fingerprint_of(two, tmp_path)
    ws = WorkspaceStore(str(two.root))
    holder = {"dag_id": "another_dag", "run_id": "its_run", "task_id": "its_task", "pid": os.getpid()}
    lease = Lease.acquire(ws, fingerprint, holder)
    assert isinstance(lease, Lease)
    executed = []

    def release_when_it_waits() -> None:
        until = time.monotonic() + 120
        while not reschedules("waits_for_lease") and time.monotonic() < until:
            time.sleep(0.1)
        executed.append(two.executions())
        lease.release()

    releasing = threading.Thread(target=release_when_it_waits)
    releasing.start()
    done = run(dag(two.graph(), "waits_for_lease"))
    releasing.join()
    assert executed == [{"prepare": 1, "train": 1}]  # apart alone
    assert done.state == "success"
    assert two.executions() == {"prepare": 2, "train": 2}  # once apart, once here
    assert "another_dag/its_run/its_task" in capsys.readouterr().out
    assert reschedules("waits_for_lease") >= 1


def test_a_waiting_step_is_not_due_before_the_scheduler_knows_that_its_process_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__MLSTEPS__WAIT_SECONDS", "0.2")
    for interval in (1, 5, 30):
        monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", str(interval))
        assert wait_seconds() > interval + 2
    monkeypatch.setenv("AIRFLOW__MLSTEPS__WAIT_SECONDS", "300")
    assert wait_seconds() == 300


def test_a_step_releases_its_lease_also_when_it_fails(two: TwoSteps, tmp_path: Path) -> None:
    (two.sources["prepare"] / "prepare.py").write_text("raise SystemExit(1)")
    run(dag(two.graph(), "releases"))
    leases = [path.name for path in (two.root / "leases").iterdir()]
    assert len(leases) == 1
    assert holder_of(WorkspaceStore(str(two.root)), leases[0]) is None


def reschedules(dag_id: str) -> int:
    """How often tasks of a DAG gave up their slot to wait."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    counted = select(func.count(TaskReschedule.id)).join(TaskInstance, TaskReschedule.ti_id == TaskInstance.id)
    with create_session() as session:
        return session.scalar(counted.where(TaskInstance.dag_id == dag_id))
