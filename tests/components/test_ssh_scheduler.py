"""Steps on a machine that is reached by SSH, under a whole Airflow: its scheduler, its executor, killed tasks."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest

from mlsteps.registry.placements import put_placement
from mlsteps.registry.run_ids import step_run_id
from mlsteps.registry.runs import RunStore
from tests.components.dags import STEPS
from tests.components.embedded import airflow
from tests.components.ssh_place import CONNECTION, server
from tests.e2e.airflow import wait_for
from tests.e2e.conftest import home_of_tests, workspace_at

__all__ = ["airflow", "server", "workspace_at"]

SCRIPTS = {
    "prepare": """
import os, sys
os.makedirs(sys.argv[1])
open(os.path.join(sys.argv[1], "data"), "w").write("1 2 3")
""",
    "measure": """
import os, sys, time
from azureml.core import Run
run = Run.get_context()
run.log("executed", 1)
run.log("by_ssh", int("SSH_CONNECTION" in os.environ))
print("measuring", flush=True)
time.sleep(15)
numbers = open(os.path.join(sys.argv[1], "data")).read().split()
open(os.path.join(sys.argv[2], "sum"), "w").write(str(sum(map(int, numbers))))
print("measured", flush=True)
""",
}
DAG = (
    STEPS
    + """
data, report = PipelineData("data"), OutputFileDatasetConfig("report").register_on_complete("report")
prepare = step("prepare", "here", [data], outputs=[data])
measure = step("measure", "box", [data, report], inputs=[data])
dag = Pipeline(ws, [measure]).as_dag({dag_id!r}, schedule=None, default_args={{"retries": 2, "retry_delay": 0}})
"""
)


@pytest.fixture(scope="module")
def home(server):
    """``MLSTEPS_HOME`` of the module's tests; the Airflow that starts there knows the way to the machine."""
    name = f"AIRFLOW_CONN_{CONNECTION.upper()}"
    os.environ[name] = server.connection()
    try:
        with home_of_tests() as made:
            yield made
    finally:
        os.environ.pop(name)


class Trial:
    """``prepare`` on the worker, ``measure`` on the machine."""

    def __init__(self, airflow, folder: Path, workspace_at) -> None:
        for name, text in SCRIPTS.items():
            (folder / name).mkdir()
            (folder / name / f"{name}.py").write_text(text)
        self.airflow, self.there = airflow, folder / "there"
        self.ws = workspace_at(folder)._store()
        self.runs = RunStore(self.ws)
        self.dag_id = f"ssh_{uuid.uuid4().hex[:8]}"
        self.text = DAG.format(folder=str(folder), dag_id=self.dag_id)
        options = {"ssh_conn_id": CONNECTION, "python": sys.executable, "folder": str(self.there)}
        put_placement(self.ws, {"name": "box", "kind": "ssh", "options": options})

    def start(self) -> str:
        run_id = str(uuid.uuid4())
        self.airflow.api.trigger(self.dag_id, run_id, {})
        return run_id

    def end(self, run_id: str) -> None:
        state = self.airflow.ended(self.dag_id, run_id, 150)
        assert state == "success", self.airflow.log(self.dag_id, run_id, "measure")

    def metrics(self, run_id: str, number: int = 1) -> dict:
        own = step_run_id(run_id, "measure", number)
        return {} if self.runs.head(own) is None else dict(self.runs.state(own).metrics)

    def runs_there(self) -> list[Path]:
        return list((self.there / "runs").iterdir())


@pytest.fixture
def trial(airflow, workspace_at, tmp_path):
    made = Trial(airflow, tmp_path, workspace_at)
    with airflow.dag_file(made.dag_id, made.text, made.ws.root):
        yield made


def test_the_task_is_killed_while_its_script_runs_there(trial):
    """Kill -9 of the task's process: the script runs once, the next try collects it, and the next run reuses both."""
    run_id = trial.start()
    wait_for(lambda: "executed" in trial.metrics(run_id), "the script runs", 120)
    task = next(item for item in trial.airflow.api.task_instances(trial.dag_id, run_id) if item["task_id"] == "measure")
    os.kill(task["pid"], 9)
    trial.end(run_id)
    assert trial.airflow.tries(trial.dag_id, run_id)["measure"] == 2
    assert trial.metrics(run_id) == {"executed": 1, "by_ssh": 1}
    assert trial.runs.head(step_run_id(run_id, "measure", 2)) is None  # the second try took over the run of the first
    log = trial.airflow.log(trial.dag_id, run_id, "measure", 2)
    assert "takes over its run" in log and "measuring" in log and "measured" in log
    assert trial.runs_there() == []

    again = trial.start()
    trial.end(again)
    assert trial.airflow.started(trial.dag_id, again) == ["plan"]


def test_a_cancelled_run_leaves_nothing_there(trial):
    from azureml.pipeline.core import PipelineRun
    from mlsteps.sdk.workspace import Workspace

    run_id = trial.start()
    wait_for(lambda: "executed" in trial.metrics(run_id), "the script runs", 120)
    ws = Workspace.from_config(str(Path(trial.ws.root).parent))
    PipelineRun(ws.experiments[trial.runs.head(run_id)["experiment"]], run_id).cancel()
    assert trial.airflow.ended(trial.dag_id, run_id) == "failed"
    assert trial.runs.state(step_run_id(run_id, "measure", 1)).status == "Canceled"
    wait_for(lambda: trial.runs_there() == [], "nothing is left there", 60)
