"""Schedules' DAGs as Airflow finds them: in the DAG bundle, by a DAG file, in a version of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlsteps.bundles import MlstepsDagBundle
from mlsteps.registry import dags, schedules
from mlsteps.sdk.schedule import Schedule, ScheduleRecurrence
from mlsteps.timetables.recurrence import RecurrenceTimetable
from mlsteps.translate import load_dags
from mlsteps.translate.schedules import mark_of, schedule_dags
from tests.schedules.world import World


@pytest.fixture
def two(world: World) -> tuple[Schedule, Schedule]:
    """One by the clock, one by data."""
    said: dict[str, Any] = {"pipeline_id": world.published.id, "experiment_name": "served"}
    recurrence = ScheduleRecurrence("Hour", 1)
    timed = Schedule.create(world.workspace, name="Timed", recurrence=recurrence, description="Hourly", **said)
    return timed, Schedule.create(world.workspace, name="Watching", datastore=world.blobs, **said)


def dag_id(world: World, schedule: Schedule) -> str:
    return str(schedules.need(world.ws, schedule.id)["dag_id"])


def test_the_bundle_serves_them_beside_the_pipeline_and_follows_changes(
    world: World, two: tuple[Schedule, Schedule], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.bundles import base
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setattr(base, "get_bundle_storage_root_path", lambda: tmp_path / "bundles")
    bundle = MlstepsDagBundle(name="mlsteps", root=world.ws.root)
    bundle.initialize()

    def found() -> dict[str, Any]:
        bag = DagBag(str(bundle.path), bundle_path=bundle.path, bundle_name=bundle.name)
        assert bag.import_errors == {}
        return dict(bag.dags)

    timed, watching = (dag_id(world, schedule) for schedule in two)
    dags_found = found()
    assert len(dags_found) == 3
    assert isinstance(dags_found[timed].schedule, RecurrenceTimetable)
    assert dags_found[timed].catchup is False and dags_found[timed].is_paused_upon_creation is False
    assert dags_found[timed].dag_display_name == "Timed" and dags_found[timed].description == "Hourly"
    assert set(dags_found[watching].task_ids) == {"changes", "run", "remember"}
    assert dags_found[watching].max_active_runs == 1
    assert mark_of(dags.get(world.ws, timed) or {}) in dags_found[timed].doc_md
    before = bundle.get_current_version()
    two[0].disable()
    bundle.refresh()
    after = found()[timed]
    assert bundle.get_current_version() != before
    assert after.schedule is None and after.dag_display_name == "Timed (disabled)"


def test_a_dag_file_serves_them_too(world: World, two: tuple[Schedule, Schedule]) -> None:
    namespace: dict[str, Any] = {}
    load_dags(namespace, world.ws.root)
    assert {dag_id(world, schedule) for schedule in two} <= set(namespace)
    assert namespace[dag_id(world, two[0])].fileloc == __file__


def test_one_that_cannot_be_made_holds_up_no_other(world: World, two: tuple[Schedule, Schedule]) -> None:
    damaged = schedules.need(world.ws, two[0].id)
    world.ws.write_json(f"schedules/{two[0].id}.json", {**damaged, "rule": {"frequency": "Never"}})
    assert [dag.dag_id for dag in schedule_dags(world.ws)] == [dag_id(world, two[1])]


def test_equal_settings_are_the_same_version_of_a_dag(world: World, two: tuple[Schedule, Schedule]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    def serialized() -> list[Any]:
        return [DagSerialization.to_dict(dag) for dag in schedule_dags(world.ws)]

    before = serialized()
    assert before == serialized()
    two[1].update(polling_interval=30, path_on_datastore="elsewhere", pipeline_parameters={"text": "more"})
    assert serialized() == before, "what is read when it fires is no part of the DAG"
    two[0].update(recurrence=ScheduleRecurrence("Hour", 2))
    assert serialized() != before
