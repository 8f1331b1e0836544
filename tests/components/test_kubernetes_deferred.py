"""Steps in pods whose tasks are deferred, on an Airflow with a triggerer: kills, stops, pods that are taken away."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import mlsteps.azureml  # noqa: F401  (the tests say `from azureml...` as pipelines do)
from mlsteps.client import standalone
from mlsteps.client.airflow_api import ENDED
from mlsteps.registry.leases import holder_of
from mlsteps.registry.placements import put_placement
from mlsteps.registry.records import get_records
from mlsteps.registry.run_ids import step_run_id
from mlsteps.registry.runs import RunStore
from tests.components.kubernetes_place import client, image
from tests.e2e.airflow import wait_for
from tests.e2e.conftest import workspace_at

__all__ = ["workspace_at"]

EXAMPLE = Path(__file__).parent.parent.parent / "dags_examples" / "deferred_step.py"
SCRIPT = """
import os, sys, time
from azureml.core import Run
run = Run.get_context()
run.log("executed", 1)
print("begins", flush=True)
time.sleep(float(sys.argv[2]))
with open(os.path.join(sys.argv[1], "report"), "w") as stream:
    stream.write("made of " + sys.argv[2])
print("ends", flush=True)
"""
DAGS = """
import mlsteps.azureml  # azureml on Airflow
from airflow.sdk import DAG, task
from datetime import timedelta
from azureml.core import RunConfiguration, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config({folder!r})
config = RunConfiguration()
config.environment.python.user_managed_dependencies = True

def one(dag_id, seconds, **args):
    report = OutputFileDatasetConfig("report").register_on_complete(dag_id)
    step = PythonScriptStep("step.py", name="step", arguments=[report, seconds], compute_target="pods",
                            runconfig=config, source_directory={folder!r} + "/source")
    return Pipeline(ws, [step]).as_dag(dag_id, schedule=None, default_args={{"retries": 1, "retry_delay": 0, **args}})

short, told, killed, failed, cancelled, taken = (one(name, seconds) for name, seconds in
    [("short", 0.5), ("told", 12), ("killed", 25), ("failed", 300), ("cancelled", 301), ("taken", 15)])
late = one("late", 302, retries=0, execution_timeout=timedelta(seconds=20))

with DAG("here", schedule=None):
    @task.mlsteps(workspace=ws._reference(), environment=config.environment, deferrable=True)
    def here():
        return 1

    here()
