"""``airflow mlsteps environment``, called as Airflow calls it; environments are really made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from mlsteps.environments import unused
from mlsteps.registry.documents import register_environment
from mlsteps.registry.workspaces import open_workspace
from tests.environments.test_virtual import document, wheels
from tests.provider.test_commands import airflow

__all__ = ["wheels"]


@pytest.fixture
def ws(tmp_path, airflow_home, monkeypatch, wheels):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    ws = open_workspace({"root": str(tmp_path / "w"), "name": "w"})
    register_environment(ws, {**document(wheels, "tinything"), "name": "mine"})
    return ws


@pytest.fixture
def told(ws, capsys):
    def read(*command):
        airflow("environment", *command, "-w", ws.root, "--output", "json")
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return read


def test_built_ahead_shown_and_pruned(ws, told):
    assert told("show", "mine")[0]["is_there"] is False
    built = told("build", "mine")
    assert built[0]["environment"] == "mine" and os.path.exists(built[0]["python"])
    shown = told("show", "mine")[0]
    assert shown["is_there"] is True and built[0]["python"].startswith(shown["folder"])
    assert shown["requirements"].splitlines()[-1] == "tinything"
    assert told("prune", "--days", "1") == []
    long_ago = time.time() - 40 * 86400
    os.utime(os.path.join(shown["folder"], unused.USED), (long_ago, long_ago))
    assert told("prune", "--days", "60") == []
    assert told("prune") == [{"removed": shown["folder"]}]
    assert not os.path.exists(shown["folder"]) and told("show", "mine")[0]["is_there"] is False


def test_what_a_removal_that_was_interrupted_left_is_removed_too(ws, told, tmp_path):
    left = tmp_path / "home" / "environments" / "abc.old"
    left.mkdir(parents=True)
    long_ago = time.time() - 40 * 86400
    os.utime(left, (long_ago, long_ago))
    assert told("prune") == [{"removed": str(left)}] and not left.exists()


def test_no_credential_is_shown(ws, told):
    pip = ["--index-url https://me:secret@index.example.com/simple", "own @ https://me:secret@example.com/own.whl"]
    register_environment(ws, {"name": "private", "python": {"conda": {"dependencies": [{"pip": pip}]}}})
    shown = json.dumps(told("show", "private"))
    assert "secret" not in shown and "****@index.example.com" in shown


def test_curated_names_need_no_registration(told):
    shown = told("show", "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu")[0]
    assert 'scikit-learn==1.0.2; python_version < "3.11"' in shown["requirements"] and shown["python"] == "==3.8.*"


def test_a_workspace_says_what_a_curated_name_stands_for_in_a_process_of_its_own(ws, tmp_path):
    def told(*command):
        command = ["mlsteps", "environment", *command, "-w", ws.root, "--output", "json"]
        done = subprocess.run([sys.executable, "-m", "airflow", *command], capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done.stderr

    rows = {row["environment"]: row for row in told("list")}
    assert rows["mine"]["kind"] == "registered" and rows["mine"]["made_of"] == "tinything"
    assert (
        rows["AzureML-PyTorch-1.6-GPU"]["kind"] == "curated" and "torch," in rows["AzureML-PyTorch-1.6-GPU"]["made_of"]
    )
    assert told("map", "AzureML-PyTorch-*", "mine")[0]["environment"] == "mine"
    rows = {row["environment"]: row for row in told("list")}
    assert (rows["AzureML-PyTorch-1.6-GPU"]["kind"], rows["AzureML-PyTorch-*"]["made_of"]) == ("mapped", "mine")
    assert told("show", "AzureML-PyTorch-1.6-GPU")[0]["requirements"].splitlines()[-1] == "tinything"
    assert "nearest names are" in told("show", "AzureML-Chainer-5.1")
    assert "No environment 'nothing'" in told("map", "AzureML-Minimal", "nothing")


@pytest.mark.parametrize(
    "arguments, message",
    [(["nothing"], "There are: mine"), ([], "--dag-id"), (["mine", "--version", "7"], "No environment 'mine'")],
)
def test_what_is_not_there_is_named(ws, arguments, message):
    with pytest.raises(SystemExit, match=message):
        airflow("environment", "show", *arguments, "-w", ws.root)
