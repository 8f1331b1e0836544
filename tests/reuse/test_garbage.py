"""Clean-up: what goes, what stays and why, runs that begin meanwhile, kills in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from mlsteps.contracts.dataset import file_definition
from mlsteps.errors import InvalidInput
from mlsteps.registry import datasets, models, records, removals
from mlsteps.registry.runs import RunStore
from mlsteps.reuse.garbage import DAY, DELETE, KEEP, LATER, collect, plan, seconds_of
from tests.reuse.world import BLOB, step

PIPELINE = (step("prepare"), step("train", ["prepare"]))


def files(world) -> list[str]:
    return [entry.path for entry in world.store.list("azureml")]


def aged(world, days: float = 40) -> None:
    """Every record as old as that."""
    for record in records.all_records(world.ws):
        records.replace_record(world.ws, replace(record, created=time.time() - days * DAY))


def run_of(world, run_id: str, created: float | None = None, status: str | None = None) -> None:
    runs = RunStore(world.ws)
    when = {} if created is None else {"created": created}
    runs.create(run_id, experiment="e", type="azureml.PipelineRun", dag_id="d", steps=["prepare"], **when)
    if status:
        runs.write(run_id, "status", status=status)


def actions(found) -> dict[str, str]:
    return {item.record.producer["step_name"]: item.action for item in found}


def test_a_plan_deletes_nothing(world) -> None:
    world.run(*PIPELINE)
    aged(world)
    found = plan(world.ws, 30 * DAY)
    assert actions(found) == {"prepare": DELETE, "train": DELETE}
    assert sum(item.files for item in found) == 2 and sum(item.size for item in found) > 0
    assert len(files(world)) == 2 and world.ws.names("removals") == []
    world.run(*PIPELINE)
    assert world.executed == []


def test_what_is_old_goes_and_its_steps_run_again(world) -> None:
    world.run(*PIPELINE)
    aged(world)
    assert actions(collect(world.ws, 30 * DAY)) == {"prepare": DELETE, "train": DELETE}
    assert files(world) == [] and records.all_records(world.ws) == []
    assert world.ws.names("removals") == [] and list(world.ws.store.list("manifests")) == []
    world.run(*PIPELINE)
    assert world.executed == ["prepare", "train"] and len(files(world)) == 2
    assert actions(collect(world.ws, 30 * DAY)) == {"prepare": KEEP, "train": KEEP}


class TestWhatStays:
    @pytest.fixture
    def old(self, world):
        world.run(*PIPELINE)
        aged(world)
        return world

    def kept(self, world, reason: str) -> None:
        found = {item.record.producer["step_name"]: item for item in collect(world.ws, 30 * DAY)}
        assert found["prepare"].action == KEEP and reason in found["prepare"].reason
        assert found["train"].action == DELETE and files(world) == ["azureml/1-prepare/out/a.txt"]

    @pytest.mark.parametrize("path", ["azureml/1-prepare/out", "azureml/1-prepare/out/*.txt", "azureml/1-prepare/**"])
    def test_what_a_dataset_reads(self, old, path) -> None:
        datasets.register(old.ws, "rows", file_definition(BLOB, path))
        self.kept(old, "dataset rows:1 reads it")

    def test_what_a_model_was_registered_from(self, old, tmp_path) -> None:
        (tmp_path / "m.bin").write_bytes(b"m")
        models.register(old.ws, "net", str(tmp_path / "m.bin"), run_id="1-prepare")
        self.kept(old, "model net:1")

    def test_what_a_later_run_has_reused(self, old) -> None:
        runs = RunStore(old.ws)
        run_of(old, "later", status="Completed")
        runs.create("child", experiment="e", type="azureml.ReusedStepRun", parent="later", root="later", step="prepare")
        runs.write("child", "reused", run_id="1-prepare")
        self.kept(old, "was reused 0.0 days ago")

    def test_what_lies_where_the_pipeline_says(self, old) -> None:
        (record,) = [item for item in records.all_records(old.ws) if item.producer["step_name"] == "prepare"]
        place = replace(record.outputs["out"], path="results/latest")
        records.replace_record(old.ws, replace(record, outputs={"out": place}))
        self.kept(old, "results/latest is a place that the pipeline names")


class TestRunsMeanwhile:
    def test_a_run_that_was_there_before_keeps_the_data_until_it_ends(self, world) -> None:
        world.run(*PIPELINE)
        aged(world)
        run_of(world, "running", created=time.time() - 60, status="Running")
        assert set(actions(collect(world.ws, 30 * DAY)).values()) == {LATER}
        assert len(files(world)) == 2  # it may have decided to reuse them
        assert records.all_records(world.ws) == []  # nobody decides so any more
        RunStore(world.ws).write("running", "status", status="Completed")
        assert set(actions(collect(world.ws, 30 * DAY)).values()) == {DELETE}
        assert files(world) == []

    def test_a_run_that_begins_between_plan_and_deletion(self, world, monkeypatch) -> None:
        world.run(*PIPELINE)
        aged(world)
        begin = removals.begin

        def meanwhile(ws, record):
            if RunStore(world.ws).head("meanwhile") is None:
                run_of(world, "meanwhile", status="Running")
                assert world.plan(*PIPELINE).decisions[0].action == "reuse"  # it has seen the record in time
            return begin(ws, record)

        monkeypatch.setattr(removals, "begin", meanwhile)
        assert set(actions(collect(world.ws, 30 * DAY)).values()) == {LATER}
        assert len(files(world)) == 2

    def test_a_run_that_begins_afterwards_makes_anew_and_keeps_what_it_makes(self, world) -> None:
        world.run(*PIPELINE)
        aged(world)
        run_of(world, "old", created=time.time() - 60, status="Running")
        collect(world.ws, 30 * DAY)
        world.run(*PIPELINE)
        assert world.executed == ["prepare", "train"]
        RunStore(world.ws).write("old", "status", status="Completed")
        collect(world.ws, 30 * DAY)
        assert files(world) == ["azureml/2-prepare/out/a.txt", "azureml/2-train/out/a.txt"]
        world.run(*PIPELINE)
        assert world.executed == []

    def test_a_run_that_never_said_that_it_ended_counts_for_a_while_only(self, world) -> None:
        world.run(*PIPELINE)
        aged(world)
        run_of(world, "lost", created=time.time() - 31 * DAY, status="Running")
        assert set(actions(collect(world.ws, 30 * DAY)).values()) == {DELETE}


#: Cleans up the workspace argv[1] and is killed at the call number argv[2] that changes it.
KILLED = """
import os, signal, sys
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.garbage import collect
from mlsteps.storage.local import LocalStore
left = [int(sys.argv[2])]
def counted(real):
    def call(*args, **options):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    return call
