"""Login by password, at a real server with a real list of passwords: one that it alone sees."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from pathlib import Path

import pytest

from mlsteps.cli.health_computes import computes
from mlsteps.errors import UserErrorException
from mlsteps.registry.placements import put_placement
from mlsteps.sdk.workspace import Workspace
from tests.components.ssh_place import CONNECTION, Server, SshPlace, connected, server
from tests.runner.conftest import steps

__all__ = ["connected", "server", "steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


class Passwords(Server):
    """Lets in root by a password, which is in a list that is mounted over the machine's for this server alone."""

    _passwords = "yes"

    def __init__(self, folder: Path) -> None:
        self.password = secrets.token_urlsafe(12)
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=self.password, capture_output=True, text=True, check=True
        ).stdout.strip()
        kept = [line for line in Path("/etc/shadow").read_text().splitlines() if not line.startswith("root:")]
        shadow = folder / "shadow"
        shadow.touch(0o600)
        shadow.write_text("\n".join([f"root:{hashed}:19000:0:99999:7:::", *kept, ""]))
        script = 'mount --bind "$0" /etc/shadow && exec "$@"'
        self._before = ("unshare", "--mount", "sh", "-c", script, str(shadow))
        super().__init__()

    def by_password(self, password: str) -> str:
        """An Airflow connection that has no key."""
        said = json.loads(self.connection(private_key=None, look_for_keys=False, allow_agent=False))
        return json.dumps({**said, "password": password})


@pytest.fixture
def passwords(tmp_path):
    allowed = os.getuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0
    if not allowed:
        pytest.skip("only root can give a server a list of passwords of its own")
    made = Passwords(tmp_path)
    yield made
    made.stop()


def test_a_password_lets_a_step_in_and_is_seen_nowhere(passwords, steps, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", passwords.by_password(passwords.password))
    place = SshPlace(steps)
    try:
        started = place.start("import time; print('in', flush=True); time.sleep(3)")
        assert started.lines == ["in"] and passwords.password.encode() not in b"".join(
            path.read_bytes() for path in place.folder.rglob("*") if path.is_file()
        )
        assert started.ended().status == "Completed"
        assert passwords.password not in str(started.lines) and place.left() == []
    finally:
        place.close()


def test_a_wrong_password_is_told(passwords, steps, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", passwords.by_password("wrong-one"))
    place = SshPlace(steps)
    try:
        with pytest.raises(UserErrorException, match=f"does not let in the connection {CONNECTION!r}") as raised:
            place.prepared()
        assert "wrong-one" not in str(raised.value)
    finally:
        place.close()


def found(ws, name):
    """What the doctor says of a compute target: its state and words."""
    return next((item.state, item.said) for item in computes(ws) if item.what.startswith(f"{name} "))


def test_the_doctor_looks_at_machines(connected, steps, monkeypatch):
    ws = Workspace("sub", "group", "w")
    store = ws._store()
    put_placement(store, {"name": "box", "kind": "ssh", "options": {"ssh_conn_id": CONNECTION}})
    state, said = found(ws, "box")
    assert state == "ok" and f"127.0.0.1:{connected.port} answers: Python 3." in said

    put_placement(store, {"name": "old", "kind": "ssh", "options": {"ssh_conn_id": CONNECTION, "python": "no-python"}})
    assert found(ws, "old")[0] == "FAULT" and "no-python" in found(ws, "old")[1]
    put_placement(store, {"name": "lost", "kind": "ssh", "options": {"ssh_conn_id": "not_here"}})
    state, said = found(ws, "lost")
    assert state == "note" and "is not looked at from here" in said and "not_here" in said
