"""``airflow mlsteps compute``, called as Airflow calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from mlsteps.registry.documents import put_compute
from mlsteps.registry.placements import get_placement
from mlsteps.registry.workspaces import open_workspace
from tests.provider.test_commands import airflow


@pytest.fixture
def ws(tmp_path, airflow_home, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    ws = open_workspace({"root": str(tmp_path / "w"), "name": "w"})
    settings = {"vm_size": "STANDARD_D2_V2", "scale_settings": {"maximum_node_count": 3}}
    put_compute(ws, {"name": "cpu-cluster", "type": "AmlCompute", "settings": settings})
    return ws


@pytest.fixture
def told(capsys):
    def read(*command):
        airflow("compute", *command, "--output", "json")
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return read


def test_set_show_list_and_forget(ws, told):
    row = told("set", "cpu-cluster", "-w", ws.root, "--kind", "docker", "-p", "image=python:3.11", "-p", "cpus=1")
    assert (row[0]["kind"], row[0]["said_by"], row[0]["cores"], row[0]["memory_gib"]) == ("docker", "cpu-cluster", 2, 7)
    told("set", "cpu-cluster", "-w", ws.root, "-p", "cpus=", "-p", "network=none", "--queue", "docker")
    assert get_placement(ws, "cpu-cluster") == {
        "name": "cpu-cluster",
        "kind": "docker",
        "options": {"image": "python:3.11", "network": "none"},
        "queue": "docker",
    }
    assert told("show", "cpu-cluster", "-w", ws.root)[0]["options"] == {"image": "python:3.11", "network": "none"}
    assert [row["compute"] for row in told("list", "-w", ws.root)] == ["*", "cpu-cluster"]
    airflow("compute", "set", "cpu-cluster", "-w", ws.root, "--remove")
    assert get_placement(ws, "cpu-cluster") is None
    with pytest.raises(SystemExit, match="says nothing of 'cpu-cluster'"):
        airflow("compute", "set", "cpu-cluster", "-w", ws.root, "--remove")


@pytest.mark.parametrize("config", [False, True], ids=["nothing is configured", "config.json"])
def test_without_a_workspace_it_is_the_one_that_a_script_here_takes(config, tmp_path, airflow_home, monkeypatch, told):
    from mlsteps.sdk.workspace import Workspace

    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if config:
        named = {"subscription_id": "s", "resource_group": "g", "workspace_name": "team"}
        (tmp_path / "config.json").write_text(json.dumps(named))
    told("set", "cpu-cluster", "--kind", "docker", "-p", "image=python:3.11")
    assert get_placement(Workspace.from_config()._store(), "cpu-cluster")["kind"] == "docker"
    assert os.listdir(tmp_path / "home" / "workspaces") == ["team" if config else "mlsteps-local"]


def test_a_target_that_a_script_made_is_placed_by_commands_in_processes_of_their_own(tmp_path, airflow_home):
    """What a person does after ``AmlCompute.provisioning_configuration``, in the same workspace."""
    root = str(tmp_path / "w")
    script = (
        "import mlsteps.azureml; from azureml.core import Workspace; from azureml.core.compute import *\n"
        "given = AmlCompute.provisioning_configuration(vm_size='Standard_NC6s_v3', max_nodes=2,\n"
        "                                              idle_seconds_before_scaledown=600)\n"
        "ComputeTarget.create(Workspace.from_config(), 'gpu-cluster', given)\n"
    )
    variables = {**os.environ, "MLSTEPS_HOME": str(tmp_path / "home"), "MLSTEPS_WORKSPACE_ROOT": root}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=variables, check=True)

    def command(*words):
        told = [sys.executable, "-m", "airflow", *words, "--output", "json"]
        done = subprocess.run(told, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout[done.stdout.index("[") :])

    command("mlsteps", "compute", "set", "gpu-cluster", "-w", root, "--kind", "docker", "--pool", "gpus")
    (row,) = command("mlsteps", "compute", "show", "gpu-cluster", "-w", root)
    assert (row["kind"], row["cores"], row["gpus"], row["max_nodes"]) == ("docker", 6, 1, 2)
    assert row["scale_settings"]["idle_seconds_before_scaledown"] == 600
    assert {item["pool"]: item["slots"] for item in command("pools", "list")}["gpus"] in (2, "2")


def test_a_pool_is_as_large_as_the_cluster(ws, told):
    from airflow.models.pool import Pool

    told("set", "cpu-cluster", "-w", ws.root, "--kind", "local", "--pool", "cpu")
    assert Pool.get_pool("cpu").slots == 3
    told("set", "cpu-cluster", "-w", ws.root, "--pool", "cpu", "--slots", "5")
    assert Pool.get_pool("cpu").slots == 5
    assert get_placement(ws, "cpu-cluster")["pool"] == "cpu"
    with pytest.raises(SystemExit, match="--slots"):
        airflow("compute", "set", "*", "-w", ws.root, "--kind", "local", "--pool", "other")
    assert get_placement(ws, "*") is None


def test_steps_of_the_target_are_put_into_its_pool(ws, told, tmp_path):
    from mlsteps.contracts.graph import PipelineGraph, StepNode
    from mlsteps.translate import dag

    told("set", "cpu-cluster", "-w", ws.root, "--kind", "local", "--pool", "cpu", "--queue", "q")
    nodes = (
        StepNode(id="a", name="a", script="a.py", compute={"name": "cpu-cluster"}),
        StepNode(id="b", name="b", script="a.py"),
        StepNode(id="c", name="c", script="a.py", compute={"name": "cpu-cluster", "pool": "own"}),
    )
    made = dag(PipelineGraph(nodes, workspace={"name": "w", "root": ws.root}), "pools")
    assert [made.get_task(name).pool for name in "abc"] == ["cpu", "default_pool", "own"]
    assert made.get_task("a").queue == "q"


@pytest.mark.parametrize(
    "wrong, told",
    [
        (["--kind", "docker", "-p", "imgae=x"], "no option 'imgae'"),
        (["--kind", "docker", "-p", "image"], "name=value"),
        (["--kind", "nothing"], "one of local, docker"),
        ([], "--kind says which"),
    ],
)
def test_what_cannot_be_is_refused(ws, wrong, told):
    with pytest.raises(SystemExit, match=told):
        airflow("compute", "set", "cpu-cluster", "-w", ws.root, *wrong)
    assert get_placement(ws, "cpu-cluster") is None
