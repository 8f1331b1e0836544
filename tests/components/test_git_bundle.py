"""DAG files in a Git repository, served by Airflow's ``GitDagBundle``: a run keeps the commit that it began with."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsteps.client import standalone
from mlsteps.client.standalone import Standalone
from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore

pytest.importorskip("airflow.providers.git", reason="needs apache-airflow-providers-git")

DAG_FILE = '''
"""An Airflow DAG whose steps are beside it."""
from pathlib import Path

import mlsteps.azureml
from airflow.sdk import DAG
from azureml.core import Workspace
from azureml.core.runconfig import RunConfiguration
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep
from mlsteps.operators import PythonScriptOperator

ws = Workspace.from_config()
here = RunConfiguration()
here.environment.python.user_managed_dependencies = True
steps = Path(__file__).parent / "steps"
said = PipelineData("said")
tell = PythonScriptStep("tell.py", arguments=["--out", said], outputs=[said], source_directory=steps / "tell",
                        runconfig=here, compute_target="local", name="tell")

with DAG("of_git", schedule=None, params={"gate": ""}):
    hold = PythonScriptOperator(task_id="hold", script_name="hold.py", source_directory=str(steps / "hold"),
                                arguments=["{{ params.gate }}"], runconfig=here, workspace=ws, allow_reuse=False)
    group = Pipeline(ws, [tell]).as_task_group("group")
    hold >> group
'''
HOLD = """
import os, sys, time
open(sys.argv[1] + ".waits", "w").close()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.1)
"""
TELL = """
import os, sys
os.makedirs(sys.argv[2], exist_ok=True)
print("it says", open("word.txt").read())
"""


class Repository:
    """A repository on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "steps/hold").mkdir(parents=True)
        (folder / "steps/tell").mkdir()
        self._git("init", "--quiet", "--initial-branch", "main")
        (folder / "of_git.py").write_text(DAG_FILE)
        (folder / "steps/hold/hold.py").write_text(HOLD)
        (folder / "steps/tell/tell.py").write_text(TELL)

    def commit(self, word: str, **files: str) -> str:
        """Make a commit in which the step says a word; answers its digest."""
        (self.folder / "steps/tell/word.txt").write_text(word)
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self._git("add", "--all")
        self._git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", word)
        return self._git("rev-parse", "HEAD")

    def _git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", str(tmp_path / "workspace"))
    return str(tmp_path / "workspace")


@pytest.fixture
def server(tmp_path: Path, root: str, repository: Repository) -> Iterator[Standalone]:
    bundle = {"repo_url": str(repository.folder), "tracking_ref": "main", "refresh_interval": 2}
    bundles = [{"name": "git", "classpath": "airflow.providers.git.bundles.git.GitDagBundle", "kwargs": bundle}]
    repository.commit("first")
    (tmp_path / "dags").mkdir()
    made = standalone.start(
        tmp_path / "airflow",
        tmp_path / "dags",
        {
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": tmp_path / "bundles",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 1,
            "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        },
    )
    try:
        yield made
    finally:
        made.stop()


def wait(condition: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.3)
    return answer


class Runs:
    """Runs of the DAG, each held by a file until it may go on."""

    def __init__(self, server: Standalone, folder: Path, root: str) -> None:
        self.api = server.api()
        self._folder = folder
        self._root = root

    def start(self, name: str) -> None:
        """Returns when its first task waits."""
        self.api.trigger("of_git", name, {"gate": str(self._folder / name)})
        wait(lambda: (self._folder / f"{name}.waits").exists(), f"{name} holds")

    def end(self, name: str) -> tuple[str, bool, dict[str, Any]]:
        """Let it go on to its end: what its step said (once, if it is reused now), whether it is, and properties."""
        (self._folder / name).touch()
        wait(lambda: self.api.run_state("of_git", name) in ("success", "failed"), f"{name} ends")
        assert self.api.run_state("of_git", name) == "success"
        runs = RunStore(WorkspaceStore(self._root))
        run_id = pipeline_run_id("of_git", name, "group")
        step = attempts(runs, run_id)["tell"]
        reused = runs.state(step).reused
        log = runs.artifacts(str(reused["run_id"]) if reused else step).read("user_logs/std_log.txt").decode()
        return log.strip(), bool(reused), dict(runs.state(run_id).properties)


def is_at(api: Any, commit: str) -> bool:
    return (api.dag("of_git") or {}).get("bundle_version") == commit


def test_a_run_keeps_the_sources_of_its_commit(
    server: Standalone, repository: Repository, tmp_path: Path, root: str
) -> None:
    runs = Runs(server, tmp_path, root)
    first = repository._git("rev-parse", "HEAD")
    wait(lambda: is_at(runs.api, first), "Airflow knows the first commit")
    runs.start("a")
    second = repository.commit("second")
    wait(lambda: is_at(runs.api, second), "Airflow knows the second commit")
    runs.start("b")
    # Their pipelines are planned now, and their snapshots taken: each from its own commit.
    assert runs.end("a")[:2] == ("it says first", False)
    said, _, properties = runs.end("b")
    assert said == "it says second"
    assert properties["azureml.git.commit"] == properties["mlsteps.bundle_version"] == second
    assert properties["azureml.git.repository_uri"] == str(repository.folder)
    third = repository.commit("first", **{"README.md": "another file"})
    wait(lambda: is_at(runs.api, third), "Airflow knows the third commit")
    runs.start("c")
    said, reused, properties = runs.end("c")
    assert (said, reused) == ("it says first", True)
    assert properties["azureml.git.commit"] == third
    runs.api.close()
