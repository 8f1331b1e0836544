"""``mlsteps workspace doctor``: each fault is found, with the way to mend it; what is fine is left as it was."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlsteps.cli.main import main
from mlsteps.registry.documents import put_datastore
from mlsteps.registry.placements import put_placement
from tests.cli.shop import Shop, Terminal


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def faults(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["what"]: item for item in found if item["state"] == "FAULT"}


def test_a_sound_workspace_has_no_fault_and_is_left_as_it_was(shop: Shop, terminal: Terminal) -> None:
    before = files(shop.two.root)
    found = terminal.json("workspace", "doctor")
    assert faults(found) == {}
    said = {(item["area"], item["what"], item["said"]) for item in found}
    assert ("datastore", "workspaceblobstore", "can be written") in said
    assert files(shop.two.root) == before
    assert not list(shop.two.root.rglob(".mlsteps-doctor*"))
    readonly = terminal.json("workspace", "doctor", "--read-only")
    assert "can be written" not in {item["said"] for item in readonly}


def test_stores_that_cannot_be_opened_or_written_are_faults(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    put_datastore(shop.ws, {"name": "broken", "type": "AzureBlob", "url": str(tmp_path / "file" / "below")})
    put_datastore(shop.ws, {"name": "far", "type": "AzureBlob", "url": "nosuch://bucket", "connection": "keys"})
    found = terminal.json("workspace", "doctor", code=1)
    assert set(faults(found)) == {"broken", "far"}
    assert all(item["mend"] or "pip install" in item["said"] for item in faults(found).values())
    notes = [item for item in found if item["state"] == "note" and item["what"] == "far"]
    assert "AIRFLOW_CONN_KEYS" in notes[0]["mend"]


def test_a_compute_target_whose_engine_does_not_answer(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    options = {"docker_url": f"unix://{tmp_path}/absent.sock"}
    put_placement(shop.ws, {"name": "cpu", "kind": "docker", "options": options})
    assert list(faults(terminal.json("workspace", "doctor", code=1))) == ["cpu (docker)"]


def test_a_workspace_that_is_not_there_is_the_only_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workspace", "doctor", str(tmp_path / "none"), "--json"]) == 1
    (fault,) = faults(json.loads(capsys.readouterr().out)).values()
    assert "workspace init" in fault["mend"] and not (tmp_path / "none").exists()


def test_an_airflow_that_does_not_answer(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        extra = {"root": shop.root, "airflow_url": url}
        monkeypatch.setenv(
            "AIRFLOW_CONN_MLSTEPS_TEAM", json.dumps({"conn_type": "mlsteps", "extra": extra, "login": "u"})
        )
        assert main(["workspace", "doctor", "-w", "mlsteps_team"]) == 1
    told = capsys.readouterr().out
    assert f"FAULT  airflow: {url}" in told and "check airflow_url" in told and "\n1 fault." in told


class _Health(BaseHTTPRequestHandler):
    """An Airflow without a triggerer, of which only the health is told."""

    def do_GET(self) -> None:
        names = ("metadatabase", "scheduler", "dag_processor")
        whole = {**{name: {"status": "healthy"} for name in names}, "triggerer": {"status": None}}
        is_asked = self.path.endswith("/monitor/health")
        self.send_response(200 if is_asked else 404)
        self.end_headers()
        self.wfile.write(json.dumps(whole if is_asked else {}).encode())

    do_POST = do_GET

    def log_message(self, *said: object) -> None:
        pass


def test_deferred_steps_need_a_triggerer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        extra = {"root": shop.root, "airflow_url": f"http://127.0.0.1:{server.server_port}"}
        known = {"conn_type": "mlsteps", "extra": extra, "login": "u", "password": "p"}
        monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_TEAM", json.dumps(known))
        told = []
        for deferrable in (False, True):
            put_placement(shop.ws, {"name": "pods", "kind": "kubernetes", "options": {"deferrable": deferrable}})
            main(["workspace", "doctor", "-w", "mlsteps_team"])
            told.append(capsys.readouterr().out)
        server.shutdown()
    assert "triggerer" not in told[0]
    assert "FAULT  airflow: triggerer" in told[1] and "start airflow triggerer" in told[1]