"""


class World:
    """The Airflow, its workspace, its cluster."""

    def __init__(self, server: standalone.Standalone, ws: Any, mark: str) -> None:
        self.server, self.ws, self.mark = server, ws, mark
        self.airflow, self.cluster, self.runs = server.api(), client(), RunStore(ws)
        self.own: subprocess.Popen[bytes] | None = None

    def start(self, dag_id: str) -> str:
        run_id = str(uuid.uuid4())
        wait_for(lambda: self.airflow.dag(dag_id), f"{dag_id} is known", 120, 1.0)
        self.airflow.trigger(dag_id, run_id, {})
        return run_id

    def task(self, dag_id: str, run_id: str, task_id: str = "step") -> dict[str, Any]:
        return next(item for item in self.airflow.task_instances(dag_id, run_id) if item["task_id"] == task_id)

    def deferred(self, dag_id: str, run_id: str, task_id: str = "step") -> dict[str, Any]:
        """The task once it has left its worker, and its script runs."""

        def look() -> dict[str, Any] | None:
            found = self.task(dag_id, run_id, task_id)
            return found if found["state"] == "deferred" and self.said("begins", run_id) else None

        return wait_for(look, "the task is deferred and the script runs", 120, 0.5)

    def pods(self, run_id: str) -> list[Any]:
        selector = f"test={self.mark},mlsteps/pipeline-run-id={run_id}"
        return self.cluster.list_namespaced_pod("default", label_selector=selector).items

    def said(self, text: str, run_id: str) -> bool:
        from kubernetes.client import ApiException

        try:
            logs = [self.cluster.read_namespaced_pod_log(pod.metadata.name, "default") for pod in self.pods(run_id)]
        except ApiException:
            return False
        return any(text in log for log in logs)

    def ended(self, dag_id: str, run_id: str, seconds: float = 150.0) -> str:
        def state() -> str | None:
            found = self.airflow.run_state(dag_id, run_id)
            return found if found in ENDED else None

        return wait_for(state, f"{dag_id} ends", seconds, 0.5)

    def log(self, dag_id: str, run_id: str, task_id: str = "step") -> str:
        return "\n".join(
            self.airflow.log_lines(dag_id, run_id, task_id, self.task(dag_id, run_id, task_id)["try_number"])
        )

    def state(self, run_id: str, number: int = 1, lost: int = 0) -> Any:
        return self.runs.state(step_run_id(run_id, "step", number, lost))

    def fingerprint(self, dag_id: str, run_id: str) -> str:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/plan/xcomEntries/plan"
        value = self.airflow._request("GET", path, params={"deserialize": "true"}).json()["value"]
        return str(value["steps"]["step"]["fingerprint"])

    def kill_triggerer(self) -> None:
        """SIGKILL, to all of it."""
        found = next(part for part in self.server.parts() if "triggerer" in part.cmdline())
        self.command, self.environment = found.cmdline(), found.environ()
        for process in (found, *found.children(recursive=True)):
            process.kill()

    def start_triggerer(self) -> None:
        """Another one, of this test's own."""
        self.own = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        """Nothing stays."""
        if self.own is not None:
            for process in (*psutil.Process(self.own.pid).children(recursive=True), self.own):
                process.kill()
            self.own.wait()
        self.server.stop()
        self.airflow.close()
        for pod in self.cluster.list_namespaced_pod("default", label_selector=f"test={self.mark}").items:
            self.cluster.delete_namespaced_pod(pod.metadata.name, "default", grace_period_seconds=0)


