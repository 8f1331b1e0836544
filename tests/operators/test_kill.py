"""Tasks that are stopped or killed while their script runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from mlsteps.registry import datasets
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.run_ids import pipeline_run_id, step_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import dag
from tests.operators.pipelines import TwoSteps
from tests.operators.runs import run

pytestmark = pytest.mark.usefixtures("airflow_home")

#: Ends the process that runs the task (the script's grandparent), once, half-way through the output.
KILLS = """
import os, sys, time
notes, out, text = sys.argv[1:4]
open(os.path.join(notes, "prepare"), "a").write("x")
os.makedirs(out, exist_ok=True)
open(os.path.join(out, "data.txt"), "w").write(text)
if {condition}:
    open(os.path.join(notes, "script"), "w").write(str(os.getpid()))
    task = int(open(f"/proc/{{os.getppid()}}/stat").read().rpartition(")")[2].split()[1])
    os.kill(task, {signal})
    time.sleep(60)
"""
ELSEWHERE = """
import json, sys
from mlsteps.translate import dag
from tests.operators.runs import run
run(dag(json.loads(sys.argv[1]), sys.argv[2]))
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 120
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.05)


def test_stopping_a_task_stops_its_script(two: TwoSteps) -> None:
    """SIGTERM is how Airflow stops a task that is cleared or marked in the UI."""
    before = signal.getsignal(signal.SIGTERM)
    (two.sources["prepare"] / "prepare.py").write_text(KILLS.format(condition="True", signal=int(signal.SIGTERM)))
    try:
        done = run(dag(two.graph(), "stopped"))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done.states["prepare"] == "failed"
    assert not is_alive(int((two.notes / "script").read_text()))
    runs = RunStore(WorkspaceStore(str(two.root)))
    (step,) = [id for id in runs.list("stopped", include_children=True) if (runs.head(id) or {}).get("step")]
    assert runs.state(step).status == "Canceled"


def test_a_task_that_nobody_has_ended_is_tried_again(two: TwoSteps) -> None:
    """A supervisor that does not reach Airflow stops its task by SIGTERM, too."""
    before = signal.getsignal(signal.SIGTERM)
    condition = "not os.path.exists(os.path.join(notes, 'script'))"
    (two.sources["prepare"] / "prepare.py").write_text(KILLS.format(condition=condition, signal=int(signal.SIGTERM)))
    retries = {"retries": 1, "retry_delay": timedelta(0)}
    try:
        done = run(dag(two.graph(), "interrupted", default_args=retries, retry_scripts=False))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (done.state, two.executions()) == ("success", {"prepare": 2, "train": 1})
    runs = RunStore(WorkspaceStore(str(two.root)))
    run_id = pipeline_run_id("interrupted", done.run_id)
    assert pipeline_status(runs, run_id) == "Completed"
    first = runs.state(step_run_id(run_id, "prepare", 1))
    assert (first.status, first.final, first.error["category"]) == ("Failed", False, "infrastructure")


def test_after_kill_9_of_the_task_the_next_run_ends_as_if_nothing_had_been(two: TwoSteps) -> None:
    condition = "not os.path.exists(os.path.join(notes, 'script'))"
    (two.sources["prepare"] / "prepare.py").write_text(KILLS.format(condition=condition, signal=int(signal.SIGKILL)))
    graph = two.graph(register="survives")
    arguments = [sys.executable, "-c", ELSEWHERE, json.dumps(graph.to_json()), "killed"]
    killed = subprocess.run(
        arguments, cwd=Path(__file__).parents[2], capture_output=True, env={**os.environ}, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    wait_until_gone(int((two.notes / "script").read_text()))
    assert not list(two.root.glob("records/*/*.json"))
    assert datasets.versions(WorkspaceStore(str(two.root)), "survives") == []

    done = run(dag(graph, "killed"))
    assert (done.state, two.executions()) == ("success", {"prepare": 2, "train": 1})
    assert datasets.versions(WorkspaceStore(str(two.root)), "survives") == [1]
    place = two.root / "stores" / "workspaceblobstore" / done.outputs("prepare")["clean"]["path"]
    assert (place / "data.txt").read_text() == "hello"
    assert run(dag(graph, "killed")).states["prepare"] == "skipped"
