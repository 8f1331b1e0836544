"""Steps made of a few lines of Python, run by the real runner in a real local workspace."""

from __future__ import annotations

import itertools
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from mlsteps.compute.forked import ForkedRunner
from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepResult, StepSpec
from mlsteps.registry.documents import get_datastore
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.storage import snapshots
from mlsteps.storage.open import open_datastore

STORE = "workspaceblobstore"


class Steps:
    """A workspace, and steps that run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ws = open_workspace({"name": "w"})
        self.runs = RunStore(self.ws)
        self.lines: list[str] = []
        self._numbers = itertools.count(1)

    @property
    def data(self) -> Path:
        """The default datastore's folder."""
        path = open_datastore(get_datastore(self.ws, STORE)).local_path("")
        assert path is not None
        return Path(path)

    def put(self, path: str, text: str) -> None:
        """A file in the default datastore."""
        target = self.data / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def snapshot(self, **files: str) -> str:
        """A snapshot of files; ``train_py`` is ``train.py``, double underscores are folders."""
        source = self.folder / f"source{next(self._numbers)}"
        for name, text in files.items():
            path = source / (name.replace("__", "/").rpartition("_")[0] + "." + name.rpartition("_")[2])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return snapshots.take(str(source), self.ws).digest

    def spec(self, code: str = "pass", *arguments: Any, **more: Any) -> StepSpec:
        """A spec that runs ``code`` (or ``argv`` when that is given)."""
        run_id = f"run{next(self._numbers)}"
        self.runs.create(run_id, experiment="e", type="azureml.StepRun", name="s")
        fields: dict[str, Any] = {
            "run_id": run_id,
            "pipeline_run_id": "pipeline-run",
            "experiment": "e",
            "step_name": "s",
            "workspace": {"name": "w", "subscription_id": "sub", "resource_group": "group", "root": self.ws.root},
            "argv": ({"python": ""}, "-c", textwrap.dedent(code), *arguments),
            "interpreter": sys.executable,
            "work_directory": os.path.join(os.environ["MLSTEPS_HOME"], "work", run_id),
            "datastores": {STORE: get_datastore(self.ws, STORE)},
        }
        return StepSpec(**{**fields, **more})

    def run(self, code: str = "pass", *arguments: Any, **more: Any) -> StepResult:
        """Run it; its lines are in ``lines`` afterwards, its id in ``last``."""
        spec = self.spec(code, *arguments, **more)
        self.last = spec.run_id
        self.lines = []
        target = LocalTarget()
        result = target.run(spec, {}, on_line=self.lines.append)
        settle(target)
        return result

    def artifact(self, path: str) -> str:
        """An artifact of the last run."""
        return self.runs.artifacts(self.last).read(path).decode()


def settle(target: Any) -> None:
    """Wait until nothing is left of a step that has ended: a local runner clears away when the result was taken."""
    process = getattr(target, "_process", None)
    while isinstance(process, ForkedRunner) and process.poll() is None:
        time.sleep(0.001)


def reads(path: str, name: str = "data", **more: Any) -> InputSpec:
    """An input of one place in the default datastore."""
    fields: dict[str, Any] = {"name": name, "definition": file_definition(STORE, path), "kind": "file", "mode": "mount"}
    return InputSpec(**{**fields, **more})


def writes(name: str = "out", **more: Any) -> OutputSpec:
    """An output into the default datastore."""
    fields: dict[str, Any] = {"name": name, "kind": "file", "datastore": STORE, "path": f"results/{name}"}
    return OutputSpec(**{**fields, **more})