LocalStore.delete = counted(LocalStore.delete)
LocalStore.write = counted(LocalStore.write)
collect(open_workspace({"name": "w", "root": sys.argv[1]}), 30 * 86400.0)
"""


@pytest.mark.parametrize("number", range(12))
def test_a_kill_at_any_moment_leaves_nothing_that_a_run_would_take(world, number) -> None:
    world.run(*PIPELINE)
    aged(world)
    killed = subprocess.run([sys.executable, "-c", KILLED, world.ws.root, str(number)], env=dict(os.environ))
    assert killed.returncode == -9
    decisions = world.plan(*PIPELINE).decisions
    for decision in decisions:
        if decision.action == "reuse":  # then all of it is there
            assert world.store.read(f"{decision.record.outputs['out'].path}/a.txt")
    collect(world.ws, 30 * DAY)
    assert files(world) == [] and records.all_records(world.ws) == [] and world.ws.names("removals") == []


@pytest.mark.parametrize(("text", "seconds"), [("30d", 30 * DAY), ("12h", 43200), ("1.5m", 90), ("0s", 0)])
def test_lengths_of_time(text, seconds) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1w", "1e3d"])
def test_what_is_no_length_of_time(text) -> None:
    with pytest.raises(InvalidInput, match="30d"):
        seconds_of(text)
