"""A schedule with a recurrence, from ``Schedule.create`` to the step's own notes, by Airflow's own code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlsteps.registry import schedules
from mlsteps.schedules.rule import next_fire
from mlsteps.sdk.schedule import Schedule, ScheduleRecurrence
from tests.schedules.world import World, dag_runs, go_on, scheduled

pytestmark = pytest.mark.usefixtures("airflow_home")


def created(world: World, recurrence: ScheduleRecurrence | None = None, **said: Any) -> Schedule:
    recurrence = recurrence or ScheduleRecurrence("Hour", 1)
    return Schedule.create(world.workspace, "Hourly", world.published.id, "timed", recurrence, **said)


def test_a_fire_time_starts_one_run_of_the_pipeline_with_the_schedules_parameters(
    world: World, airflow_home: Path
) -> None:
    target = world.pipeline_dag()
    schedule = created(world, pipeline_parameters={"text": "by the clock"})
    dag = world.dag(schedule)
    first = next_fire(schedules.rule_of(schedules.need(world.ws, schedule.id)))
    assert schedule.get_last_pipeline_run() is None

    run_id = scheduled(dag, first)
    assert go_on(dag, run_id).states == {"run": "success"}
    (started,) = dag_runs(target)
    assert started.conf["text"] == "by the clock"
    assert go_on(target, started.run_id).state == "success"

    assert world.ran() == ["by the clock|rest|"]
    (run,) = schedule.get_pipeline_runs()
    assert run.id == started.run_id and run.get_status() == "Finished" and run.experiment.name == "timed"
    assert schedule.get_last_pipeline_run().id == run.id
    assert run.properties["azureml.scheduleid"] == schedule.id


def test_a_retry_after_a_kill_starts_no_second_run(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    dag = world.dag(schedule)
    first = next_fire(schedules.rule_of(schedules.need(world.ws, schedule.id)))
    run_id = scheduled(dag, first)
    assert go_on(dag, run_id).states == {"run": "success"}
    assert again(dag, run_id).states == {"run": "skipped"}  # the process died after Airflow had made the run
    assert len(dag_runs(target)) == 1
    go_on(target, dag_runs(target)[0].run_id)
    forget(target)  # Airflow's database was cleaned, or lost
    assert again(dag, run_id).states == {"run": "skipped"}
    assert dag_runs(target) == [] and len(world.ran()) == 1


def test_what_airflow_still_has_of_older_settings_starts_nothing(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    dag = world.dag(schedule)
    rule = schedules.rule_of(schedules.need(world.ws, schedule.id))
    late = next_fire(rule, rule.since)
    schedule.disable()
    assert go_on(dag, scheduled(dag, rule.since)).states == {"run": "skipped"}
    schedule.enable()
    assert go_on(dag, scheduled(dag, rule.since - timedelta(hours=2))).states == {"run": "skipped"}
    assert go_on(dag, scheduled(dag, late)).states == {"run": "success"}
    schedule.update(recurrence=ScheduleRecurrence("Day", 2, start_time=datetime(2030, 1, 1, 8, 30)))
    assert go_on(dag, scheduled(dag, next_fire(rule, late))).states == {"run": "skipped"}
    assert len(dag_runs(target)) == 1


def test_a_person_can_start_it_at_any_time(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    schedule.disable()
    dag = world.dag(schedule)
    assert dag.test().state == "success"
    assert dag.test().state == "success"
    assert len({run.run_id for run in dag_runs(target)}) == 2
    assert len(schedules.runs_of(world.ws, schedule.id)) == 2


def test_a_disabled_pipeline_fails_the_fire_time_by_name(world: World) -> None:
    target, schedule = world.pipeline_dag(), created(world)
    dag = world.dag(schedule)
    world.published.disable()
    done = go_on(dag, scheduled(dag, schedules.rule_of(schedules.need(world.ws, schedule.id)).since))
    assert done.states == {"run": "failed"} and dag_runs(target) == []


def test_an_endpoint_runs_the_version_that_is_its_default_when_it_fires(world: World) -> None:
    from mlsteps.sdk.endpoint import PipelineEndpoint

    endpoint = PipelineEndpoint.publish(world.workspace, "noting", "", world.published)
    recurrence = ScheduleRecurrence("Hour", 1)
    schedule = Schedule.create_for_pipeline_endpoint(world.workspace, "At", endpoint.id, "timed", recurrence)
    dag, older = world.dag(schedule), world.pipeline_dag()
    second = world.publish("Noting more")
    newer = world.pipeline_dag(second)
    since = schedules.rule_of(schedules.need(world.ws, schedule.id)).since
    assert go_on(dag, scheduled(dag, since)).state == "success"
    endpoint.add_default(second)
    assert go_on(dag, scheduled(dag, since + timedelta(hours=1))).state == "success"
    assert [len(dag_runs(older)), len(dag_runs(newer))] == [1, 1]
    assert [found.id for found in Schedule.list(world.workspace, pipeline_endpoint_id=endpoint.id)] == [schedule.id]
    assert Schedule.list(world.workspace, pipeline_id=world.published.id) == []


def test_the_scheduler_makes_the_runs_when_they_are_due(world: World) -> None:
    """Airflow's own scheduler code, on its database, at times that are due now."""
    now = datetime.now(UTC).replace(microsecond=0)
    schedule = created(world)
    a_while_ago = ScheduleRecurrence("Hour", 1)._rule(now - timedelta(seconds=10))
    rule = schedules.rule_of(schedules.update(world.ws, schedule.id, {"rule": a_while_ago}))
    dag = world.dag(schedule)
    assert next_run(dag) == rule.since
    assert [run.logical_date for run in made_by_scheduler(dag)] == [rule.since]
    assert next_run(dag) == rule.since + timedelta(hours=1)
    assert made_by_scheduler(dag) == []

    begun = now - timedelta(hours=5, minutes=30)
    schedule.update(recurrence=ScheduleRecurrence("Hour", 1, start_time=begun.replace(tzinfo=None)))
    dag = world.dag(schedule)
    assert next_run(dag) == begun + timedelta(hours=6), "a start in the past is not caught up with"
    schedule.disable()
    assert next_run(world.dag(schedule)) is None
    schedule.enable()
    assert next_run(world.dag(schedule)) == begun + timedelta(hours=6)


def next_run(dag: Any) -> datetime | None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        return session.get(DagModel, dag.dag_id).next_dagrun_create_after


def made_by_scheduler(dag: Any) -> list[Any]:
    """The runs that one pass of the scheduler makes."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    before = {run.run_id for run in dag_runs(dag)}
    runner = SchedulerJobRunner(job=Job())
    with create_session() as session:
        due = [model for model in DagModel.dags_needing_dagruns(session)[0] if model.dag_id == dag.dag_id]
        runner._create_dag_runs(due, session)
    return [run for run in dag_runs(dag) if run.run_id not in before]


def again(dag: Any, run_id: str) -> Any:
    """As the scheduler does with a task whose process it has lost: one more try of the same run."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == run_id, DagRun.dag_id == dag.dag_id)).one()
        for ti in run.get_task_instances(session=session):
            ti.state = None
    return go_on(dag, run_id)


def forget(dag: Any) -> None:
    """Remove the DAG's runs from Airflow's database."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id == dag.dag_id))
