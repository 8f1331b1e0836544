"""Pods that nobody collects, on the cluster: what a clean-up takes, and what it leaves alone."""

from __future__ import annotations

import json
import time
import uuid
from argparse import Namespace

import pytest

from mlsteps.cli.gc import gc
from mlsteps.compute import kubernetes_swept
from mlsteps.compute.kubernetes_pod import MANAGED, PIPELINE, RUN
from mlsteps.operators.cleanup import clean_up
from mlsteps.registry.placements import put_placement
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from tests.components.kubernetes_place import client, image

COMMAND = {"ended": ["python3", "-c", "pass"], "waits": ["python3", "-c", "import time; time.sleep(600)"]}


class World:
    """A workspace, and pods of its runs as tasks leave them."""

    def __init__(self, root: str) -> None:
        self.api, self.mark = client(), uuid.uuid4().hex
        self.ws = open_workspace({"name": "swept", "root": root})
        self.runs = RunStore(self.ws)
        options = {"image": image(), "labels": {"test": self.mark}}
        for name in ("one", "two"):  # of the same cluster
            put_placement(self.ws, {"name": name, "kind": "kubernetes", "options": options})

    def run(self, pipeline: str, step: str) -> tuple[str, str]:
        """Runs in these states."""
        ids = str(uuid.uuid4()), str(uuid.uuid4())
        self.runs.create(ids[0], experiment="e", type="azureml.PipelineRun", name="p", steps=["s", "t"])
        self.runs.create(
            ids[1], experiment="e", type="azureml.StepRun", name="s", parent=ids[0], step="s", **{"try": 1}
        )
        for run_id, status in zip(ids, (pipeline, step), strict=True):
            self.runs.write(run_id, "status", status=status)
        return ids

    def pod(self, ids: tuple[str, str], what: str) -> str:
        name = f"sweep-{uuid.uuid4().hex[:12]}"
        labels = {MANAGED: "mlsteps", PIPELINE: ids[0], RUN: ids[1], "test": self.mark}
        container = {"name": "base", "image": image(), "imagePullPolicy": "IfNotPresent", "command": COMMAND[what]}
        spec = {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
        self.api.create_namespaced_pod("default", {"metadata": {"name": name, "labels": labels}, "spec": spec})
        return name

    def phases(self) -> dict[str, str]:
        found = self.api.list_namespaced_pod("default", label_selector=f"test={self.mark}").items
        return {pod.metadata.name: pod.status.phase for pod in found if not pod.metadata.deletion_timestamp}

    def until(self, name: str, phase: str) -> None:
        end = time.monotonic() + 60
        while self.phases().get(name) != phase:
            assert time.monotonic() < end
            time.sleep(0.2)


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World(str(tmp_path / "root"))
    monkeypatch.setattr(kubernetes_swept, "_MOMENT", 0.0)
    yield made
    for name in made.phases():
        made.api.delete_namespaced_pod(name, "default", grace_period_seconds=0)
    made.api.api_client.close()


def test_what_goes_and_what_stays(world, monkeypatch, capsys):
    failed = world.pod(world.run("Failed", "Failed"), "waits")  # its result was never asked for
    finished = world.pod(world.run("Canceled", "Canceled"), "ended")
    ending = world.pod(world.run("Canceled", "Running"), "waits")  # its task is about to stop it
    active = world.pod(world.run("Running", "Running"), "waits")
    collectable = world.pod(world.run("Running", "Running"), "ended")  # whoever waits may ask why
    elsewhere = world.pod((str(uuid.uuid4()), str(uuid.uuid4())), "ended")  # of another workspace
    world.until(finished, "Succeeded")
    world.until(collectable, "Succeeded")
    world.until(active, "Running")

    before = set(world.phases())
    usual = {"workspace": world.ws.root, "older_than": "30d", "all": False, "verbose": False, "subcommand": "mlsteps"}
    gc(Namespace(**usual, apply=False, output="json"))
    told = capsys.readouterr()
    rows = {row["places"][0].rpartition("/")[2]: row["action"] for row in json.loads(told.out)}
    assert rows == {
        **dict.fromkeys((failed, finished), "delete"),
        **dict.fromkeys((ending, active, collectable), "keep"),
    }
    assert "To be deleted: 2 pods that nobody collects. Kept: 3 pods." in told.err
    assert set(world.phases()) == before

    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", world.ws.root)
    assert clean_up()["pods"] == {"delete": 2, "keep": 3, "unseen": {}}
    assert set(world.phases()) == {ending, active, collectable, elsewhere}

    monkeypatch.setattr(kubernetes_swept, "_LONG", 0.0)  # a day later: its DAG run was deleted, and says nothing more
    gc(Namespace(**usual, apply=True, output="table"))
    assert "Deleted: 2 pods that nobody collects. Kept: 1 pods." in capsys.readouterr().out
    assert set(world.phases()) == {active, elsewhere}


def test_a_cluster_that_is_away_keeps_nothing_else_from_being_cleaned(world, monkeypatch):
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", world.ws.root)
    put_placement(world.ws, {"name": "far", "kind": "kubernetes", "options": {"config_file": "/none/config"}})
    pod = world.pod(world.run("Failed", "Failed"), "ended")
    answer = clean_up()
    assert answer["pods"]["delete"] == 1 and list(answer["pods"]["unseen"]) == ["far"]
    assert pod not in world.phases()
