from __future__ import annotations

import json
import os
import uuid

import pytest

from mlsteps.sdk import step_context
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.sections import forget_warnings
from mlsteps.sdk.workspace import Workspace


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A machine where nothing is configured; the current folder is empty."""
    for name in list(os.environ):
        if name.startswith(("AIRFLOW_CONN_MLSTEPS", "MLSTEPS_", "AIRFLOW_VAR_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    forget_warnings()
    return tmp_path / "home"


@pytest.fixture
def ws():
    return Workspace("sub", "group", "sea")


@pytest.fixture
def run(ws):
    return Experiment(ws, "waves").start_logging()


@pytest.fixture
def step(ws, tmp_path, monkeypatch):
    """Makes this process a step, as the runner does; answers the ids and the file."""

    def begin(inputs=None, outputs=None):
        runs = ws._run_store()
        parent, child = str(uuid.uuid4()), str(uuid.uuid4())
        runs.create(parent, experiment="waves", type="azureml.PipelineRun", name="pipe", steps=["train"])
        head = {"step": "train", "try": 1}
        runs.create(child, experiment="waves", type="azureml.StepRun", name="Train it ", parent=parent, **head)
        runs.write(child, "status", status="Running")
        file = tmp_path / f"{child}.json"
        document = {
            "run_id": child,
            "pipeline_run_id": parent,
            "experiment": "waves",
            "workspace": {**ws._reference(), "root": ws._store().root},
            "step_name": "Train it ",
            "inputs": inputs or {},
            "outputs": outputs or {},
            "parameters": {},
        }
        file.write_text(json.dumps(document))
        monkeypatch.setenv(step_context.VARIABLE, str(file))
        return parent, child, file

    return begin
