"""Pipelines on a real Airflow with steps in pods: a run over three targets, reuse between them, kills, the example."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest

from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.placements import put_placement
from mlsteps.registry.run_ids import step_run_id
from mlsteps.registry.runs import RunStore
from tests.components.dags import STEPS
from tests.components.docker_place import base_image
from tests.components.docker_place import client as docker_client
from tests.components.embedded import airflow, home
from tests.components.kubernetes_place import client, image
from tests.e2e.airflow import wait_for
from tests.e2e.conftest import workspace_at

__all__ = ["airflow", "home", "workspace_at"]

#: Where it runs: beside a keeper, in a container, or on the worker.
WHERE = """
import os, sys, time
from azureml.core import Run
run = Run.get_context()
inside = os.path.exists("/mlsteps/spec.json")
run.log("where", "kubernetes" if os.path.exists("/mlsteps/keeper.py") else "docker" if inside else "local")
run.log("executed", 1)
"""
PREPARE = (
    WHERE
    + """
os.makedirs(sys.argv[1])
open(os.path.join(sys.argv[1], "data"), "w").write("1 2 3")
"""
)
TRAIN = (
    WHERE
    + """
os.makedirs(sys.argv[2])
numbers = open(os.path.join(sys.argv[1], "data")).read().split()
open(os.path.join(sys.argv[2], "model"), "w").write(str(sum(map(int, numbers))))
"""
)
COMPARE = (
    WHERE
    + """
print("comparing", flush=True)
time.sleep(%s)
model = open(os.path.join(sys.argv[1], "model")).read()
with open(os.path.join(sys.argv[2], "report"), "w") as stream:
    stream.write("the model is " + model)
print("compared", flush=True)
"""
)
DAG = (
    STEPS
    + """
data, model = PipelineData("data"), PipelineData("model")
report = OutputFileDatasetConfig("report").register_on_complete("report")
prepare = step("prepare", "one", [data], outputs=[data])
train = step("train", "two", [data, model], inputs=[data], outputs=[model])
compare = step("compare", "three", [model, report], inputs=[model])
dag = Pipeline(ws, [compare]).as_dag({dag_id!r}, schedule=None, default_args={{"retries": 2, "retry_delay": 0}})
"""
)


class Trial:
    """``prepare`` on target ``one``, ``train`` on ``two``, ``compare`` on ``three``, in a workspace of their own."""

    def __init__(self, airflow, folder: Path, workspace_at, seconds: float) -> None:
        for name, text in (("prepare", PREPARE), ("train", TRAIN), ("compare", COMPARE % seconds)):
            (folder / name).mkdir(parents=True)
            (folder / name / f"{name}.py").write_text(text)
        self.airflow, self.mark, self.folder = airflow, uuid.uuid4().hex, folder
        self.api = client()
        self.ws = workspace_at(folder)._store()
        self.runs = RunStore(self.ws)
        self.dag_id = f"pods_{uuid.uuid4().hex[:8]}"
        self.text = DAG.format(folder=str(folder), dag_id=self.dag_id)
        self.place("three", "kubernetes")

    def place(self, name: str, kind: str) -> None:
        options = {
            "local": {},
            "docker": {"base_image": base_image(), "labels": {"test": self.mark}},
            # This Airflow has no triggerer: a task that was deferred all the same would wait for ever.
            "kubernetes": {"base_image": image(), "labels": {"test": self.mark}, "limits": "none", "deferrable": True},
        }
        put_placement(self.ws, {"name": name, "kind": kind, "options": options[kind]})

    def start(self) -> str:
        run_id = str(uuid.uuid4())
        self.airflow.api.trigger(self.dag_id, run_id, {})
        return run_id

    def end(self, run_id: str) -> None:
        state = self.airflow.ended(self.dag_id, run_id)
        assert state == "success", self.airflow.log(self.dag_id, run_id, "compare")

    def metrics(self, run_id: str, step: str, number: int = 1) -> dict:
        own = step_run_id(run_id, step, number)
        return {} if self.runs.head(own) is None else dict(self.runs.state(own).metrics)

    def pods(self) -> list:
        return self.api.list_namespaced_pod("default", label_selector=f"test={self.mark}").items

    def executes(self, run_id: str) -> bool:
        return "executed" in self.metrics(run_id, "compare")


def trial_of(seconds: float):
    @pytest.fixture
    def made(airflow, workspace_at, tmp_path):
        trial = Trial(airflow, tmp_path, workspace_at, seconds)
        with airflow.dag_file(trial.dag_id, trial.text, trial.ws.root):
            yield trial
        for pod in trial.pods():
            trial.api.delete_namespaced_pod(pod.metadata.name, "default", grace_period_seconds=0)

    return made


trial, slow = trial_of(0.1), trial_of(20)


def test_one_run_over_three_targets_and_reuse_between_them(trial):
    docker_client().close()  # skips where there is none
    trial.place("two", "docker")
    first = trial.start()
    trial.end(first)
    for step, where in (("prepare", "local"), ("train", "docker"), ("compare", "kubernetes")):
        assert trial.metrics(first, step) == {"where": where, "executed": 1}
    log = trial.airflow.log(trial.dag_id, first, "compare")
    assert "comparing" in log and "compared" in log
    assert trial.pods() == []

    for name, kind in (("one", "kubernetes"), ("two", "kubernetes"), ("three", "local")):  # they change places
        trial.place(name, kind)
    second = trial.start()
    trial.end(second)
    assert trial.airflow.started(trial.dag_id, second) == ["plan"]  # where a step runs does not count

    source = trial.folder / "train" / "train.py"
    source.write_text(source.read_text().replace("str(sum(", "'= ' + str(sum("))
    third = trial.start()
    trial.end(third)
    assert trial.metrics(third, "train") == {"where": "kubernetes", "executed": 1}
    assert trial.metrics(third, "compare") == {"where": "local", "executed": 1}
    assert not trial.metrics(third, "prepare")


def test_the_task_is_killed_while_its_pod_runs(slow):
    """Kill -9 of the task's process: one execution of the script, and the next try ends with its result."""
    run_id = slow.start()
    wait_for(lambda: slow.executes(run_id), "the script runs", 120)
    task = next(item for item in slow.airflow.api.task_instances(slow.dag_id, run_id) if item["task_id"] == "compare")
    os.kill(task["pid"], 9)
    slow.end(run_id)
    assert slow.airflow.tries(slow.dag_id, run_id)["compare"] == 2
    assert slow.metrics(run_id, "compare", 1) == {"where": "kubernetes", "executed": 1}
    assert slow.runs.state(step_run_id(run_id, "compare", 1)).status == "Completed"
    assert slow.runs.head(step_run_id(run_id, "compare", 2)) is None  # the second try took over the run of the first
    log = slow.airflow.log(slow.dag_id, run_id, "compare", 2)
    assert "takes over its run" in log and "comparing" in log and "compared" in log
    assert slow.pods() == []


