"""The connection type, and which workspace is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlsteps.hooks.connections import airflow_credentials
from mlsteps.hooks.mlsteps import MlstepsHook, resolve_reference
from mlsteps.registry.documents import get_datastore


def connection(monkeypatch: pytest.MonkeyPatch, conn_id: str, **extra: str) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "mlsteps", "extra": extra}))


def test_a_connection_is_a_reference_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_MLSTEPS_TEAM",
        json.dumps(
            {"conn_type": "mlsteps", "login": "me", "password": "hidden", "extra": {"root": str(tmp_path / "ws")}}
        ),
    )
    hook = MlstepsHook("mlsteps_team")
    assert hook.reference() == {"name": "team", "conn_id": "mlsteps_team", "root": str(tmp_path / "ws")}
    assert hook.get_conn().root == str(tmp_path / "ws")
    assert hook.test_connection() == (True, f"The workspace lies at {tmp_path / 'ws'}.")


def test_a_root_that_cannot_be_opened_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    connection(monkeypatch, "mlsteps_bad", root=str(tmp_path / "file" / "below"))
    works, why = MlstepsHook("mlsteps_bad").test_connection()
    assert not works and why


def test_the_order_in_which_a_workspace_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_reference({"name": "a"}) == {"name": "a"}
    assert resolve_reference(None) == {"name": "mlsteps-local"}
    connection(monkeypatch, "mlsteps_default", root="/default")
    assert resolve_reference({"name": "a"})["root"] == "/default"
    assert resolve_reference({"name": "a"})["name"] == "a"
    connection(monkeypatch, "mlsteps_a", root="/of/a")
    assert resolve_reference({"name": "a"})["root"] == "/of/a"
    connection(monkeypatch, "mlsteps_named", root="/named", workspace_name="b")
    assert resolve_reference({"name": "a"}, "mlsteps_named")["root"] == "/named"
    assert resolve_reference({"name": "a", "root": "/own"}, "mlsteps_named")["root"] == "/own"


def test_the_default_connection_of_another_workspace_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, "mlsteps_default", root="/default", workspace_name="other")
    assert resolve_reference({"name": "a"}) == {"name": "a"}
    assert resolve_reference(None)["name"] == "other"


def test_a_connection_that_was_named_has_to_exist() -> None:
    from airflow.sdk.exceptions import AirflowNotFoundException

    with pytest.raises(AirflowNotFoundException):
        resolve_reference(None, "mlsteps_absent")


def test_a_root_on_a_remote_store_is_opened_by_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, "mlsteps_team", root="memory://team/ws", root_conn_id="root_of_team")
    monkeypatch.setenv("AIRFLOW_CONN_ROOT_OF_TEAM", "generic://?use_listings_cache=false")
    reference = resolve_reference({"name": "team"})
    assert reference["root_conn_id"] == "root_of_team"
    ws = MlstepsHook("mlsteps_team").get_conn()
    assert ws.connection == "root_of_team"
    assert get_datastore(ws)["connection"] == "root_of_team"


def test_airflow_connections_are_found_and_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import redact

    monkeypatch.setenv("AIRFLOW_CONN_BOX", "wasb://account:KEYOFTHEBOX@")
    assert airflow_credentials("box") == {"account_name": "account", "account_key": "KEYOFTHEBOX"}
    assert "KEYOFTHEBOX" not in str(redact("it is KEYOFTHEBOX"))
    assert airflow_credentials("absent") is None