@pytest.fixture(scope="module")
def world(tmp_path_factory, workspace_at) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("deferred")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLSTEPS_HOME", str(folder / "home"))
        patch.setenv("MLSTEPS_WORKSPACE_ROOT", str(folder / "workspace"))
        ws, mark = workspace_at(folder)._store(), uuid.uuid4().hex
        options = {"base_image": image(), "labels": {"test": mark}, "limits": "none", "deferrable": True}
        put_placement(
            ws, {"name": "pods", "kind": "kubernetes", "options": {**options, "poll_seconds": 1, "output_seconds": 1}}
        )
        for name in ("source", "dags"):
            (folder / name).mkdir()
        (folder / "source" / "step.py").write_text(SCRIPT)
        shutil.copy(EXAMPLE, folder / "dags")
        (folder / "dags" / "dags.py").write_text(DAGS.format(folder=str(folder)))
        settings = {"TRIGGERER__JOB_HEARTBEAT_SEC": 1, "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 5}
        server = standalone.start(folder / "airflow", folder / "dags", settings)
        made = World(server, ws, mark)
        try:
            yield made
        finally:
            made.close()


def test_its_result_is_that_of_any_step(world):
    run_id = world.start("short")
    assert world.ended("short", run_id) == "success", world.log("short", run_id)
    log = world.log("short", run_id)
    assert "a trigger waits for its end" in log and log.count("begins") == 1 and "ends" in log
    state = world.state(run_id)
    assert (state.status, dict(state.metrics)) == ("Completed", {"executed": 1})
    assert world.pods(run_id) == []

    again = world.start("short")  # what was deferred is kept as anything else
    assert world.ended("short", again) == "success"
    assert world.task("short", again)["state"] == "skipped"


def test_its_output_is_in_the_tasks_log_while_it_is_deferred_and_comes_once(world):
    run_id = world.start("told")
    world.deferred("told", run_id)
    wait_for(lambda: "begins" in world.log("told", run_id), "the trigger hands the output on", 30, 0.3)
    assert world.task("told", run_id)["state"] == "deferred"
    assert world.ended("told", run_id) == "success", world.log("told", run_id)
    log = world.log("told", run_id)
    assert log.count("begins") == 1 and log.count("ends") == 1


def test_nothing_runs_meanwhile_and_the_triggerer_is_killed(world):
    run_id = world.start("killed")
    task = world.deferred("killed", run_id)
    assert not psutil.pid_exists(task["pid"])  # no process of the task, no slot
    pod = world.pods(run_id)[0].metadata.name
    world.kill_triggerer()
    world.start_triggerer()
    assert [item.metadata.name for item in world.pods(run_id)] == [pod]
    assert world.ended("killed", run_id) == "success", world.log("killed", run_id)
    assert world.task("killed", run_id)["try_number"] == 1
    assert dict(world.state(run_id).metrics) == {"executed": 1}
    assert "ends" in world.log("killed", run_id)
    assert world.pods(run_id) == []


def test_a_task_that_is_ended_in_airflow_leaves_no_pod(world):
    run_id = world.start("failed")
    world.deferred("failed", run_id)
    world.airflow.end_run("failed", run_id)
    wait_for(lambda: not world.pods(run_id), "the pod is gone", 90, 0.5)
    wait_for(lambda: world.state(run_id).status == "Canceled", "the run says so", 30, 0.5)
    fingerprint = world.fingerprint("failed", run_id)
    assert holder_of(world.ws, fingerprint) is None and not get_records(world.ws, [fingerprint])


def test_a_cancelled_run_stops_its_step(world):
    run_id = world.start("cancelled")
    world.deferred("cancelled", run_id)
    world.runs.write(run_id, "status", status="CancelRequested")  # and nobody tells Airflow
    assert world.ended("cancelled", run_id) == "failed"
    assert world.task("cancelled", run_id)["try_number"] == 1
    assert world.state(run_id).status == "Canceled"
    assert world.pods(run_id) == []


def test_a_pod_that_is_taken_away_is_followed_by_another_in_the_same_try(world):
    run_id = world.start("taken")
    world.deferred("taken", run_id)
    name = world.pods(run_id)[0].metadata.name
    world.cluster.delete_namespaced_pod(name, "default", grace_period_seconds=0)
    assert world.ended("taken", run_id) == "success", world.log("taken", run_id)
    assert world.task("taken", run_id)["try_number"] == 1
    assert [world.state(run_id, 1, lost).status for lost in (0, 1)] == ["Failed", "Completed"]
    assert world.log("taken", run_id).count("a trigger waits for its end") == 2
    assert world.pods(run_id) == []


def test_the_time_limit_of_a_task_is_one_for_all_of_it(world):
    run_id = world.start("late")
    assert world.ended("late", run_id) == "failed"
    assert world.state(run_id).status == "Failed" and "execution_timeout" in world.log("late", run_id)
    assert world.pods(run_id) == []


def test_the_example(world):
    """``dags_examples/deferred_step.py``: a function whose return value is that of the task that went on."""
    run_id = world.start("deferred_step")
    assert world.ended("deferred_step", run_id) == "success", world.log("deferred_step", run_id, "estimate")
    task = f"/api/v2/dags/deferred_step/dagRuns/{run_id}/taskInstances/estimate"
    assert world.airflow._request("GET", f"{task}/xcomEntries/return_value").json()["value"] == 3.14
    log = world.log("deferred_step", run_id, "estimate")
    assert "a trigger waits for its end" in log and "estimated from 200000" in log
    assert world.pods(run_id) == []


def test_a_step_that_would_end_with_its_worker_is_not_deferred(world):
    run_id = world.start("here")
    assert world.ended("here", run_id) == "failed"
    assert "Expected a compute target of kind kubernetes" in world.log("here", run_id, "here")
