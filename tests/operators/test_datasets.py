"""Outputs that are registered on completion: dataset versions and asset events."""

from __future__ import annotations

import pytest

from mlsteps.registry import datasets
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import dag
from tests.operators.pipelines import TwoSteps
from tests.operators.runs import asset_events, run

pytestmark = pytest.mark.usefixtures("airflow_home")


def test_each_new_result_is_a_version_and_a_reused_one_is_not(two: TwoSteps) -> None:
    ws = WorkspaceStore(str(two.root))
    first = run(dag(two.graph(register="versions"), "versions"))
    assert datasets.versions(ws, "versions") == [1]
    document = datasets.get(ws, "versions", 1)
    assert document["output"]["tree"] == first.outputs("prepare")["clean"]["tree"]
    assert first.outputs("prepare")["clean"]["dataset"]["version"] == 1
    run(dag(two.graph(register="versions"), "versions"))
    assert datasets.versions(ws, "versions") == [1]
    third = run(dag(two.graph(register="versions"), "versions"), text="third")
    assert datasets.versions(ws, "versions") == [1, 2]
    assert third.outputs("prepare")["clean"]["dataset"]["version"] == 2


def test_a_reused_step_that_asks_for_registration_only_now_gets_it(two: TwoSteps) -> None:
    run(dag(two.graph(), "registered_later"))
    second = run(dag(two.graph(register="later"), "registered_later"))
    assert second.states["prepare"] == "skipped"
    assert datasets.versions(WorkspaceStore(str(two.root)), "later") == [1]
    assert two.executions() == {"prepare": 1, "train": 1}


def test_every_run_sends_an_asset_event_that_says_what_it_is_about(two: TwoSteps) -> None:
    for _ in range(2):
        run(dag(two.graph(register="events"), "events"))
    ran, reused = asset_events("mlsteps://tests/datasets/events")
    assert (ran["task"], ran["reused"], ran["version"]) == ("prepare", False, 1)
    assert (reused["task"], reused["reused"], reused["version"]) == ("plan", True, 1)
    assert ran["uri"] == reused["uri"] and ran["uri"].startswith(
        "azureml://datastores/workspaceblobstore/paths/azureml/"
    )
    assert {"id", "tree"} <= set(ran)


def test_a_failed_step_registers_nothing(two: TwoSteps) -> None:
    (two.sources["prepare"] / "prepare.py").write_text("raise SystemExit(1)")
    assert run(dag(two.graph(register="never"), "never_registered")).states["prepare"] == "failed"
    assert datasets.versions(WorkspaceStore(str(two.root)), "never") == []
    assert asset_events("mlsteps://tests/datasets/never") == []
