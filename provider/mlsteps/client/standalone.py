"""``airflow standalone`` for the demo: started, watched, found again, stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil  # type: ignore[import-untyped]

from mlsteps.client.airflow_api import Address, AirflowApi
from mlsteps.client.configuration import PARALLELISM, USER, environment
from mlsteps.client.home import Home, read_json, tail, write_private
from mlsteps.errors import AzureMLException, ExperimentExecutionException

#: Seconds for all components to become healthy: about twenty on two cores, minutes where these have much else to do.
HEALTHY_WITHIN = 300.0
#: What ``airflow standalone`` starts; it neither restarts nor reports one that dies.
COMPONENTS = ("scheduler", "dag_processor", "triggerer", "metadatabase")
#: Those that this process has started, by their ids: ``subprocess`` complains about a handle that is dropped earlier.
_handles: dict[int, subprocess.Popen[bytes]] = {}


class Standalone(NamedTuple):
    """A running ``airflow standalone``.

    :param started: creation time of its process, which tells it from another one that got the same id.
    """

    folder: Path
    pid: int
    started: float
    url: str

    @property
    def log(self) -> Path:
        """Its output."""
        return self.folder / "standalone.log"

    def api(self) -> AirflowApi:
        """Its REST API, with the login that Airflow has generated."""
        return AirflowApi(Address(self.url, USER, self.password()))

    def password(self) -> str:
        """Airflow's generated password."""
        return str((read_json(_passwords(self.folder)) or {})[USER])

    def process(self) -> psutil.Process | None:
        """Its process, or None when it has ended."""
        try:
            found = psutil.Process(self.pid)
            alive = found.create_time() == self.started and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return found if alive else None

    def parts(self) -> list[psutil.Process]:
        """The processes of its components that are alive."""
        process = self.process()
        return [] if process is None else [child for child in process.children() if _is_alive(child)]

    def is_healthy(self) -> bool:
        """Whether every component has answered lately."""
        api = AirflowApi(Address(self.url))
        try:
            health = api.healthy()
        except (httpx.HTTPError, AzureMLException):
            return False
        finally:
            api.close()
        return all(health.get(name) == "healthy" for name in COMPONENTS)

    def check(self, parts: int) -> None:
        """Raise when a component has died.

        :param parts: how many there were.
        :raises ExperimentExecutionException: with the end of the log.
        """
        alive = len(self.parts())
        if alive < parts:
            raise ExperimentExecutionException(
                f"{parts - alive} of Airflow's {parts} components died. The end of {self.log}:\n{tail(self.log, 40)}"
            )

    def stop(self) -> None:
        """End it and everything below it."""
        process = self.process()
        if process is not None:
            self._end(process)
        handle = _handles.pop(self.pid, None)
        if handle is not None:
            handle.poll()

    @staticmethod
    def _end(process: psutil.Process) -> None:
        family = [process, *process.children(recursive=True)]
        process.send_signal(signal.SIGINT)  # what Ctrl-C is to it: it ends its components in order
        _, alive = psutil.wait_procs(family, timeout=15)
        for one in alive:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(alive, timeout=5)


def known(folder: Path) -> Standalone | None:
    """The one that an earlier demo has left in this folder, whatever its state; None when it has ended."""
    description: dict[str, Any] | None = read_json(folder / "server.json")
    if description is None:
        return None
    found = Standalone(folder, description["pid"], description["started"], description["url"])
    return found if found.process() is not None else None


def running(folder: Path) -> Standalone | None:
    """As :func:`known`, if it is whole; one that has lost a component is stopped."""
    found = known(folder)
    if found is None or (len(found.parts()) >= read_json(folder / "server.json")["parts"] and found.is_healthy()):
        return found
    found.stop()
    return None


def start(folder: Path, dags: Path, settings: Mapping[str, object] | None = None) -> Standalone:
    """Start one and wait until it is healthy.

    :param folder: gets ``airflow/`` (its home) and ``mlsteps/`` (``MLSTEPS_HOME``).
    :param dags: DAG folder.
    :param settings: more of Airflow's configuration: ``{"<SECTION>__<KEY>": value}``.
    :raises ExperimentExecutionException: when it does not become healthy, with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, *log_ports = _free_ports(3)
    url = f"http://127.0.0.1:{port}"
    with open(folder / "standalone.log", "wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), "standalone"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(folder, dags, port, log_ports, settings or {}),
            start_new_session=True,
        )
    _handles[process.pid] = process
    made = Standalone(folder, process.pid, psutil.Process(process.pid).create_time(), url)
    parts = _wait_until_healthy(made, process)
    description = {"pid": made.pid, "started": made.started, "url": url, "parts": parts}
    write_private(folder / "server.json", json.dumps(description))
    return made


def _wait_until_healthy(server: Standalone, process: subprocess.Popen[bytes]) -> int:
    """The number of its components."""
    deadline, most = time.monotonic() + HEALTHY_WITHIN, 0
    while time.monotonic() < deadline and process.poll() is None:
        parts = len(server.parts())
        if parts < most:
            break
        most = parts
        if server.is_healthy():
            return most
        time.sleep(0.5)
    server.stop()
    raise ExperimentExecutionException(f"Airflow did not start. The end of {server.log}:\n{tail(server.log, 40)}")


def _environment(
    folder: Path, dags: Path, port: int, log_ports: list[int], more: Mapping[str, object]
) -> dict[str, str]:
    settings = {
        "CORE__DAGS_FOLDER": dags,
        "CORE__LOAD_EXAMPLES": False,
        "CORE__PARALLELISM": PARALLELISM,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": _passwords(folder),
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "LOGGING__WORKER_LOG_SERVER_PORT": log_ports[0],
        "LOGGING__TRIGGER_LOG_SERVER_PORT": log_ports[1],
        "DAG_PROCESSOR__REFRESH_INTERVAL": 15,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.2,
        "WORKERS__EXECUTION_API_TIMEOUT": 120,
        "USAGE_DATA_COLLECTION__ENABLED": False,
        **more,
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    base = environment(Home(folder / "airflow"), os.environ)
    return {**base, "PATH": path, **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()}}


def _passwords(folder: Path) -> Path:
    return folder / "airflow" / "passwords.json"


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _free_ports(count: int) -> list[int]:
    listeners = [socket.socket() for _ in range(count)]
    for listener in listeners:
        listener.bind(("127.0.0.1", 0))
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
