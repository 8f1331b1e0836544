"""A client's connection to the embedded Airflow: starts it when there is none, holds it for the life of the process."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator, Mapping

from mlsteps.client import configuration
from mlsteps.client.airflow_api import Address
from mlsteps.client.home import Home, airflow_home, read_json, tail
from mlsteps.errors import ExperimentExecutionException, InvalidInput

#: Seconds until a supervisor that was started must answer.
START_TIMEOUT = 60.0


class Embedded:
    """One connection. While it is open the embedded Airflow runs; :meth:`leave` ends it when nobody else needs it."""

    def __init__(self, home: Home, connection: socket.socket, description: dict[str, Any]) -> None:
        self.home = home
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.pid = os.getpid()
        self._connection = connection
        self._answers = connection.makefile("rb")
        self._one_request = threading.Lock()
        self.address = Address(description["url"], configuration.USER, configuration.password(home))

    def sync(self, dag_id: str, root: str) -> bool:
        """Have a stored pipeline put into Airflow's database.

        :param root: root of the workspace that holds ``pipelines/<dag_id>/graph.json``.
        :returns: False when the id belongs to another workspace's pipeline.
        :raises ExperimentExecutionException: when Airflow cannot load it, with Airflow's reason.
        """
        answer = self._ask({"do": "sync", "dag_id": dag_id, "root": root})
        if answer.get("error"):
            raise ExperimentExecutionException(f"The pipeline could not be loaded into Airflow: {answer['error']}")
        return not answer.get("taken")

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a DAG run.

        :raises InvalidInput: when Airflow refuses the conf, with its reason.
        """
        answer = self._ask({"do": "trigger", "dag_id": dag_id, "run_id": run_id, "conf": dict(conf)})
        if answer.get("error"):
            raise InvalidInput(f"Airflow does not start {dag_id!r}: {answer['error']}")

    def has_active_run(self, dag_id: str) -> bool:
        """Whether a run of the DAG has not ended."""
        return bool(self._ask({"do": "active", "dag_id": dag_id}).get("active"))

    def active_runs(self) -> list[tuple[str, str]]:
        """``(DAG id, run id)`` of the runs that have not ended."""
        return [(dag_id, run_id) for dag_id, run_id in self._ask({"do": "runs"}).get("runs", ())]

    def faults(self) -> list[str]:
        """What died and was started again, oldest first.

        :raises ExperimentExecutionException: when the embedded Airflow has ended.
        """
        return list(self._ask({"do": "state"})["faults"])

    def leave(self) -> None:
        """Close the connection; for the last client, return when every process has ended."""
        if self._connection.fileno() < 0 or self.pid != os.getpid():
            return
        try:
            self._connection.sendall(b'{"do": "leave"}\n')
            stays = bool(self._answers.read())
        except OSError:
            stays = False  # it has ended already, which is what was asked for
        self._answers.close()
        self._connection.close()
        if self.supervisor is not None and not stays:
            self.supervisor.wait()

    def close(self) -> None:
        """Close the connection and wait for nothing."""
        self._answers.close()
        self._connection.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._one_request:
            try:
                self._connection.sendall(json.dumps(request).encode() + b"\n")
                line = self._answers.readline()
            except (OSError, ValueError):
                line = b""
        answer = json.loads(line) if line else {"fatal": f"see {self.home.log('server')}"}
        if "fatal" in answer:
            raise ExperimentExecutionException(f"The embedded Airflow has ended: {answer['fatal']}")
        return dict(answer)


_mine: Embedded | None = None
_starting = threading.Lock()


def embedded() -> Embedded:
    """This process's connection to the embedded Airflow of its ``MLSTEPS_HOME``, made when first asked for.

    Returns as soon as the supervisor answers, about 0.2 s after it is started; requests to it and to Airflow's API
    wait until the part that answers them is up.

    :raises ExperimentExecutionException: when it does not start, with the end of its log.
    """
    global _mine
    with _starting:
        # A forked child must not use its parent's connection; an ended server is replaced.
        if _mine is None or _mine.pid != os.getpid() or _mine.home != airflow_home() or not _alive(_mine):
            _mine = _connect_or_start(airflow_home())
            atexit.register(_mine.leave)
        return _mine


def connected() -> Embedded | None:
    """As :func:`embedded`, but None when none is running."""
    global _mine
    with _starting:
        if _mine is None or _mine.pid != os.getpid() or _mine.home != airflow_home() or not _alive(_mine):
            found = _connect(airflow_home())
            if found is None or not _alive(found):
                return None
            _mine = found
            atexit.register(_mine.leave)
        return _mine


@contextmanager
def unheld() -> Iterator[Embedded | None]:
    """A connection for the embedded Airflow's own processes: closed at once, so that it keeps nothing alive. None when
    it does not answer."""
    found = _connect(airflow_home())
    try:
        yield found
    finally:
        if found is not None:
            found.close()


def _alive(connection: Embedded) -> bool:
    try:
        connection.faults()
    except ExperimentExecutionException:
        return False
    return True


def _connect_or_start(home: Home) -> Embedded:
    home.make()
    deadline = time.monotonic() + START_TIMEOUT
    supervisor: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        found = _connect(home)
        # One that was there before us may be just ending; our own answers when it has loaded Airflow, which need not
        # be waited for.
        if found is not None and (supervisor is not None or _alive(found)):
            found.supervisor = supervisor
            return found
        # One that ends without serving found another one at work, or failed.
        if supervisor is not None and supervisor.poll():
            break
        if supervisor is None or supervisor.poll() == 0:
            supervisor = _spawn(home)
        time.sleep(0.02)
    raise ExperimentExecutionException(
        f"The embedded Airflow did not start. The end of {home.log('server')}:\n{tail(home.log('server'))}"
    )


def _connect(home: Home) -> Embedded | None:
    description = read_json(home.description)
    if description is None:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(description["socket"])
    except OSError:
        connection.close()
        return None
    return Embedded(home, connection, description)


def _spawn(home: Home) -> subprocess.Popen[bytes]:
    log = os.open(home.log("server"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "mlsteps.client.server"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.folder,
            env=configuration.environment(home, os.environ),
            start_new_session=True,  # Ctrl-C in the terminal reaches the script, which then says what is to end
        )
    finally:
        os.close(log)
