"""Kill -9 of each process that takes part in a step, in the middle of it: the retry ends as an undisturbed run."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from azureml.core import Dataset, Workspace
from azureml.pipeline.core import PipelineRun
from mlsteps.contracts.record import StepRecord
from mlsteps.registry import datasets
from mlsteps.registry.documents import get_datastore
from mlsteps.registry.records import get_manifest
from mlsteps.registry.run_ids import step_run_id
from mlsteps.storage.open import open_datastore
from mlsteps.storage.transfer import verify
from tests.e2e.airflow import Airflow, step_processes, wait_for
from tests.e2e.chain import executions

FILES = 40
BYTES = 16 << 20
SMALL = 12

MAKE = f"""
import os, sys, time
note = open(os.environ["NOTES"], "a"); note.write("make\\n"); note.close()
big, *small = sys.argv[2:]
for number in range({FILES}):
    with open(os.path.join(big, "%02d.bin" % number), "wb") as file:
        file.truncate({BYTES})  # takes no space, and as long to hash and to send as any other
        file.seek(number)
        file.write(b"x")
    if number == {FILES // 2} and os.path.exists(sys.argv[1]):
        os.rename(sys.argv[1], sys.argv[1] + ".taken")
        time.sleep(100)
for number, folder in enumerate(small):
    open(os.path.join(folder, "data"), "w").write(str(number))
"""
USE = """
import os, sys
note = open(os.environ["NOTES"], "a"); note.write("use\\n"); note.close()
sizes = [os.path.getsize(os.path.join(sys.argv[1], name)) for name in sorted(os.listdir(sys.argv[1]))]
os.makedirs(sys.argv[2])
open(os.path.join(sys.argv[2], "sizes"), "w").write(str(sizes))
"""
#: A DAG file as its author writes it; retries are Airflow's.
DAG = """
import mlsteps.azureml  # azureml on Airflow
from azureml.core import Environment, RunConfiguration, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config({folder!r})
config = RunConfiguration()
config.environment.python.user_managed_dependencies = True
config.environment.python.interpreter_path = {python!r}
config.environment_variables = {{"NOTES": {folder!r} + "/notes"}}
big = OutputFileDatasetConfig("big").register_on_complete("big")
small = [OutputFileDatasetConfig(f"s{{n}}").register_on_complete(f"small_{{n}}") for n in range({small})]
out = PipelineData("out")
common = {{"source_directory": {folder!r} + "/source", "runconfig": config, "compute_target": "cpu"}}
make = PythonScriptStep("make.py", name="make", arguments=[{folder!r} + "/gate", big, *small], **common)
use = PythonScriptStep("use.py", name="use", arguments=[big.as_input("big"), out], outputs=[out], **common)
retrying = {{"retries": 2, "retry_delay": 0}}
dag = Pipeline(ws, [use]).as_dag({dag_id!r}, schedule=None, default_args=retrying)
"""


class Trial(NamedTuple):
    """One run of the pipeline, going on."""

    airflow: Airflow
    ws: Workspace
    folder: Path
    dag_id: str
    run_id: str

    @property
    def first_try(self) -> str:
        """The id of the first try at ``make``."""
        return step_run_id(self.run_id, "make", 1)

    def uploaded(self) -> int:
        """How many files of ``big`` the first try has brought to the datastore."""
        place = Path(self.ws._store().root, "stores/workspaceblobstore/dataset", self.first_try, "big")
        return sum(1 for path in place.glob("*.bin")) if place.is_dir() else 0

    def processes(self) -> tuple[psutil.Process, psutil.Process, psutil.Process]:
        """Task, runner and script of the first try."""
        return wait_for(lambda: step_processes(self.airflow.home, self.first_try), "the step runs")

    def end(self) -> None:
        """Wait for a good end."""
        state = self.airflow.ended(self.dag_id, self.run_id)
        tries = self.airflow.tries(self.dag_id, self.run_id)
        log = self.airflow.log(self.dag_id, self.run_id, "make", tries["make"])
        assert state == "success", log


Start = Callable[..., AbstractContextManager[Trial]]


@pytest.fixture
def start(airflow: Airflow, workspace_at: Callable) -> Start:
    """Starts the pipeline in a workspace of its own.

    With a gate the script of the first try stops in its middle until it is killed.
    """

    @contextmanager
    def begin(folder: Path, *, gate: bool = False) -> Iterator[Trial]:
        (folder / "source").mkdir(parents=True)
        (folder / "source" / "make.py").write_text(MAKE)
        (folder / "source" / "use.py").write_text(USE)
        if gate:
            (folder / "gate").touch()
        ws = workspace_at(folder)
        dag_id = f"killed_{uuid.uuid4().hex[:8]}"
        text = DAG.format(folder=str(folder), python=sys.executable, dag_id=dag_id, small=SMALL)
        with airflow.dag_file(dag_id, text, ws._store().root):
            run_id = str(uuid.uuid4())
            airflow.api.trigger(dag_id, run_id, {})
            yield Trial(airflow, ws, folder, dag_id, run_id)

    return begin


def state_of(ws: Workspace) -> dict[str, Any]:
    """All that counts in a workspace: recorded outputs by content, and dataset versions. Each is whole."""
    store = ws._store()
    found: dict[str, Any] = {}
    for entry in store.store.list("records"):
        record = StepRecord.from_json(store.read_json(entry.path))
        for name, output in record.outputs.items():
            manifest = get_manifest(store, output.manifest)
            assert verify(manifest, open_datastore(get_datastore(store, output.datastore)), output.path) == []
            assert (record.producer["step_name"], name) not in found
            found[record.producer["step_name"], name] = (output.tree, output.count, output.size)
    for name in datasets.names(store):
        documents = [datasets.get(store, name, version) for version in datasets.versions(store, name)]
        found["versions of", name] = [item["output"]["tree"] for item in documents]
        assert Dataset.get_by_name(ws, name).to_path()
    return found


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """What an undisturbed run leaves, once there was one."""
    return {}


@pytest.fixture
def expected(undisturbed: dict[str, Any], start: Start, tmp_path: Path) -> dict[str, Any]:
    """The state of a workspace after an undisturbed run."""
    if not undisturbed:
        with start(tmp_path / "undisturbed") as trial:
            trial.end()
            undisturbed.update(state_of(trial.ws))
            assert undisturbed["make", "big"][1:] == (FILES, FILES * BYTES)
            assert len(undisturbed) == 2 * (1 + SMALL) + 1
    return undisturbed


TASK, RUNNER, SCRIPT = range(3)


@pytest.mark.parametrize("victim", [TASK, RUNNER, SCRIPT], ids=["task", "runner", "script"])
def test_killed_while_the_script_runs(victim: int, start: Start, expected: dict[str, Any], tmp_path: Path) -> None:
    with start(tmp_path / "killed", gate=True) as trial:
        wait_for((trial.folder / "gate.taken").exists, "the script is in its middle")
        processes = trial.processes()
        processes[victim].kill()
        wait_for(lambda: not any(map(is_alive, processes)), "the others of the step end, too")
        trial.end()
        assert state_of(trial.ws) == expected
        assert executions(trial.folder / "notes") == ["make", "make", "use"]
        assert_told(trial)


@pytest.mark.parametrize("victim", [TASK, RUNNER], ids=["task", "runner"])
def test_killed_in_the_middle_of_an_upload(victim: int, start: Start, expected: dict[str, Any], tmp_path: Path) -> None:
    with start(tmp_path / "killed") as trial:
        processes = trial.processes()
        wait_for(trial.uploaded, "the first files are in the datastore", pause=0.0005)
        processes[victim].kill()
        assert 0 < trial.uploaded() < FILES
        trial.end()
        assert state_of(trial.ws) == expected
        assert executions(trial.folder / "notes") == ["make", "make", "use"]
        assert_told(trial)


@pytest.mark.parametrize("in_upload", [False, True], ids=["in the script", "in the upload"])
def test_a_killed_scheduler_is_started_again(
    in_upload: bool, airflow: Airflow, start: Start, expected: dict[str, Any], tmp_path: Path
) -> None:
    known = len(airflow.server.faults())
    scheduler = airflow.scheduler()
    with start(tmp_path / "killed", gate=not in_upload) as trial:
        processes = trial.processes()
        if in_upload:
            wait_for(trial.uploaded, "the first files are in the datastore", pause=0.0005)
        else:
            wait_for((trial.folder / "gate.taken").exists, "the script is in its middle")
        scheduler.kill()
        assert not in_upload or trial.uploaded() < FILES
        wait_for(lambda: not any(map(is_alive, processes)), "its tasks end with it")
        wait_for(lambda: len(airflow.server.faults()) > known, "the supervisor notices")
        assert "Airflow's scheduler ended with exit code -9; started again" in airflow.server.faults()[-1]
        trial.end()
        assert state_of(trial.ws) == expected
        assert executions(trial.folder / "notes") == ["make", "make", "use"]
        assert_told(trial)


def test_killed_between_the_record_and_the_last_dataset(start: Start, expected: dict[str, Any], tmp_path: Path) -> None:
    """The result exists when the task dies: the retry takes it up, registers the rest, and runs nothing."""
    for number in range(5):  # on a busy machine all may be registered before it is killed: once more
        with start(tmp_path / f"killed{number}") as trial:
            processes = trial.processes()
            registered = Path(trial.ws._store().root, "datasets")
            wait_for(registered.exists, "the first dataset is registered", pause=0.0005)
            if is_alive(processes[TASK]):
                processes[TASK].kill()
            is_in_time = len(datasets.names(trial.ws._store())) < 1 + SMALL
            trial.end()
            assert state_of(trial.ws) == expected
            assert executions(trial.folder / "notes") == ["make", "use"]
            if is_in_time:
                assert_told(trial)
                return
    raise AssertionError("it was never killed in time")


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_told(trial: Trial) -> None:
    """The run and its attempts say how they ended."""
    run = PipelineRun.get(trial.ws, trial.run_id)
    assert run.get_status() == "Finished"
    (make,) = run.find_step_run("make")
    assert (make.get_status(), make.id) == ("Finished", step_run_id(trial.run_id, "make", 2))
    statuses = {child.id: child.get_status() for child in run.get_children()}
    assert statuses.pop(trial.first_try) in ("Failed", "Canceled")
    assert list(statuses.values()) == ["Finished", "Finished"]
