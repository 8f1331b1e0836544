"""A plain script with no server configured: how soon its first step starts, and that it leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from tests.client.conftest import processes_of, wait_until

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc"),
]

SCRIPT = """
import os, sys
from azureml.core import Experiment, RunConfiguration, Workspace
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

config = RunConfiguration()
config.environment.python.user_managed_dependencies = True
folder = os.path.dirname(__file__)
step = PythonScriptStep("step.py", arguments=[folder, sys.argv[1]], source_directory=folder, runconfig=config)
run = Experiment(Workspace.from_config(), "script").submit(Pipeline(Workspace.from_config(), [step]))
print("run", run.id, flush=True)
if sys.argv[2] == "wait":
    run.wait_for_completion(show_output=True)
"""

STEP = """
import os, sys, time
open(os.path.join(sys.argv[1], "started"), "w").write(str(time.time()))
time.sleep(float(sys.argv[2]))
open(os.path.join(sys.argv[1], "over"), "w").close()
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "pipeline.py").write_text(SCRIPT)
    (tmp_path / "step.py").write_text(STEP)
    (tmp_path / ".amlignore").write_text("started\nover\n")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """As from a terminal: in a process group of its own, which Ctrl-C reaches."""
    command = [sys.executable, "-m", "mlsteps.cli.main", "run", str(folder / "pipeline.py"), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=folder
    )


def status_of(home, run_id: str) -> str:
    ws = open_workspace({"name": "mlsteps-local"})
    return pipeline_status(RunStore(ws), run_id)


def run_id_of(script: subprocess.Popen[str]) -> str:
    return next(line.split()[1] for line in script.stdout if line.startswith("run "))


def test_from_nothing_to_the_first_step_and_to_the_end(home, folder) -> None:
    with start(folder, "1", "leave") as script:
        run_id = run_id_of(script)
        rest, errors = script.stdout.read(), script.stderr.read()
    assert script.returncode == 0, errors
    assert f"Waiting for {run_id} to end" in rest
    assert (folder / "over").exists()
    assert status_of(home, run_id) == "Completed"
    assert processes_of(home) == []


@pytest.mark.parametrize(("how", "code"), [("wait", -signal.SIGINT), ("leave", 0)])
def test_ctrl_c_stops_everything_that_was_started(home, folder, how: str, code: int) -> None:
    with start(folder, "100", how) as script:
        run_id = run_id_of(script)
        wait_until((folder / "started").exists, 180.0, "the step runs")
        script.send_signal(signal.SIGINT)
        _, errors = script.communicate(timeout=180)
    assert script.returncode == code, errors
    assert f"Cancelling {run_id}" in errors
    assert processes_of(home) == []
    assert status_of(home, run_id) == "Canceled"
    assert not (folder / "over").exists()


def test_a_killed_script_leaves_nothing_behind(home, folder) -> None:
    with start(folder, "100", "wait") as script:
        run_id = run_id_of(script)
        wait_until((folder / "started").exists, 180.0, "the step runs")
        script.kill()
    wait_until(lambda: processes_of(home) == [], 60.0, "everything has ended")
    assert status_of(home, run_id) == "Canceled"
    assert not (folder / "over").exists()
