"""``Schedule`` and ``ScheduleRecurrence`` over a real workspace; no Airflow is asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.registry import dags, schedules
from mlsteps.schedules.rule import fires, next_fire
from mlsteps.sdk.datapath import DataPath, DataPathComputeBinding
from mlsteps.sdk.endpoint import PipelineEndpoint
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.published import PublishedPipeline
from mlsteps.sdk.schedule import Schedule, ScheduleRecurrence, TimeZone
from mlsteps.sdk.workspace import Workspace


@pytest.fixture
def published(workspace: Workspace, step: Callable[..., Any]) -> PublishedPipeline:
    rate = PipelineParameter("rate", 0.1)
    place = PipelineParameter("place", DataPath(workspace.get_default_datastore(), "rest"))
    reading = (place, DataPathComputeBinding("mount"))
    return Pipeline(workspace, [step("train", arguments=[rate, reading], inputs=[reading])]).publish("Training")


def hourly(**said: Any) -> ScheduleRecurrence:
    return ScheduleRecurrence("Hour", 1, **said)


def made(workspace: Workspace, published: PublishedPipeline, **said: Any) -> Schedule:
    said = {"recurrence": None if "datastore" in said else hourly(), "experiment_name": "timed", **said}
    return Schedule.create(workspace, name=said.pop("name", "Nightly"), pipeline_id=published.id, **said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"frequency": "Year"}, r"frequency is 'Year'.*Minute, Hour, Day, Week, Month"),
        ({"interval": 0}, r"interval is 0.*at least 1"),
        ({"interval": 1.5}, r"interval is 1\.5"),
        ({"interval": True}, r"interval is True"),
        ({"start_time": "tomorrow"}, r"start_time is 'tomorrow'.*YYYY-MM-DDThh:mm:ss"),
        ({"start_time": datetime(2026, 1, 1, tzinfo=UTC)}, r"without a time zone.*set time_zone"),
        ({"time_zone": "Europe/Berlin"}, r"time_zone is 'Europe/Berlin'.*member of TimeZone"),
        ({"hours": [24]}, r"hours is \[24\].*0 to 23"),
        ({"hours": 3}, r"hours is 3.*a list"),
        ({"minutes": [-1]}, r"minutes is \[-1\].*0 to 59"),
        ({"hours": [3], "frequency": "Month"}, r"hours is given with frequency 'Month'.*'Day' or 'Week'.*start_time"),
        ({"time_of_day": "3:00", "frequency": "Hour"}, r"time_of_day is given with frequency 'Hour'"),
        ({"time_of_day": "25:00"}, r"time_of_day is '25:00'.*hh:mm"),
        ({"time_of_day": "03:00", "minutes": [5]}, r"beside hours or minutes"),
        ({"week_days": ["Monday"]}, r"week_days is given with frequency 'Day'"),
        ({"week_days": ["monday"], "frequency": "Week"}, r"week_days is \['monday'\].*Monday, Tuesday"),
        ({"week_days": "Monday", "frequency": "Week"}, r"week_days is 'Monday'.*a list"),
    ],
)
def test_a_recurrence_that_contradicts_itself_is_a_value_error_that_says_how_to_mend_it(
    said: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        ScheduleRecurrence(**{"frequency": "Day", "interval": 1, **said})


def test_attributes_that_are_set_later_are_checked_when_it_is_used(
    workspace: Workspace, published: PublishedPipeline
) -> None:
    recurrence = hourly()
    recurrence.interval = 0
    with pytest.raises(ValueError, match="interval is 0"):
        made(workspace, published, recurrence=recurrence)
    assert Schedule.list(workspace) == []


def test_what_a_recurrence_was_given_is_what_it_fires_by() -> None:
    given = ScheduleRecurrence(
        "Week", 2, "2026-03-20T12:10:00", TimeZone.WEuropeStandardTime, week_days=["Friday"], time_of_day="06:05"
    )
    assert ScheduleRecurrence._from_json(given._to_json()) == given
    assert (given.start_time, given.time_zone) == (datetime(2026, 3, 20, 12, 10), TimeZone.WEuropeStandardTime)
    from mlsteps.schedules.rule import Recurrence

    rule = Recurrence.from_json(given._rule(datetime(2026, 3, 1, tzinfo=UTC)))
    found = list(itertools.islice(fires(rule), 2))
    assert found == [datetime(2026, 4, 3, 4, 5, tzinfo=UTC), datetime(2026, 4, 17, 4, 5, tzinfo=UTC)]


def test_a_schedule_is_made_read_and_listed(workspace: Workspace, published: PublishedPipeline) -> None:
    recurrence = ScheduleRecurrence("Day", 2, hours=[22], minutes=[30])
    schedule = made(workspace, published, recurrence=recurrence, description="Every other night")
    assert schedule.status == "Active" and schedule.pipeline_id == published.id
    again = Schedule.get(workspace, schedule.id)
    assert (again.name, again.description, again.recurrence) == ("Nightly", "Every other night", recurrence)
    assert (again.recurrence.frequency, again.recurrence.hours) == ("Day", [22])
    assert (again.datastore_name, again.polling_interval, again.path_on_datastore) == (None, None, None)
    other = made(workspace, published, name="Other")
    other.disable()
    assert other.status == "Disabled"
    assert [found.id for found in Schedule.list(workspace)] == [schedule.id]
    assert {found.id for found in Schedule.list(workspace, active_only=False)} == {schedule.id, other.id}
    assert [found.id for found in Schedule.get_schedules_for_pipeline_id(workspace, published.id)] == [schedule.id]
    assert Schedule.list(workspace, pipeline_id="another") == []
    assert schedule.get_pipeline_runs() == [] and schedule.get_last_pipeline_run() is None
    with pytest.raises(UserErrorException, match="no schedule 'absent'"):
        Schedule.get(workspace, "absent")


def test_its_dag_is_named_after_it_and_served(workspace: Workspace, published: PublishedPipeline) -> None:
    schedule = made(workspace, published, name="Every night!")
    document = schedules.need(workspace._store(), schedule.id)
    assert document["dag_id"] == f"Every-night-schedule-{schedule.id[:8]}"
    served = dags.get(workspace._store(), document["dag_id"])
    assert served["kind"] == "schedule" and served["schedule"]["rule"]["frequency"] == "Hour"
    schedule.disable()
    assert "schedule" not in dags.get(workspace._store(), document["dag_id"])
    schedule.enable()
    assert dags.get(workspace._store(), document["dag_id"])["schedule"]["rule"]["resumed"]


def test_an_update_changes_what_is_given(workspace: Workspace, published: PublishedPipeline) -> None:
    schedule = made(workspace, published, pipeline_parameters={"rate": 0.5})
    schedule.update(name="Renamed", description="More", recurrence=ScheduleRecurrence("Hour", 2), status="Disabled")
    again = Schedule.get(workspace, schedule.id)
    for found in (schedule, again):
        assert (found.name, found.description, found.status) == ("Renamed", "More", "Disabled")
        assert (found.recurrence.frequency, found.recurrence.interval) == ("Hour", 2)
    document = schedules.need(workspace._store(), schedule.id)
    assert document["parameters"] == {"rate": 0.5}
    schedule.update(pipeline_parameters={"rate": 0.25}, continue_on_step_failure=True)
    after = schedules.need(workspace._store(), schedule.id)
    assert after["parameters"] == {"rate": 0.25} and schedule.continue_on_step_failure is True
    assert after["rule"] == document["rule"], "what says when was not given"
    with pytest.raises(ValueError, match="status is 'Off'"):
        schedule.update(status="Off")


def test_one_that_is_enabled_again_has_no_time_to_make_up_for(
    workspace: Workspace, published: PublishedPipeline
) -> None:
    schedule = made(workspace, published)
    schedule.disable()
    schedule.enable()
    rule = schedules.rule_of(schedules.need(workspace._store(), schedule.id))
    assert next_fire(rule) > datetime.now(UTC)
    schedule.update(recurrence=hourly())
    rule = schedules.rule_of(schedules.need(workspace._store(), schedule.id))
    assert next_fire(rule) <= datetime.now(UTC) + timedelta(seconds=1), "a new recurrence without a start fires at once"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"recurrence": None}, "neither a recurrence and a datastore|neither a recurrence"),
        ({"recurrence": "daily"}, "recurrence is 'daily'"),
        ({"experiment_name": " "}, "experiment_name"),
        ({"pipeline_parameters": {"rat": 1}}, "'rat'.*'rate'"),
        ({"pipeline_parameters": {"rate": "high"}}, "'rate' is given 'high'"),
        ({"path_on_datastore": "in"}, "without a datastore"),
        ({"datastore": "workspaceblobstore", "recurrence": hourly()}, "both a recurrence and a datastore"),
        ({"datastore": "workspaceblobstore", "data_path_parameter_name": "rate"}, "no DataPath parameter.*'place'"),
        ({"datastore": "workspaceblobstore", "path_on_datastore": "../x"}, "leaves its folder"),
        ({"datastore": "workspaceblobstore", "polling_interval": 0}, "polling_interval is 0.*minutes"),
        ({"datastore": 7}, "datastore is 7"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_left(
    workspace: Workspace, published: PublishedPipeline, said: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        made(workspace, published, **said)
    assert Schedule.list(workspace, active_only=False) == []


def test_a_pipeline_that_is_absent_or_disabled_cannot_be_scheduled(
    workspace: Workspace, published: PublishedPipeline
) -> None:
    with pytest.raises(UserErrorException, match="no published pipeline 'absent'"):
        Schedule.create(workspace, "x", "absent", "timed", hourly())
    published.disable()
    with pytest.raises(UserErrorException, match="is disabled"):
        made(workspace, published)


def test_a_database_has_nothing_to_watch(workspace: Workspace, published: PublishedPipeline) -> None:
    from mlsteps.sdk.datastore import Datastore

    base = Datastore.register_azure_sql_database(workspace, "base", "server", "db", username="u", password="p")
    with pytest.raises(ValueError, match="'base' holds no files"):
        made(workspace, published, datastore=base)


def test_a_schedule_that_watches_data_is_read_back(workspace: Workspace, published: PublishedPipeline) -> None:
    blobs = workspace.get_default_datastore()
    said = {"path_on_datastore": "in/", "data_path_parameter_name": "place", "polling_interval": None}
    schedule = made(workspace, published, datastore=blobs, **said)
    again = Schedule.get(workspace, schedule.id)
    assert (again.datastore_name, again.path_on_datastore, again.polling_interval) == (blobs.name, "in", 5)
    assert again.data_path_parameter_name == "place" and again.recurrence is None
    again.update(recurrence=hourly())
    found = Schedule.get(workspace, schedule.id)
    assert found.recurrence == hourly() and found.datastore_name is None
    with pytest.raises(InvalidInput, match="has a recurrence"):
        found.update(path_on_datastore="elsewhere")
    found.update(datastore=blobs.name)
    assert Schedule.get(workspace, schedule.id).recurrence is None


def test_an_endpoint_can_be_scheduled(workspace: Workspace, published: PublishedPipeline) -> None:
    endpoint = PipelineEndpoint.publish(workspace, "training", "", published)
    schedule = Schedule.create_for_pipeline_endpoint(workspace, "Nightly", endpoint.id, "timed", hourly())
    assert (schedule.pipeline_id, schedule.pipeline_endpoint_id) == (None, endpoint.id)
    found = Schedule.get_schedules_for_pipeline_endpoint_id(workspace, endpoint.id)
    assert [item.id for item in found] == [schedule.id]


def test_runs_are_those_that_it_started_newest_first(workspace: Workspace, published: PublishedPipeline) -> None:
    schedule = made(workspace, published)
    store, runs = workspace._store(), workspace._run_store()
    for name in ("older", "newer", "not begun"):
        id = schedules.run_id(schedule.id, name)
        schedules.note_run(store, schedule.id, id, at=name)
        if name != "not begun":
            runs.create(id, experiment="timed", type="azureml.PipelineRun", name=name)
    runs.create("00000000-0000-0000-0000-000000000001", experiment="timed", type="azureml.PipelineRun")
    ids = [schedules.run_id(schedule.id, name) for name in ("newer", "older")]
    assert [run.id for run in schedule.get_pipeline_runs()] == ids
    assert schedule.get_last_pipeline_run().id == ids[0]
    assert schedule.get_last_pipeline_run().experiment.name == Experiment(workspace, "timed").name


YAML = """
Schedule:
  description: Test create with recurrence
  recurrence:
    frequency: Week
    interval: 1
    start_time: 2026-06-07T10:50:00
    time_zone: W. Europe Standard Time
    week_days: Monday
    time_of_day: 15:30
  pipeline_parameters: {rate: 0.3}
  wait_for_provisioning: false
