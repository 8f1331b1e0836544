"""``python pipeline.py`` and ``mlsteps run``: a script that has no server, from nothing to the end; nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.airflow import processes_with, wait_for
from tests.e2e.chain import executions

STEP = """
import os, sys, time
name, what = sys.argv[1:3]
open(os.path.join(os.path.dirname(os.environ["NOTES"]), name + ".started"), "w").write(repr(time.time()))
note = open(os.environ["NOTES"], "a"); note.write(name + "\\n"); note.close()
print("this is", name)
if what == "fail":
    sys.exit("no luck today")
if what == "hang":
    time.sleep(100)
with open(os.path.join(sys.argv[3], "data"), "w") as file:
    file.write(name)
"""
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
config.environment_variables = {"NOTES": os.path.abspath("notes")}

def step(name, what, source=None):
    made = OutputFileDatasetConfig(name)
    inputs = [source.as_input(name="source")] if source is not None else []
    step = PythonScriptStep("step.py", name=name, arguments=[name, what, made], inputs=inputs,
                            source_directory="source", runconfig=config, compute_target="cpu")
    return step, made

first, made = step("first", sys.argv[1])
others = [step(name, "go", made)[0] for name in ("left", "right")]
run = Experiment(ws, "script").submit(Pipeline(ws, [first, others]))
run.wait_for_completion(show_output=True)
print("the end of the script")
"""


class Place(NamedTuple):
    """A folder with a script, and an ``MLSTEPS_HOME`` of its own."""

    folder: Path
    home: Path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """As from a terminal: in a process group of its own."""
        variables = {**os.environ, "MLSTEPS_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, *command], cwd=self.folder, env=variables, text=True, start_new_session=True, **pipes
        )

    def started(self, name: str) -> Path:
        """The file that a step makes first of all; holds the time."""
        return self.folder / f"{name}.started"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One for all tests here, which come in the order of a person's first day."""
    made = Place(tmp_path_factory.mktemp("script"), tmp_path_factory.mktemp("home") / "mlsteps")
    (made.folder / "source").mkdir()
    (made.folder / "source" / "step.py").write_text(STEP)
    (made.folder / "plain.py").write_text(PIPELINE)
    (made.folder / "pipeline.py").write_text("import mlsteps.azureml\n" + PIPELINE)
    return made


@pytest.fixture(autouse=True)
def _nothing_is_left(place: Place) -> Iterator[None]:
    yield
    assert processes_with(place.home) == []


def test_from_nothing_to_the_end(place: Place) -> None:
    begun = time.time()
    with place.start("pipeline.py", "go") as script:
        output, errors = script.communicate(timeout=300)
    assert script.returncode == 0, errors
    assert output.endswith("the end of the script\n")
    assert "[left] this is left\n" in output
    assert executions(place.folder / "notes") == ["first", "left", "right"]
    seconds = float(place.started("first").read_text()) - begun
    print(f"the first step began after {seconds:.1f} s, the end came after {time.time() - begun:.1f} s")


def test_a_script_that_knows_only_azureml_reuses_what_the_other_has_made(place: Place) -> None:
    before = executions(place.folder / "notes")
    with place.start("-m", "mlsteps.cli.main", "run", "plain.py", "go") as script:
        output, errors = script.communicate(timeout=300)
    assert script.returncode == 0, errors
    assert output.count("Status: Finished (reused from run ") == 3
    assert executions(place.folder / "notes") == before


def test_a_failing_pipeline(place: Place) -> None:
    with place.start("pipeline.py", "fail") as script:
        output, errors = script.communicate(timeout=300)
    assert script.returncode == 1
    assert "step 'first'" in errors
    assert errors.rstrip().endswith("this is first\nno luck today")
    assert "the end of the script" not in output


def test_ctrl_c(place: Place) -> None:
    place.started("first").unlink()
    with place.start("pipeline.py", "hang") as script:
        wait_for(place.started("first").exists, "the first step runs")
        os.killpg(script.pid, signal.SIGINT)
        output, errors = script.communicate(timeout=300)
    assert script.returncode not in (0, None)
    assert "Cancelling " in errors
    assert "the end of the script" not in output
