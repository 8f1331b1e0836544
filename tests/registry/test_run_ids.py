from __future__ import annotations

import subprocess
import sys
import uuid

from mlsteps.registry.run_ids import made_with, pipeline_run_id, reused_run_id, step_run_id


def test_a_uuid_stands_for_itself():
    chosen = str(uuid.uuid4())
    assert pipeline_run_id("dag", chosen) == chosen


def test_other_run_ids_are_the_same_everywhere_and_differ_by_dag():
    here = pipeline_run_id("dag", "scheduled__2026-01-01T00:00:00+00:00")
    code = (
        "from mlsteps.registry.run_ids import *; print(pipeline_run_id('dag', 'scheduled__2026-01-01T00:00:00+00:00'))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert here == there == str(uuid.UUID(here))
    assert here == "0cabf9e0-93f7-5ddd-9220-36f624f68c01"
    assert pipeline_run_id("other", "scheduled__2026-01-01T00:00:00+00:00") != here


def test_each_attempt_has_its_own_id():
    run = pipeline_run_id("dag", "manual")
    ids = {step_run_id(run, step, number) for step in ("a", "b") for number in (1, 2)}
    assert len(ids) == 4
    assert step_run_id(run, "a", 1) == step_run_id(run, "a", 1)


def test_the_id_of_a_reused_step_tells_of_its_pipeline_run():
    run = pipeline_run_id("dag", "manual")
    ids = {reused_run_id(run, step) for step in ("a", "b")}
    assert len(ids) == 2 and {made_with(id) for id in ids} == {run}
    assert made_with(step_run_id(run, "a", 1)) == ""