"""


def test_a_yaml_file_gives_the_arguments_of_create(
    workspace: Workspace, published: PublishedPipeline, tmp_path: Path
) -> None:
    file = tmp_path / "schedule.yml"
    file.write_text(YAML)
    said = Schedule.load_yaml(workspace, str(file))
    start = datetime(2026, 6, 7, 10, 50)
    assert said["recurrence"] == ScheduleRecurrence(
        "Week", 1, start, TimeZone.WEuropeStandardTime, week_days=["Monday"], time_of_day="15:30"
    )
    assert said["pipeline_parameters"] == {"rate": 0.3} and said["datastore_name"] is None
    keys = ("recurrence", "description", "pipeline_parameters", "wait_for_provisioning", "polling_interval")
    assert made(workspace, published, **{key: said[key] for key in keys}).description == "Test create with recurrence"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: []", "key 'Schedule'"),
        ("Schedule: {frequency: Day}", "'frequency'.*only description"),
        ("Schedule: {recurrence: {frequency: Day}}", "no 'interval'"),
        ("Schedule: {recurrence: {frequency: Day, interval: 1, every: 2}}", "'every'"),
        ("Schedule: {recurrence: {frequency: Day, interval: 1, time_zone: Mars}}", "time_zone is 'Mars'"),
    ],
)
def test_a_yaml_file_that_does_not_fit_is_told(workspace: Workspace, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "schedule.yml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=told):
        Schedule.load_yaml(workspace, file)


def test_a_disable_is_not_undone_by_an_update_that_is_made_meanwhile(
    workspace: Workspace, published: PublishedPipeline
) -> None:
    schedule = made(workspace, published)
    elsewhere = Schedule.get(workspace, schedule.id)
    elsewhere.disable()
    schedule.update(description="written by one who has not seen it")
    assert schedule.status == Schedule.get(workspace, schedule.id).status == "Disabled"
