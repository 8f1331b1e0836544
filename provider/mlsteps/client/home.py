"""Where the embedded Airflow lives on this machine."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

#: A Unix socket's path may hold 104 bytes on some systems; a longer home gets its socket in the temporary folder.
_SOCKET_PATH_LIMIT = 100


class Home(NamedTuple):
    """The files of one embedded Airflow. ``$MLSTEPS_HOME/airflow`` is its ``AIRFLOW_HOME``."""

    folder: Path

    @property
    def configuration(self) -> Path:
        """``airflow.cfg``; holds secrets, mode 600."""
        return self.folder / "airflow.cfg"

    @property
    def passwords(self) -> Path:
        """Passwords of Airflow's simple auth manager; mode 600."""
        return self.folder / "passwords.json"

    @property
    def database(self) -> Path:
        """The metadata database."""
        return self.folder / "airflow.db"

    @property
    def dags(self) -> Path:
        """The DAG folder: one constant file."""
        return self.folder / "dags"

    @property
    def pipelines(self) -> Path:
        """Which workspace each DAG belongs to: ``{dag_id: root}``."""
        return self.folder / "pipelines.json"

    @property
    def workspaces(self) -> Path:
        """Roots of the workspaces whose published pipelines the embedded Airflow answers for: a list."""
        return self.folder / "workspaces.json"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.folder / "server.lock"

    @property
    def submissions(self) -> Path:
        """Locked by a client while it writes a graph and triggers a run of it."""
        return self.folder / "submit.lock"

    @property
    def description(self) -> Path:
        """``server.json``: how to reach the supervisor that runs now."""
        return self.folder / "server.json"

    def log(self, name: str) -> Path:
        """Log of one part (``server``, ``scheduler``, ``core``, ``execution``, ...)."""
        return self.folder / "logs" / f"{name}.log"

    def make(self) -> None:
        """Create the folders; the home is readable by its owner alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for folder in (self.dags, self.folder / "logs", self.folder / "plugins"):
            folder.mkdir(exist_ok=True)

    def socket_path(self) -> Path:
        """A fresh path for the supervisor's control socket, short enough for the operating system."""
        path = self.folder / "control.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        return Path(tempfile.mkdtemp(prefix="mlsteps-")) / "control.sock"


def airflow_home() -> Home:
    """``$MLSTEPS_HOME/airflow``; ``MLSTEPS_HOME`` is ``~/.mlsteps`` unless set."""
    root = os.environ.get("MLSTEPS_HOME") or os.path.join(os.path.expanduser("~"), ".mlsteps")
    return Home(Path(os.path.abspath(root)) / "airflow")


def read_json(path: Path) -> Any:
    """The file's JSON, or None when there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(partial, path)


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a text file, or "" when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
