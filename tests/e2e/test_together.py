"""Two processes submit the same pipeline at the same moment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from azureml.core import Dataset, Workspace
from azureml.pipeline.core import PipelineRun
from mlsteps.registry import datasets
from tests.e2e.airflow import Airflow, wait_for
from tests.e2e.chain import executions

PREPARE = """
import os, sys, time
from azureml.core import Run
run = Run.get_context()
note = open(os.environ["NOTES"], "a"); note.write("prepare\\n"); note.close()
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.05)
open(os.path.join(sys.argv[1], "made_by"), "w").write(run.parent.id)
"""
USE = """
import os, sys
from azureml.core import Run
note = open(os.environ["NOTES"], "a"); note.write("use\\n"); note.close()
made_by = open(os.path.join(sys.argv[1], "made_by")).read()
open(os.path.join(sys.argv[2], "used"), "w").write(made_by + " " + Run.get_context().parent.id)
"""
#: Waits for a line on its standard input, so that two of them begin together.
PIPELINE = """
import os, sys
from azureml.core import Environment, Experiment, Workspace
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config()
config = RunConfiguration()
config.environment.python.user_managed_dependencies = True
config.environment.python.interpreter_path = sys.executable
config.environment_variables = {"NOTES": os.path.abspath("notes"), "GO": os.path.abspath("go")}
made = OutputFileDatasetConfig("made").register_on_complete("made")
used = OutputFileDatasetConfig("used").register_on_complete("used")
common = {"source_directory": "source", "compute_target": "cpu", "runconfig": config}
prepare = PythonScriptStep("prepare.py", name="prepare", arguments=[made], **common)
use = PythonScriptStep("use.py", name="use", arguments=[made.as_input("made"), used], **common)
pipeline = Pipeline(ws, [use])
print("ready", flush=True)
regenerate = sys.stdin.readline() == "regenerate\\n"
run = Experiment(ws, "together").submit(pipeline, regenerate_outputs=regenerate)
print("run", run.id, flush=True)
run.wait_for_completion(show_output=False)
print(run.get_status())
"""


@pytest.fixture
def begun(ws: Workspace, tmp_path: Path) -> Iterator[Callable[[str], Iterator]]:
    """Two processes that have submitted the pipeline, and their runs."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "prepare.py").write_text(PREPARE)
    (tmp_path / "source" / "use.py").write_text(USE)
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    command = [sys.executable, "-m", "mlsteps.cli.main", "run", "pipeline.py"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    both = [subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) for _ in range(2)]

    def begin(how: str) -> tuple[list[subprocess.Popen[str]], list[PipelineRun]]:
        for process in both:
            assert process.stdout.readline() == "ready\n"
        for process in both:
            process.stdin.write(f"{how}\n")
            process.stdin.flush()
        ids = [next(line.split()[1] for line in process.stdout if line.startswith("run ")) for process in both]
        return both, [PipelineRun.get(ws, run_id) for run_id in ids]

    yield begin
    for process in both:
        process.kill()
        process.communicate()


def finish(folder: Path, processes: list[subprocess.Popen[str]], runs: list[PipelineRun]) -> None:
    """Let the first step's script go on, and wait for a good end of both."""
    (folder / "go").touch()
    told = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert [run.get_status() for run in runs] == ["Finished", "Finished"]


def content(ws: Workspace, run: PipelineRun, output: str) -> str:
    """What a run's output holds, read where the run says that it lies."""
    (step,) = [step for step in run.get_steps() if output in step.get_outputs()]
    place = step.get_output_data(output).path_on_datastore
    (path,) = Path(ws._store().root, "stores/workspaceblobstore", place).iterdir()
    return path.read_text()


def registered(ws: Workspace, name: str) -> dict[int, str]:
    """What each version of a dataset holds."""
    store = ws._store()
    found = {}
    for version in datasets.versions(store, name):
        with tempfile.TemporaryDirectory() as folder:
            (path,) = Dataset.get_by_name(ws, name, version).download(folder)
            found[version] = Path(path).read_text()
    return found


def test_two_runs_that_make_everything_anew(airflow: Airflow, ws: Workspace, begun, tmp_path: Path) -> None:
    processes, runs = begun("regenerate")
    wait_for(lambda: executions(tmp_path / "notes") == ["prepare", "prepare"], "both scripts run side by side")
    finish(tmp_path, processes, runs)
    assert executions(tmp_path / "notes") == ["prepare", "prepare", "use", "use"]
    ids = sorted(run.id for run in runs)
    for run in runs:
        assert content(ws, run, "made") == run.id
        assert content(ws, run, "used") == f"{run.id} {run.id}"
    made, used = registered(ws, "made"), registered(ws, "used")
    assert list(made) == list(used) == [1, 2]
    assert sorted(made.values()) == ids
    assert sorted(used.values()) == [f"{run_id} {run_id}" for run_id in ids]


def test_two_runs_of_which_one_makes_and_the_other_waits(
    airflow: Airflow, ws: Workspace, begun, tmp_path: Path
) -> None:
    processes, runs = begun("reuse")
    dag_id = ws._run_store().head(runs[0].id)["dag_id"]

    def states() -> list[str]:
        return sorted(str(airflow.tasks(dag_id, run.id)["prepare"]) for run in runs)

    wait_for(lambda: states() == ["running", "up_for_reschedule"], "one waits, without a worker")
    finish(tmp_path, processes, runs)
    assert executions(tmp_path / "notes") == ["prepare", "use"]
    (makes,) = [run for run in runs if run.find_step_run("prepare")[0].type == "azureml.StepRun"]
    (waits,) = [run for run in runs if run.id != makes.id]
    log = airflow.log(dag_id, waits.id, "prepare")
    assert f"Another run makes the same result: {dag_id}/{makes.id}/prepare" in log
    for run in runs:
        assert content(ws, run, "made") == makes.id
    # The result is new to both, so each has a version of its own, as two undisturbed runs would have.
    assert registered(ws, "made") == {1: makes.id, 2: makes.id}
    versions = [run.find_step_run("prepare")[0].get_outputs()["made"].step_output["dataset"] for run in runs]
    assert sorted(item["version"] for item in versions) == [1, 2]
