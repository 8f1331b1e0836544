"""DAG files as people write them: the examples, the README's, and one with operators."""

from __future__ import annotations

import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from azureml.core import Dataset, Workspace
from azureml.pipeline.core import PipelineRun
from mlsteps.registry.run_ids import pipeline_run_id
from tests.e2e.airflow import Airflow
from tests.e2e.chain import executions
from tests.operators.runs import Run, run

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "dags_examples"

OPERATORS = '''
"""An Airflow DAG with steps of its own making."""

import sys

import mlsteps.azureml
from airflow.sdk import DAG, task
from azureml.core import Dataset, Environment, Workspace
from azureml.data import OutputFileDatasetConfig
from mlsteps.operators import PythonScriptOperator

ws = Workspace.from_config({folder!r})
raw = Dataset.File.from_files([(ws.get_default_datastore(), "raw/")])
here = Environment("here")
here.python.user_managed_dependencies = True
here.python.interpreter_path = {python!r}
notes = {folder!r} + "/notes"
common = {{"source_directory": {folder!r} + "/source", "environment": here, "workspace": ws}}

with DAG("by_hand", schedule=None, params={{"factor": 2}}) as dag:
    clean = PythonScriptOperator(
        task_id="clean",
        script_name="clean.py",
        arguments=[notes, OutputFileDatasetConfig("clean").register_on_complete("clean")],
        inputs=[raw.as_named_input("raw").as_mount()],
        **common,
    )
    total = PythonScriptOperator(
        task_id="total",
        script_name="total.py",
        arguments=[notes, clean.outputs["clean"], OutputFileDatasetConfig("total"), "{{{{ params.factor }}}}"],
        **common,
    )

    @task
    def other():
        return "any other task"

    other() >> clean
'''
CLEAN = """
import os, sys
from azureml.core import Run
note = open(sys.argv[1], "a"); note.write("clean\\n"); note.close()
raw = Run.get_context().input_datasets["raw"]
numbers = [line for name in sorted(os.listdir(raw)) for line in open(os.path.join(raw, name)) if line.strip()]
open(os.path.join(sys.argv[2], "numbers"), "w").writelines(numbers)
"""
TOTAL = """
import os, sys
note = open(sys.argv[1], "a"); note.write("total\\n"); note.close()
numbers = map(int, open(os.path.join(sys.argv[2], "numbers")))
open(os.path.join(sys.argv[3], "total"), "w").write(str(sum(numbers) * int(sys.argv[4])))
"""


def bag(folder: Path) -> Any:
    """What Airflow's DAG processor finds in a folder; it passes over files that do not look like DAG files."""
    from airflow.dag_processing.dagbag import DagBag

    found = DagBag(str(folder), safe_mode=True)
    assert found.import_errors == {}
    return found


def test_the_readmes_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied into a file beside its steps, and read from a working directory of no matter."""
    (text,) = re.findall(r"```python\n(from pathlib.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for name in ("prepare", "train"):
        (tmp_path / "dags" / name).mkdir(parents=True)
        (tmp_path / "dags" / name / f"{name}.py").touch()
    (tmp_path / "dags" / "images.py").write_text(text)
    (tmp_path / "dags" / "requirements.txt").write_text("pandas\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    dag = bag(tmp_path / "dags").dags["images"]
    assert dag.task_dict["train.py"].upstream_task_ids == {"plan", "prepare.py"}
    assert dag.params["rate"] == 0.1


@pytest.mark.usefixtures("airflow_home")
def test_the_example_runs_once_by_dag_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment that it asks for; so this is the test that takes long."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)
    dag = bag(EXAMPLES).dags["compare_models"]
    from compare_models_data import write

    ws = Workspace.from_config()
    write(ws)
    first, second = run(dag), run(dag)
    steps = ("prepare", "train_linear", "train_forest", "compare")
    assert first.states == {"plan": "success", **dict.fromkeys(steps, "success")}
    assert second.states == {"plan": "success", **dict.fromkeys(steps, "skipped")}
    assert [second.outputs(step) for step in steps] == [first.outputs(step) for step in steps]

    ran, reused = (PipelineRun.get(ws, pipeline_run_id("compare_models", done.run_id)) for done in (first, second))
    assert (ran.get_status(), reused.get_status()) == ("Finished", "Finished")
    assert {step.type for step in reused.get_steps()} == {"azureml.ReusedStepRun"}
    (compare,) = ran.find_step_run("compare")
    assert compare.get_metrics()["best_accuracy"] > 0.9
    assert compare.get_tags()["best"] in ("linear", "forest")
    report = Dataset.get_by_name(ws, "compare_models_report")
    assert report.version == 1
    (path,) = report.download(str(tmp_path / "report"))
    assert json.loads(Path(path).read_text())["best"] == compare.get_tags()["best"]


@pytest.mark.usefixtures("airflow_home")
def test_the_example_of_several_processes_runs_on_a_real_mpi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)
    done = run(bag(EXAMPLES).dags["distributed_step"], points=40_000)
    assert done.states == {"plan": "success", "estimate": "success"}
    ran = PipelineRun.get(Workspace.from_config(), pipeline_run_id("distributed_step", done.run_id))
    metrics = ran.find_step_run("estimate")[0].get_metrics()
    assert metrics["processes"] == 4
    assert 3.0 < metrics["pi"] < 3.3


@pytest.mark.usefixtures("airflow_home")
def test_operators_in_a_dag_by_hand(ws: Workspace, airflow: Airflow, tmp_path: Path) -> None:
    for folder in ("source", "dags"):
        (tmp_path / folder).mkdir()
    (tmp_path / "source" / "clean.py").write_text(CLEAN)
    (tmp_path / "source" / "total.py").write_text(TOTAL)
    (tmp_path / "numbers.txt").write_text("1\n2\n\n3\n")
    ws.get_default_datastore().upload_files([str(tmp_path / "numbers.txt")], target_path="raw", show_progress=False)
    text = OPERATORS.format(folder=str(tmp_path), python=sys.executable)
    (tmp_path / "dags" / "by_hand.py").write_text(text)
    dag = bag(tmp_path / "dags").dags["by_hand"]

    first = run(dag)
    assert first.states == dict.fromkeys(("other", "clean", "total"), "success")
    assert executions(tmp_path / "notes") == ["clean", "total"]
    assert total(ws, first) == "12"

    second = run(dag, factor=3)
    assert executions(tmp_path / "notes") == ["clean", "total", "total"]
    assert second.xcoms["clean"]["return_value"]["reused"] is True
    assert total(ws, second) == "18"

    # By a scheduler, in another Airflow: the workspace is the same, and so are the results.
    with airflow.dag_file("by_hand", text, ws._store().root):
        run_id = str(uuid.uuid4())
        airflow.api.trigger("by_hand", run_id, {"factor": 3})
        assert airflow.ended("by_hand", run_id) == "success"
    assert executions(tmp_path / "notes") == ["clean", "total", "total"]
    done = PipelineRun.get(ws, run_id)
    assert {step.type for step in done.get_steps()} == {"azureml.ReusedStepRun"}
    assert Dataset.get_by_name(ws, "clean").version == 1


def total(ws: Workspace, done: Run) -> str:
    """What the step of this name wrote."""
    place = done.outputs("total")["total"]["path"]
    return Path(ws._store().root, "stores/workspaceblobstore", place, "total").read_text()
