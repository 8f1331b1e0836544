"""A machine that is reached by SSH, as a place for the behaviour suite: this one, by a server of OpenSSH started here.

``MLSTEPS_TEST_SSHD`` names the server's program, such as ``/usr/sbin/sshd``.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.components.conftest import variable
from tests.compute.place import Place, Started, of_processes
from tests.runner.support import Steps

#: Id of the connection to the server, in the variable that Airflow looks for.
CONNECTION = "mlsteps_test_ssh"


class Server:
    """An OpenSSH server on a free port of this machine, with a host key and a user's key of its own."""

    #: What comes before the server's program, and what its configuration says of passwords.
    _before: tuple[str, ...] = ()
    _passwords = "no"

    def __init__(self) -> None:
        program = variable("MLSTEPS_TEST_SSHD")
        self.folder = Path(tempfile.mkdtemp(prefix="mlsteps-sshd-"))
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (self.folder / "config").write_text(
            _CONFIG.format(port=self.port, folder=self.folder, passwords=self._passwords)
        )
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # where the server of a package has its unprivileged part
        log = str(self.folder / "log")
        self._process = subprocess.Popen([*self._before, program, "-D", "-E", log, "-f", str(self.folder / "config")])
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.05)

    def text(self, name: str) -> str:
        """A key, or a public one."""
        return (self.folder / name).read_text()

    def connection(self, **extra: Any) -> str:
        """An Airflow connection to it."""
        known = {"private_key": self.text("user"), "host_key": " ".join(self.text("host.pub").split()[:2])}
        given = {name: value for name, value in {**known, **extra}.items() if value is not None}
        login = getpass.getuser()
        return json.dumps({"conn_type": "ssh", "host": "127.0.0.1", "port": self.port, "login": login, "extra": given})

    def sessions(self) -> list[int]:
        """The processes that serve its connections."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    status = (process / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(status[1]) == self._process.pid:
                    found.append(int(process.name))
        return found

    def stop(self) -> None:
        """End it; sessions end by themselves."""
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.folder)


_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication {passwords}
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
Subsystem sftp internal-sftp
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def connected(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, with the connection to it where Airflow finds it."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", server.connection())
    return server


class SshPlace(Place):
    """Steps on this machine, reached by SSH.

    :param options: of the placement.
    """

    outlives_worker = True

    def __init__(self, steps: Steps, **options: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mlsteps-there-"))
        options = {"ssh_conn_id": CONNECTION, "python": sys.executable, "folder": str(self.folder), **options}
        super().__init__(steps, {"kind": "ssh", "options": options})

    def left(self) -> list[str]:
        runs = self.folder / "runs"
        return [*super().left(), *(map(str, runs.iterdir()) if runs.exists() else ()), *map(str, self.processes())]

    def processes(self, *words: str) -> list[int]:
        """Those that have something to do with this place, by their arguments or variables, or by all of the words."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                try:
                    said = (process / "cmdline").read_bytes() + b" " + (process / "environ").read_bytes()
                except OSError:
                    continue
                if all(word.encode() in said for word in (words or (str(self.folder),))):
                    found.append(int(process.name))
        return found

    def kill_runner(self, started: Started) -> None:
        for process in self.processes(f"{self.folder}/runs", "/runtime\0", "/answer/result.json"):
            os.kill(process, signal.SIGKILL)

    def visible(self, started: Started) -> bytes:
        seen = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        return b"".join([*seen, *of_processes()])

    def close(self) -> None:
        """Remove what a test that failed has left."""
        for process in self.processes():
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
