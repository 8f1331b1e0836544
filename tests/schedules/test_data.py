"""A data-driven schedule: its trigger in this process, its DAG by Airflow's own code, real files, real steps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mlsteps.registry import schedule_state, schedules
from mlsteps.sdk.schedule import Schedule
from mlsteps.triggers.datastore import DatastoreChangeTrigger
from tests.schedules.world import World, dag_runs, go_on

pytestmark = pytest.mark.usefixtures("airflow_home")

#: Minutes between polls: 0.15 s.
SOON = 0.0025


def created(world: World, **said: Any) -> Schedule:
    said = {"path_on_datastore": "in", "data_path_parameter_name": "data", "polling_interval": SOON, **said}
    return Schedule.create(world.workspace, "Arrivals", world.published.id, "arrived", datastore=world.blobs, **said)


def trigger_of(world: World, schedule: Schedule) -> DatastoreChangeTrigger:
    """The trigger as a triggerer makes it: of what Airflow's database keeps for the DAG's asset."""
    from airflow._shared.module_loading import import_string
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        uri = f"mlsteps://schedules/{schedule.id}"
        (kept,) = session.scalars(select(AssetModel).where(AssetModel.uri == uri)).one().triggers
        made: DatastoreChangeTrigger = import_string(kept.classpath)(**kept.kwargs)
        return made


def events(trigger: DatastoreChangeTrigger, seconds: float) -> list[Any]:
    """What the trigger sends in so many seconds; then its process ends."""

    async def collect() -> list[Any]:
        found: list[Any] = []

        async def listen() -> None:
            async for event in trigger.run():
                found.append(event.payload)

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(listen(), seconds)
        return found

    return asyncio.run(collect())


def watched_run(dag: Any, **options: Any) -> Any:
    """What Airflow does when the trigger has sent an event, up to the end of the DAG's run."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.asset import AssetModel
    from airflow.models.dag import DagModel
    from airflow.models.trigger import Trigger
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    before = {run.run_id for run in dag_runs(dag)}
    with create_session() as session:
        asset = session.scalars(select(AssetModel).where(AssetModel.name == f"{dag.dag_id}-changes")).one()
        Trigger.submit_event(asset.triggers[0].id, TriggerEvent({"changes": 1}), session=session)
    with create_session() as session:
        model = session.get(DagModel, dag.dag_id)
        SchedulerJobRunner(job=Job())._create_dag_runs_asset_triggered(dag_models=[model], session=session)
    (new,) = [run for run in dag_runs(dag) if run.run_id not in before]
    return go_on(dag, new.run_id, **options)


def test_each_added_or_modified_file_starts_a_run_that_is_given_it(world: World) -> None:
    world.store.write("in/old.csv", b"before")
    target, schedule = world.pipeline_dag(), created(world, pipeline_parameters={"text": "arrived"})
    dag = world.dag(schedule)
    assert events(trigger_of(world, schedule), 0.5) == []
    world.store.write("in/one.csv", b"1")
    world.store.write("in/two.csv", b"2")
    world.store.write("in/deeper/three.csv", b"3")
    world.store.write("elsewhere/four.csv", b"4")
    assert events(trigger_of(world, schedule), 0.5)[0] == {"schedule_id": schedule.id, "changes": 2}

    assert watched_run(dag).state == "success"
    assert events(trigger_of(world, schedule), 0.5) == []
    started = dag_runs(target)
    assert {run.conf["data"]["path"] for run in started} == {"in/one.csv", "in/two.csv"}
    for run in started:
        assert go_on(target, run.run_id).state == "success"
    assert sorted(world.ran()) == ["arrived|one.csv|1", "arrived|two.csv|2"]
    assert {run.id for run in schedule.get_pipeline_runs()} == {run.run_id for run in started}

    world.store.write("in/old.csv", b"modified")
    assert watched_run(dag).state == "success"
    assert dag_runs(target)[-1].conf["data"] == {"datastore": world.blobs.name, "path": "in/old.csv"}
    assert len(dag_runs(target)) == 3


