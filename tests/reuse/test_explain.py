from __future__ import annotations

import json
from dataclasses import replace

from mlsteps.reuse.explain import as_json, duration, explain, explain_plan, moment, plan_as_json
from tests.reuse.world import step

STEPS = (step("prepare", data="data"), step("train", ["prepare"], arguments=("--lr", 0.1)))


def test_a_reused_step_names_its_source_and_what_it_saves(world):
    world.run(*STEPS)
    text = explain(world.plan(*STEPS)["train"])
    assert text.startswith("train: reuse. reused from run run1 of dag, 20")
    assert "saves 2.5 s" in text
    assert "output out: workspaceblobstore/azureml/1-train/out (1 files" in text


def test_a_step_that_runs_names_each_difference(world):
    world.run(*STEPS)
    changed = (STEPS[0], replace(STEPS[1], arguments=("--lr", 0.2), version="2"))
    text = explain(world.plan(*changed)["train"])
    assert "train: run. 2 of " in text
    assert "\n  argument 2: 0.1 -> 0.2\n  version: '2' added" in text


def test_a_plan_has_a_line_a_step_and_a_sum(world):
    world.run(*STEPS)
    world.snapshots["train"] = "changed"
    lines = explain_plan(world.plan(*STEPS)).splitlines()
    assert lines[0].startswith("prepare  reuse  reused from run run1")
    assert lines[1].startswith("train    run    1 of ")
    assert lines[2] == "1 of 2 steps are reused, which saves 2.5 s."


def test_the_json_form_says_the_same(world):
    world.run(*STEPS)
    world.snapshots["train"] = "changed"
    reused, run = json.loads(json.dumps(plan_as_json(world.plan(*STEPS))))
    assert (reused["step"], reused["action"], reused["seconds_saved"]) == ("prepare", "reuse", 2.5)
    assert reused["source_run"]["pipeline_run_id"] == "run1"
    assert [change["component"] for change in run["changes"]] == ["source"]
    assert run["changes"][0]["text"] == "source: changed"
    assert "seconds_saved" not in run


def test_a_step_without_a_past(world):
    decision = world.plan(*STEPS)["train"]
    assert explain(decision) == "train: wait. decided when the outputs of prepare are known."
    assert as_json(decision)["waits_for"] == ["prepare"]


def test_durations_and_moments():
    assert [duration(seconds) for seconds in (0.44, 65, 7800)] == ["0.4 s", "1 min 5 s", "2 h 10 min"]
    assert moment(0) == "1970-01-01 00:00:00 UTC"
