"""``make demo``: the example pipeline, twice, on a real ``airflow standalone`` of its own.

MLSTEPS_DEMO   folder of the demo (default ``.demo``): Airflow's home, the workspace, logs
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from rich.console import Console

from mlsteps.client import demo_report, standalone
from mlsteps.client.airflow_api import ENDED, AirflowApi
from mlsteps.client.standalone import Standalone
from mlsteps.errors import AzureMLException, ExperimentExecutionException

DAG_ID = "compare_models"
#: Seconds for a new DAG to be found.
FOUND_WITHIN = 120.0
#: Lines of a failed task's log that are shown.
TAIL = 60

console = Console(soft_wrap=True, highlight=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo, or stop what it left running; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mlsteps.client.demo", description=__doc__)
    parser.add_argument("--stop", action="store_true", help="stop the demo's Airflow")
    options = parser.parse_args(arguments)
    folder = Path(os.environ.get("MLSTEPS_DEMO") or ".demo").resolve()
    try:
        return _stop(folder) if options.stop else _run(folder, _dags())
    except AzureMLException as error:
        console.print(f"[bold red]The demo failed.[/] {error}", markup=True)
        return 1


def _stop(folder: Path) -> int:
    server = standalone.known(folder)
    if server is None:
        console.print("No demo is running.")
    else:
        server.stop()
        console.print("The demo's Airflow has ended.")
    return 0


def _dags() -> Path:
    """``dags_examples`` beside the package's sources, or below the current folder."""
    for folder in (Path(__file__).resolve().parents[3], Path.cwd()):
        if (folder / "dags_examples" / f"{DAG_ID}.py").is_file():
            return folder / "dags_examples"
    raise ExperimentExecutionException(
        f"There is no dags_examples/{DAG_ID}.py. Run the demo in a clone of the project's repository."
    )


def _run(folder: Path, dags: Path) -> int:
    begun = time.monotonic()
    # The workspace of this process is the one that Airflow's tasks find.
    os.environ["MLSTEPS_HOME"] = str(folder / "mlsteps")
    server = standalone.running(folder)
    if server is not None:
        console.print(f"Airflow is running already at {server.url}.")
    else:
        console.print(f"Starting `airflow standalone` in {folder} ...")
        server = standalone.start(folder, dags)
        console.print(f"Airflow is up at {server.url}, after {time.monotonic() - begun:.0f} s.")
    _write_data(dags / f"{DAG_ID}_data.py")
    api = server.api()
    _wait_for_dag(server, api)
    runs = []
    for which in ("First", "Second"):
        console.rule(f"{which} run")
        run_id = _trigger(api)
        if not _watch(server, api, run_id):
            return _failed(api, run_id)
        runs.append(run_id)
    demo_report.report(console, server, runs)
    console.print(f"\nIn all {time.monotonic() - begun:.0f} s. Airflow stays up; stop it with: make demo-stop")
    return 0


def _write_data(script: Path) -> None:
    """The example's data is made by a script of its own, which leaves alone what is there."""
    if not script.is_file():
        return
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExperimentExecutionException(f"{script.name} failed:\n{done.stdout}{done.stderr}")
    console.print(done.stdout.strip())


def _wait_for_dag(server: Standalone, api: AirflowApi) -> None:
    parts, deadline = len(server.parts()), time.monotonic() + FOUND_WITHIN
    while api.dag(DAG_ID) is None:
        server.check(parts)
        if time.monotonic() > deadline:
            errors = "\n".join(api.import_errors()) or "Airflow reports no import error."
            raise ExperimentExecutionException(f"Airflow did not find the DAG {DAG_ID!r}. {errors}")
        time.sleep(0.5)


def _trigger(api: AirflowApi) -> str:
    # The workspace's run gets the same id: a UUID stands for itself.
    run_id = str(uuid.uuid4())
    api.trigger(DAG_ID, run_id, {})
    return run_id


def _watch(server: Standalone, api: AirflowApi, run_id: str) -> bool:
    """Print each task's state as it changes; whether the run succeeded."""
    shown: dict[str, str] = {}
    parts, begun = len(server.parts()), time.monotonic()
    while True:
        state = api.run_state(DAG_ID, run_id)
        for task in api.task_instances(DAG_ID, run_id):
            now = demo_report.task_state(task)
            if now and shown.get(task["task_id"]) != now:
                shown[task["task_id"]] = now
                name = task.get("task_display_name") or task["task_id"]
                console.print(f"{time.monotonic() - begun:6.1f} s  {name:24} {now}")
        if state in ENDED:
            return state == "success"
        server.check(parts)
        time.sleep(0.5)


def _failed(api: AirflowApi, run_id: str) -> int:
    for task in api.task_instances(DAG_ID, run_id):
        if task["state"] == "failed":
            console.rule(f"Log of {task['task_id']}, try {task['try_number']}")
            lines = list(api.log_lines(DAG_ID, run_id, task["task_id"], task["try_number"]))
            console.print("\n".join(lines[-TAIL:]), markup=False)
    console.print(f"[bold red]The run {run_id} failed.[/] Airflow stays up for a look; stop it with: make demo-stop")
    return 1


if __name__ == "__main__":
    sys.exit(main())
