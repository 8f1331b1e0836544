"""Pipelines on a real Airflow with steps in containers: one run over several targets, reuse between them, kills."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest

from mlsteps.registry.placements import delete_placement, put_placement
from mlsteps.registry.run_ids import step_run_id
from mlsteps.registry.runs import RunStore
from tests.components.docker_place import base_image, client
from tests.components.embedded import airflow, home
from tests.e2e.airflow import wait_for
from tests.e2e.conftest import workspace_at

__all__ = ["airflow", "home", "workspace_at"]

MAKE = """
import os, sys, time
from azureml.core import Run
Run.get_context().log("in container", int(os.path.exists("/mlsteps/spec.json")))
os.makedirs(sys.argv[1])
open(os.path.join(sys.argv[1], "data"), "w").write("made")
print("made", flush=True)
"""
USE = """
import os, sys, time
from azureml.core import Run
run = Run.get_context()
run.log("in container", int(os.path.exists("/mlsteps/spec.json")))
run.log("executed", 1)
print("using", flush=True)
time.sleep(%s)
with open(os.path.join(sys.argv[2], "copy"), "w") as stream:
    stream.write(open(os.path.join(sys.argv[1], "data")).read())
print("used", flush=True)
"""
DAG = """
import mlsteps.azureml  # azureml on Airflow
from azureml.core import RunConfiguration, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config({folder!r})
config = RunConfiguration()
config.environment.python.user_managed_dependencies = True
data = PipelineData("data")
copy = OutputFileDatasetConfig("copy").register_on_complete("copy")
make = PythonScriptStep("make.py", name="make", arguments=[data], outputs=[data], compute_target="here",
                        source_directory={folder!r} + "/make", runconfig=config)
use = PythonScriptStep("use.py", name="use", arguments=[data, copy], inputs=[data], compute_target="there",
                       source_directory={folder!r} + "/use", runconfig=config)
dag = Pipeline(ws, [use]).as_dag({dag_id!r}, schedule=None, default_args={{"retries": 2, "retry_delay": 0}})
"""


@pytest.fixture
def engine():
    made = client()
    yield made
    made.close()


class Trial:
    """A pipeline of two steps in a workspace of its own: ``make`` on target ``here``, ``use`` on target ``there``."""

    def __init__(self, airflow, folder: Path, workspace_at, seconds: float) -> None:
        for name, text in (("make", MAKE), ("use", USE % seconds)):
            (folder / name).mkdir(parents=True)
            (folder / name / f"{name}.py").write_text(text)
        self.airflow, self.mark = airflow, uuid.uuid4().hex
        self.ws = workspace_at(folder)._store()
        self.runs = RunStore(self.ws)
        self.dag_id = f"docker_{uuid.uuid4().hex[:8]}"
        self.text = DAG.format(folder=str(folder), dag_id=self.dag_id)
        self.place("there", kind="docker")

    def place(self, name: str, kind: str) -> None:
        options = {"base_image": base_image(), "labels": {"test": self.mark}} if kind == "docker" else {}
        put_placement(self.ws, {"name": name, "kind": kind, "options": options})

    def start(self) -> str:
        run_id = str(uuid.uuid4())
        self.airflow.api.trigger(self.dag_id, run_id, {})
        return run_id

    def end(self, run_id: str) -> None:
        state = self.airflow.ended(self.dag_id, run_id)
        assert state == "success", self.airflow.log(self.dag_id, run_id, "use")

    def metrics(self, run_id: str, step: str, number: int = 1) -> dict:
        return dict(self.runs.state(step_run_id(run_id, step, number)).metrics)

    def containers(self, engine) -> list:
        return engine.containers(all=True, filters={"label": f"test={self.mark}"})


@pytest.fixture
def trial(airflow, workspace_at, tmp_path):
    made = Trial(airflow, tmp_path, workspace_at, 0.1)
    with airflow.dag_file(made.dag_id, made.text, made.ws.root):
        yield made


@pytest.fixture
def slow(airflow, workspace_at, tmp_path):
    made = Trial(airflow, tmp_path, workspace_at, 8)
    with airflow.dag_file(made.dag_id, made.text, made.ws.root):
        yield made


def test_one_run_over_two_targets_and_reuse_between_them(trial, engine):
    first = trial.start()
    trial.end(first)
    assert trial.metrics(first, "make") == {"in container": 0}
    assert trial.metrics(first, "use") == {"in container": 1, "executed": 1}
    assert "used" in trial.airflow.log(trial.dag_id, first, "use")
    assert trial.containers(engine) == []

    trial.place("here", "docker")  # the targets change places
    delete_placement(trial.ws, "there")
    second = trial.start()
    trial.end(second)
    assert trial.airflow.started(trial.dag_id, second) == ["plan"]  # where a step runs does not count

    source = Path(trial.text.split("source_directory='")[1].split("'")[0], "make", "make.py")
    source.write_text(source.read_text().replace('"made")', '"made anew")'))
    third = trial.start()
    trial.end(third)
    assert trial.metrics(third, "make") == {"in container": 1}
    assert trial.metrics(third, "use") == {"in container": 0, "executed": 1}


def test_the_task_is_killed_while_its_container_runs(slow, engine):
    """Kill -9 of the task's process: one execution of the script, and the next try ends with its result."""
    run_id = slow.start()
    wait_for(lambda: slow.containers(engine), "the container runs")
    own = step_run_id(run_id, "use", 1)
    wait_for(lambda: "executed" in slow.runs.state(own).metrics, "the script runs")
    task = next(item for item in slow.airflow.api.task_instances(slow.dag_id, run_id) if item["task_id"] == "use")
    os.kill(task["pid"], 9)
    slow.end(run_id)
    assert slow.airflow.tries(slow.dag_id, run_id)["use"] == 2
    assert slow.metrics(run_id, "use", 1) == {"in container": 1, "executed": 1}
    assert slow.runs.state(own).status == "Completed"
    assert slow.runs.head(step_run_id(run_id, "use", 2)) is None  # the second try took over the run of the first
    log = slow.airflow.log(slow.dag_id, run_id, "use", 2)
    assert "takes over its run" in log and "using" in log and "used" in log
    assert slow.containers(engine) == []