def test_a_pod_that_is_taken_away_is_followed_by_another_in_the_same_try(slow):
    """As the scheduler does it to make room: the pod is deleted, with a moment to end."""
    run_id = slow.start()
    wait_for(lambda: slow.executes(run_id), "the script runs", 120)
    slow.api.delete_namespaced_pod(slow.pods()[0].metadata.name, "default", grace_period_seconds=20)
    slow.end(run_id)
    assert slow.airflow.tries(slow.dag_id, run_id)["compare"] == 1
    lost, made = (step_run_id(run_id, "compare", 1, number) for number in (0, 1))
    assert [slow.runs.state(item).status for item in (lost, made)] == ["Failed", "Completed"]
    assert slow.runs.state(lost).error["lost"] is True
    assert attempts(slow.runs, run_id)["compare"] == made
    assert "It runs again (1 of 3)" in slow.airflow.log(slow.dag_id, run_id, "compare")
    assert slow.pods() == []


def test_a_cancelled_run_leaves_no_pod(slow):
    from azureml.pipeline.core import PipelineRun
    from mlsteps.sdk.workspace import Workspace

    run_id = slow.start()
    wait_for(lambda: slow.executes(run_id), "the script runs", 120)
    ws = Workspace.from_config(str(Path(slow.ws.root).parent))
    experiment = ws.experiments[slow.runs.head(run_id)["experiment"]]
    PipelineRun(experiment, run_id).cancel()
    wait_for(lambda: slow.pods() == [], "the pod is gone", 60)
    assert slow.airflow.ended(slow.dag_id, run_id) == "failed"
    assert slow.runs.state(step_run_id(run_id, "compare", 1)).status == "Canceled"


def test_the_example(airflow, workspace_at, tmp_path, monkeypatch):
    """``dags_examples/kubernetes_step.py``, with its targets where its text says they are."""
    ws = workspace_at(tmp_path)
    options = {"base_image": image(), "limits": "none"}
    put_placement(ws._store(), {"name": "gpu-cluster", "kind": "kubernetes", "options": options})
    monkeypatch.chdir(tmp_path)
    examples = Path(__file__).parent.parent.parent / "dags_examples"
    monkeypatch.syspath_prepend(str(examples))
    sys.modules.pop("kubernetes_step", None)
    import kubernetes_step

    from azureml.core import Dataset, Experiment

    runs = [Experiment(ws, "kubernetes_step").submit(kubernetes_step.pipeline)]
    assert runs[0].wait_for_completion(show_output=False) == "Finished"
    runs.append(Experiment(ws, "kubernetes_step").submit(kubernetes_step.pipeline))
    assert runs[1].wait_for_completion(show_output=False) == "Finished"
    steps = [{step.name: step for step in run.get_steps()} for run in runs]
    assert steps[0]["measure"].get_tags() == {"in": "a pod"}
    assert steps[0]["measure"].get_metrics() == {"mean": 2.5}
    properties = [steps[1][name].get_properties() for name in ("draw", "measure")]
    assert [item.get("azureml.isreused") for item in properties] == ["true", "true"]
    assert Dataset.get_by_name(ws, "kubernetes_step_report").version == 1
