"""What the tests ask of the embedded Airflow, and how they wait for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from mlsteps.client.airflow_api import ENDED, AirflowApi
from mlsteps.client.embedded import Embedded, embedded
from mlsteps.client.home import Home


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 180.0, pause: float = 0.05) -> Any:
    """The first true answer of ``condition``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(pause)


class Airflow:
    """The embedded Airflow of a home; started when it is first asked for."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._api: AirflowApi | None = None
        assert self.server.faults() == []

    @property
    def server(self) -> Embedded:
        """This process's connection: while it is open, the server lives."""
        return embedded()

    @property
    def api(self) -> AirflowApi:
        """The REST API."""
        if self._api is None or self._api.address != self.server.address:
            self.close()
            self._api = AirflowApi(self.server.address)
        return self._api

    def close(self) -> None:
        """Close the connections to the REST API."""
        if self._api is not None:
            self._api.close()

    def get(self, path: str, **query: Any) -> Any:
        """JSON of a GET request."""
        answer = self.api._request("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """The answer to a POST request, whatever it is."""
        return self.api._request("POST", path, json=body)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """State of each task of a run."""
        return {task["task_id"]: task["state"] for task in self.api.task_instances(dag_id, run_id)}

    def tries(self, dag_id: str, run_id: str) -> dict[str, int]:
        """How many tries Airflow made of each task."""
        return {task["task_id"]: task["try_number"] for task in self.api.task_instances(dag_id, run_id)}

    def started(self, dag_id: str, run_id: str) -> list[str]:
        """The tasks of which a process was started, as Airflow sees it."""
        return [task["task_id"] for task in self.api.task_instances(dag_id, run_id) if task["pid"]]

    def ended(self, dag_id: str, run_id: str, seconds: float = 90.0) -> str:
        """The state of a run when it has ended."""

        def state() -> str | None:
            found = self.api.run_state(dag_id, run_id)
            return found if found in ENDED else None

        return str(wait_for(state, f"run {run_id} of {dag_id} ends", seconds))

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """A task's log."""
        return "\n".join(self.api.log_lines(dag_id, run_id, task_id, try_number))

    @contextmanager
    def dag_file(self, name: str, text: str, root: str) -> Iterator[str]:
        """A DAG in the server's DAG folder, loaded; its id is the file's name."""
        path = self.home.dags / f"{name}.py"
        path.write_text(text)
        try:
            assert self.server.sync(name, root)
            yield name
        finally:
            path.unlink()

    def scheduler(self) -> psutil.Process:
        """The scheduler: the parent of the executor's workers."""
        return wait_for(self._scheduler, "the scheduler has workers")

    def _scheduler(self) -> psutil.Process | None:
        for process in psutil.Process(self._supervisor()).children(recursive=True):
            try:
                if "LocalExecutor" in " ".join(process.cmdline()):
                    return process.parent()
            except psutil.NoSuchProcess:
                continue
        return None

    def _supervisor(self) -> int:
        import json

        return int(json.loads(self.home.description.read_text())["pid"])


def step_processes(home: Home, step_run_id: str) -> tuple[psutil.Process, psutil.Process, psutil.Process] | None:
    """The task process, the runner and the script of a step that runs; None while it does not."""
    folder = home.folder.parent / "work" / step_run_id
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and str(folder / "spec.json") in process.cmdline():
                scripts = process.children()
                return (process.parent(), process, scripts[0]) if scripts else (process.parent(), process, process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return None


def processes_with(home: Path) -> list[str]:
    """Processes that have this ``MLSTEPS_HOME`` in their environment, or work below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid():
                continue
            inside = process.cwd() == str(home) or process.cwd().startswith(f"{home}{os.sep}")
            if inside or process.environ().get("MLSTEPS_HOME") == str(home):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found
