"""From `submit` to the start of the first task, against `airflow dags trigger` of a DAG that is already there.

On one running Airflow. Each is a process of its own and timed from its start: a script that submits a pipeline (the
same again; with another graph, which Airflow has to load first), and Airflow's command. The first task of ours is the
one that plans. Target: at most 1.0. The submission alone, as from a notebook that is there already, is reported, too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path

from benchmarks.measure import report

REPEATS = 3
SCRIPT = """
import sys, time
import mlsteps.azureml
from azureml.core import Experiment, RunConfiguration, Workspace
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

config = RunConfiguration()
config.environment.python.user_managed_dependencies = True
step = PythonScriptStep("step.py", name=sys.argv[1], source_directory="source",
                        compute_target="local", runconfig=config, allow_reuse=False)
ws = Workspace.from_config()
pipeline = Pipeline(ws, [step])
begin = time.time()
run = Experiment(ws, "bench").submit(pipeline)
print("submitted", run.id, begin, flush=True)
"""
PLAIN = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("plain", schedule=None):
    BashOperator(task_id="plan", bash_command="true")
"""


class Airflow:
    """A standalone Airflow with a plain DAG and a bundle of ours."""

    def __init__(self, folder: Path) -> None:
        from mlsteps.client import standalone

        (folder / "dags").mkdir()
        (folder / "dags" / "plain.py").write_text(PLAIN)
        (folder / "source").mkdir()
        (folder / "source" / "step.py").write_text("print('here')\n")
        root = folder / "root"
        bundles = [
            {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}},
            {"name": "team", "classpath": "mlsteps.bundles.MlstepsDagBundle", "kwargs": {"root": str(root)}},
        ]
        settings = {
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": folder / "bundles",
            "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 0,
        }
        os.environ["MLSTEPS_HOME"] = str(folder / "mlsteps")
        self.folder = folder
        self.server = standalone.start(folder, folder / "dags", settings)
        self.api = self.server.api()
        config = {"subscription_id": "s", "resource_group": "g", "workspace_name": "bench", "root": str(root)}
        (folder / "config.json").write_text(json.dumps({**config, "airflow_url": self.server.url}))
        said = {f"AIRFLOW__{key}": str(value) for key, value in settings.items()}
        self.environment = {
            **os.environ,
            **said,
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "MLSTEPS_AIRFLOW_USER": standalone.USER,
            "MLSTEPS_AIRFLOW_PASSWORD": self.server.password(),
        }

    def submit(self, name: str) -> tuple[float, float]:
        """Seconds from the script's start, and from its call, to the start of the first task."""
        began = time.time()
        done = self._run(sys.executable, "-c", SCRIPT, name)
        _, run_id, called = next(line for line in done.splitlines() if line.startswith("submitted ")).split()
        started = self._started("bench", run_id)
        return started - began, started - float(called)

    def trigger(self) -> float:
        """Seconds from the command's start to the start of the first task."""
        run_id, began = uuid.uuid4().hex, time.time()
        self._run(str(Path(sys.executable).parent / "airflow"), "dags", "trigger", "plain", "--run-id", run_id)
        return self._started("plain", run_id) - began

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return done.stdout

    def _started(self, dag_id: str, run_id: str) -> float:
        """When ``plan`` of a run started; returns when the run has ended, so that the next one has a quiet machine."""
        deadline = time.monotonic() + 120
        while self.api.run_state(dag_id, run_id) not in ("success", "failed"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id} {run_id}")
            time.sleep(0.2)
        tasks = {task["task_id"]: task for task in self.api.task_instances(dag_id, run_id)}
        return datetime.fromisoformat(tasks["plan"]["start_date"]).timestamp()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        airflow = Airflow(Path(name))
        try:
            airflow.submit("same"), airflow.trigger()
            same, new, peer = [], [], []
            for number in range(REPEATS):
                same.append(airflow.submit("same"))
                peer.append(airflow.trigger())
                new.append(airflow.submit(f"new{number}"))
        finally:
            airflow.api.close()
            airflow.server.stop()
    for which, times in (("same", same), ("new", new)):
        whole, call = ([one[index] for one in times] for index in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(whole, peer, strict=True))
        a, b = statistics.median(whole), statistics.median(peer)
        report(
            f"submit_to_first_task_{which}", "s", a, b, ratio, 1.0, call_to_first_task=round(statistics.median(call), 2)
        )


if __name__ == "__main__":
    main()
