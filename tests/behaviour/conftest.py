"""Pipelines as people write them, run by Airflow's own ``dag.test()``: what real code relies on without saying so."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import mlsteps.azureml  # noqa: F401  (these tests say `from azureml...` as pipelines do)
from mlsteps.registry.run_ids import pipeline_run_id
from tests.operators.runs import run


class Ran(NamedTuple):
    """A pipeline that has run. ``told``: what each script left with :data:`TELL`, by step name."""

    pipeline_run: Any
    told: dict[str, dict[str, Any]]


#: Put before a script: ``tell(name=value, ...)`` leaves facts for the test.
TELL = """
import json as _json, os as _os

def tell(**facts):
    path = _os.path.join(_os.environ["NOTES"], _os.environ["AML_STEP"] + ".json")
    known = _json.load(open(path)) if _os.path.exists(path) else {}
    with open(path, "w") as file:
        _json.dump({**known, **facts}, file, default=str)

"""


class World:
    """A workspace with its own home, and a folder of scripts."""

    def __init__(self, folder: Path) -> None:
        from azureml.core import Workspace

        self.folder = folder
        self.notes = folder / "notes"
        self.source = folder / "source"
        self.notes.mkdir()
        self.source.mkdir()
        self.workspace = Workspace._from_reference({"name": "behaviour", "root": str(folder / "workspace")})
        self.store = self.workspace.get_default_datastore()
        self.blob = folder / "workspace" / "stores" / "workspaceblobstore"

    def runconfig(self, step: str) -> Any:
        """The interpreter of these tests, and where ``tell`` leaves what it is told."""
        from azureml.core import RunConfiguration

        config = RunConfiguration()
        config.environment.python.user_managed_dependencies = True
        config.environment.environment_variables = {"NOTES": str(self.notes), "AML_STEP": step}
        return config

    def step(self, name: str, script: str, **options: Any) -> Any:
        """A step that runs this text."""
        from azureml.pipeline.steps import PythonScriptStep

        folder = self.source / name.strip()
        folder.mkdir(exist_ok=True)
        (folder / "script.py").write_text(TELL + script)
        given = {"source_directory": str(folder), "runconfig": self.runconfig(name.strip()), "compute_target": "cpu"}
        return PythonScriptStep("script.py", name=name, **{**given, **options})

    def run(self, pipeline: Any, dag_id: str, **parameters: Any) -> Ran:
        """Run a pipeline to its end."""
        from azureml.core import Experiment
        from azureml.pipeline.core import PipelineRun

        done = run(pipeline.as_dag(dag_id), **parameters)
        made = PipelineRun(Experiment(self.workspace, dag_id), pipeline_run_id(dag_id, done.run_id))
        failed = [child for child in made.get_steps() if child.get_status() != "Finished"]
        assert not failed, [(child.name, child.get_job_log()) for child in failed]
        told = {path.stem: json.loads(path.read_text()) for path in self.notes.glob("*.json")}
        return Ran(made, told)


@pytest.fixture(scope="module")
def world(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("behaviour")
    before = os.environ.get("MLSTEPS_HOME")
    os.environ["MLSTEPS_HOME"] = str(folder / "home")
    os.environ.pop("MLSTEPS_RUN", None)
    yield World(folder)
    os.environ.pop("MLSTEPS_HOME")
    if before is not None:
        os.environ["MLSTEPS_HOME"] = before


@pytest.fixture
def script_step(world: World) -> Callable[..., Any]:
    """As ``World.step``, for pipelines that are only built."""

    def make(name: str, **options: Any) -> Any:
        return world.step(name, "", **options)

    return make