def test_a_cancelled_run_leaves_no_container(slow, engine):
    from azureml.pipeline.core import PipelineRun
    from mlsteps.sdk.workspace import Workspace

    run_id = slow.start()
    wait_for(lambda: slow.containers(engine), "the container runs")
    wait_for(lambda: "executed" in slow.runs.state(step_run_id(run_id, "use", 1)).metrics, "the script runs")
    ws = Workspace.from_config(str(Path(slow.ws.root).parent))
    experiment = ws.experiments[slow.runs.head(run_id)["experiment"]]
    PipelineRun(experiment, run_id).cancel()
    wait_for(lambda: slow.containers(engine) == [], "the container is gone", 40)
    assert slow.airflow.ended(slow.dag_id, run_id) == "failed"
    assert slow.runs.state(step_run_id(run_id, "use", 1)).status == "Canceled"


def test_the_example(airflow, workspace_at, tmp_path, monkeypatch):
    """``dags_examples/docker_step.py``, with its targets where its text says they are."""
    ws = workspace_at(tmp_path)
    put_placement(ws._store(), {"name": "cpu-cluster", "kind": "docker", "options": {"base_image": base_image()}})
    monkeypatch.chdir(tmp_path)
    examples = Path(__file__).parent.parent.parent / "dags_examples"
    monkeypatch.syspath_prepend(str(examples))
    sys.modules.pop("docker_step", None)
    import docker_step

    from azureml.core import Dataset, Experiment

    runs = [Experiment(ws, "docker_step").submit(docker_step.pipeline)]
    assert runs[0].wait_for_completion(show_output=False) == "Finished"
    runs.append(Experiment(ws, "docker_step").submit(docker_step.pipeline))
    assert runs[1].wait_for_completion(show_output=False) == "Finished"
    steps = [{step.name: step for step in run.get_steps()} for run in runs]
    assert steps[0]["count"].get_tags() == {"python": "/opt/mlsteps/env/bin/python"}
    assert steps[0]["count"].get_metrics() == {"words": 6}
    assert [steps[1][name].get_properties().get("azureml.isreused") for name in ("write", "count")] == ["true", "true"]
    assert Dataset.get_by_name(ws, "docker_step_counts").version == 1