def test_a_triggerer_that_ends_loses_nothing_and_one_that_begins_repeats_nothing(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    dag = world.dag(schedule)
    world.store.write("in/one.csv", b"1")
    assert events(trigger_of(world, schedule), 0.4)  # and its event is lost with it
    assert events(trigger_of(world, schedule), 0.4)
    watched_run(dag, lose="remember")  # the runs exist, nobody has said so
    assert len(dag_runs(target)) == 1
    assert events(trigger_of(world, schedule), 0.4)
    done = watched_run(dag)
    assert done.states["run"] == "skipped" and done.states["remember"] == "success"
    assert len(dag_runs(target)) == 1
    assert events(trigger_of(world, schedule), 0.4) == []
    assert watched_run(dag).state == "success"  # an event that comes twice
    assert len(dag_runs(target)) == 1


def test_a_run_that_is_lost_before_it_starts_is_started_by_the_next_one(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    dag = world.dag(schedule)
    world.store.write("in/one.csv", b"1")
    watched_run(dag, lose="run")
    assert dag_runs(target) == []
    world.store.write("in/two.csv", b"2")
    assert watched_run(dag).state == "success"
    assert [run.conf["data"]["path"] for run in dag_runs(target)] == ["in/one.csv"], "the batch that was begun"
    assert events(trigger_of(world, schedule), 0.4)
    assert watched_run(dag).state == "success"
    assert [run.conf["data"]["path"] for run in dag_runs(target)] == ["in/one.csv", "in/two.csv"]


def test_a_file_that_is_deleted_and_comes_back_is_one_that_is_added(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    dag = world.dag(schedule)
    for number in (1, 2):
        world.store.write("in/one.csv", b"1")
        watched_run(dag)
        assert len(dag_runs(target)) == number
        world.store.delete("in/one.csv")
        assert events(trigger_of(world, schedule), 0.4)
        assert watched_run(dag).state == "success"
        assert len(dag_runs(target)) == number


def test_what_changes_while_it_is_disabled_starts_nothing(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    world.dag(schedule)
    watching = trigger_of(world, schedule)
    schedule.disable()
    world.store.write("in/one.csv", b"1")
    assert events(watching, 0.4) == []
    assert world.dag(schedule).schedule is None
    schedule.enable()
    dag = world.dag(schedule)
    assert events(watching, 0.4) == []
    world.store.write("in/one.csv", b"again")
    assert events(watching, 0.4)
    world.dag(schedule)  # Airflow reads it once more, and knows again that the asset is used
    watched_run(dag)
    assert len(dag_runs(target)) == 1


def test_a_datastore_that_does_not_answer_is_asked_again(world: World) -> None:
    import shutil

    world.pipeline_dag()
    schedule = created(world)
    world.dag(schedule)
    watching = trigger_of(world, schedule)
    folder = f"{world.ws.root}/datastores"
    shutil.move(folder, f"{folder}-away")
    assert events(watching, 0.5) == []
    shutil.move(f"{folder}-away", folder)
    world.store.write("in/one.csv", b"1")
    assert events(watching, 0.5)


def test_a_schedule_without_a_parameter_for_the_file_runs_with_the_defaults(world: World) -> None:
    target = world.pipeline_dag()
    schedule = created(world, path_on_datastore=None, data_path_parameter_name=None)
    world.store.write("top.csv", b"1")
    watched_run(world.dag(schedule))
    (run,) = dag_runs(target)
    assert "data" not in run.conf
    go_on(target, run.run_id)
    assert world.ran() == ["hello|rest|"]


def test_pointing_it_elsewhere_begins_anew_and_another_interval_does_not(world: World) -> None:
    schedule = created(world)
    generation = schedules.need(world.ws, schedule.id)["watch"]["generation"]
    schedule.update(polling_interval=30)
    watch = schedules.need(world.ws, schedule.id)["watch"]
    assert (watch["generation"], watch["minutes"], schedule.polling_interval) == (generation, 30, 30)
    world.store.write("other/old.csv", b"1")
    schedule.update(path_on_datastore="other")
    changed = schedules.need(world.ws, schedule.id)["watch"]
    assert changed["generation"] != generation and schedule.path_on_datastore == "other"
    found = world.store.files_in("other")
    assert schedule_state.take(world.ws, schedule.id, changed["generation"], found) is None
