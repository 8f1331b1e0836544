"""The rule as Airflow's timetable: what its scheduler and its backfills make of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pendulum
import pytest
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DataInterval, TimeRestriction
from hypothesis import given, settings

from mlsteps.schedules.rule import Recurrence, fires, history, last_fire
from mlsteps.timetables.recurrence import RecurrenceTimetable
from tests.schedules.test_rule import cases, rule_of


def at(moment: datetime | None) -> Any:
    return None if moment is None else pendulum.instance(moment)


def followed(timetable: RecurrenceTimetable, restriction: TimeRestriction, count: int) -> list[datetime]:
    """The runs that one after the other are made."""
    made, last = [], None
    while len(made) < count:
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        if info is None:
            break
        assert info.run_after == info.logical_date
        made.append(info.run_after)
        last = info.data_interval
    return made


@settings(max_examples=40, deadline=None)
@given(cases())
def test_its_runs_are_the_fire_times_after_any_number_of_restarts(case: dict[str, Any]) -> None:
    rule = rule_of(case)
    timetable = RecurrenceTimetable.deserialize(json.loads(json.dumps(RecurrenceTimetable(rule).serialize())))
    found = followed(timetable, TimeRestriction(None, None, catchup=True), 50)
    assert found == list(islice(fires(history(rule)), 50))


@settings(max_examples=40, deadline=None)
@given(cases())
def test_without_catch_up_only_the_latest_time_that_is_due_is_made_up_for(case: dict[str, Any]) -> None:
    rule, now = rule_of(case), datetime.now(UTC)
    found = followed(RecurrenceTimetable(rule), TimeRestriction(None, None, catchup=False), 3)
    due = last_fire(rule, now)
    assert found[0] == due if due is not None else found[0] > now
    assert found[1:] == list(islice(fires(rule, found[0]), 2))


def test_a_backfill_has_every_fire_time_of_its_period_from_the_start_on() -> None:
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    since = datetime.now(UTC) - timedelta(days=1)
    rule = Recurrence("Day", 1, since, start=datetime(2026, 3, 1, 9, 30), zone="Europe/Berlin")
    made = DagSerialization.from_dict(
        DagSerialization.to_dict(DAG("backfilled", schedule=RecurrenceTimetable(rule), catchup=False))
    )
    period = pendulum.datetime(2026, 3, 27), pendulum.datetime(2026, 3, 30, 23)
    found = [info.logical_date for info in made.iter_dagrun_infos_between(*period)]
    assert [f"{moment:%d %H:%M}" for moment in found] == ["27 08:30", "28 08:30", "29 07:30", "30 07:30"]


def test_airflow_knows_it_by_the_plugin_and_shows_it() -> None:
    from airflow import plugins_manager

    path = "mlsteps.timetables.recurrence.RecurrenceTimetable"
    assert plugins_manager.get_timetables_plugins()[path] is RecurrenceTimetable
    rule = Recurrence("Hour", 2, datetime(2026, 3, 20, 12, tzinfo=UTC))
    assert RecurrenceTimetable(rule).summary == "Every 2 hours (UTC)" == RecurrenceTimetable(rule).description


def test_the_end_of_a_dag_ends_it() -> None:
    rule = Recurrence("Hour", 1, datetime(2026, 3, 20, 12, tzinfo=UTC))
    last = pendulum.datetime(2026, 3, 20, 14)
    assert len(followed(RecurrenceTimetable(rule), TimeRestriction(None, last, catchup=True), 9)) == 3
    exact = DataInterval.exact(at(rule.since))
    assert RecurrenceTimetable(rule).infer_manual_data_interval(run_after=at(rule.since)) == exact


def test_a_zone_that_this_machine_does_not_know_is_an_invalid_timetable() -> None:
    with pytest.raises(AirflowTimetableInvalid, match="Atlantis"):
        RecurrenceTimetable(Recurrence("Day", 1, datetime(2026, 3, 20, tzinfo=UTC), zone="Atlantis")).validate()
