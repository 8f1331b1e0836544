"""The instants of a recurrence: against an oracle that looks at every day, and the cases that the SDK documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsteps.errors import InvalidInput
from mlsteps.schedules.rule import Recurrence, fires, history, is_fire, last_fire, next_fire
from tests.schedules.oracle import oracle

ZONES = [
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
    "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "Pacific/Chatham", "Asia/Kolkata", "Africa/Casablanca",
    "America/Havana", "Asia/Beirut",
]  # fmt: skip
#: Instants near which clocks are changed somewhere, by an hour, half an hour, two hours, a day.
CHANGES = [
    "2026-03-29T00:00:00", "2026-10-24T22:00:00", "2026-03-08T05:00:00", "2026-11-01T04:00:00", "2018-11-04T00:00:00",
    "2018-02-17T20:00:00", "2026-04-04T13:00:00", "2026-10-03T14:00:00", "2011-12-30T05:00:00", "2026-03-28T20:00:00",
    "2024-02-28T23:00:00",
]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def near_changes() -> st.SearchStrategy[datetime]:
    offsets = st.timedeltas(min_value=timedelta(days=-9), max_value=timedelta(days=9))
    return st.builds(lambda base, offset: utc(base) + _whole(offset), st.sampled_from(CHANGES), offsets)


def _whole(offset: timedelta) -> timedelta:
    return timedelta(seconds=int(offset.total_seconds()))


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    frequency = draw(st.sampled_from(["Minute", "Hour", "Day", "Day", "Week", "Week", "Month"]))
    since = draw(near_changes())
    longest = {"Minute": 3, "Hour": 40, "Day": 60, "Week": 90, "Month": 500}[frequency]
    offset = draw(st.timedeltas(min_value=timedelta(days=-longest), max_value=timedelta(days=30)))
    is_daily = frequency in ("Day", "Week")
    few = {"max_size": 3, "unique": True}
    return {
        "frequency": frequency,
        "interval": draw(st.integers(1, {"Minute": 90, "Hour": 30, "Day": 4, "Week": 3, "Month": 5}[frequency])),
        "since": since,
        "zone": draw(st.sampled_from(ZONES)),
        "start": draw(st.sampled_from([None, (since + _whole(offset)).replace(tzinfo=None)])),
        "hours": draw(st.lists(st.integers(0, 23), **few)) if is_daily else [],
        "minutes": draw(st.lists(st.sampled_from([0, 15, 30, 59]), **few)) if is_daily else [],
        "week_days": draw(st.lists(st.integers(0, 6), **few)) if frequency == "Week" else [],
    }


def rule_of(case: dict[str, Any]) -> Recurrence:
    return Recurrence(**{key: tuple(value) if isinstance(value, list) else value for key, value in case.items()})


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_next_50_fire_times_are_those_of_the_oracle(case: dict[str, Any]) -> None:
    assert list(islice(fires(rule_of(case)), 50)) == oracle(case, 50)


@settings(max_examples=60, deadline=None)
@given(cases(), st.timedeltas(min_value=timedelta(days=-5), max_value=timedelta(days=200)))
def test_any_instant_lies_between_the_last_fire_time_and_the_next(case: dict[str, Any], offset: timedelta) -> None:
    rule, at = rule_of(case), case["since"] + offset
    before, after = last_fire(rule, at), next_fire(rule, at)
    assert after is not None and after > at and is_fire(rule, after)
    if before is None:
        assert next_fire(rule) == after
    else:
        assert before <= at and is_fire(rule, before) and next_fire(rule, before) == after


@settings(max_examples=60, deadline=None)
@given(cases(), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=100)))
def test_one_that_is_enabled_again_fires_at_the_same_times_later_on(case: dict[str, Any], offset: timedelta) -> None:
    rule = rule_of(case)
    resumed = case["since"] + offset
    again = Recurrence.from_json({**rule.to_json(), "resumed": resumed.isoformat()})
    assert list(islice(fires(again), 5)) == list(islice(fires(rule, resumed), 5))


@given(cases())
def test_its_json_form_gives_it_back(case: dict[str, Any]) -> None:
    rule = rule_of(case)
    again = Recurrence.from_json(rule.to_json())
    assert again.to_json() == rule.to_json()
    assert list(islice(fires(again), 3)) == list(islice(fires(rule), 3))


def first(count: int, since: str = "2026-03-20T12:00:00", **said: Any) -> list[str]:
    """The first fire times, on the zone's clocks."""
    rule = Recurrence(**{"frequency": "Day", "interval": 1, "since": utc(since), **said})
    return [f"{found.astimezone(rule.tzinfo):%m-%d %H:%M}" for found in islice(fires(rule), count)]


def test_every_hour_from_12_55_fires_at_55() -> None:
    found = first(3, frequency="Hour", start=datetime(2026, 3, 20, 12, 55))
    assert found == ["03-20 12:55", "03-20 13:55", "03-20 14:55"]


def test_without_a_start_it_fires_at_once_and_then_on_schedule() -> None:
    assert first(3, hours=(22,), minutes=(30,), interval=2) == ["03-20 12:00", "03-20 22:30", "03-22 22:30"]
    assert first(3, frequency="Hour", interval=2) == ["03-20 12:00", "03-20 14:00", "03-20 16:00"]


def test_a_start_in_the_past_is_not_caught_up_with() -> None:
    assert first(2, start=datetime(2020, 1, 1, 9, 0)) == ["03-21 09:00", "03-22 09:00"]


def test_a_start_ahead_is_the_first_time_unless_times_are_given() -> None:
    ahead = datetime(2026, 3, 23, 9, 0)  # a Monday
    assert first(2, start=ahead) == ["03-23 09:00", "03-24 09:00"]
    assert first(2, start=ahead, hours=(9,), minutes=(0,)) == ["03-24 09:00", "03-25 09:00"]
    assert first(2, start=ahead, frequency="Week", week_days=(0, 2)) == ["03-25 09:00", "03-30 09:00"]


def test_two_weeks_with_week_days_are_alternating_calendar_weeks() -> None:
    found = first(5, frequency="Week", interval=2, start=datetime(2026, 3, 18, 8, 0), week_days=(0, 4))
    assert found == ["03-30 08:00", "04-03 08:00", "04-13 08:00", "04-17 08:00", "04-27 08:00"]


def test_a_month_that_is_too_short_fires_on_its_last_day_and_the_next_one_on_the_right_one() -> None:
    found = first(5, since="2026-01-01T00:00:00", frequency="Month", start=datetime(2026, 1, 31, 9, 0))
    assert found == ["01-31 09:00", "02-28 09:00", "03-31 09:00", "04-30 09:00", "05-31 09:00"]


def test_hours_alone_take_the_minute_of_the_start_and_minutes_alone_every_hour() -> None:
    begin = datetime(2026, 3, 20, 12, 10)
    assert first(3, start=begin, hours=(10, 14)) == ["03-20 14:10", "03-21 10:10", "03-21 14:10"]
    assert first(3, start=begin, minutes=(0, 30)) == ["03-20 12:30", "03-20 13:00", "03-20 13:30"]


BERLIN = {"zone": "Europe/Berlin", "hours": (2,), "minutes": (30,)}


def test_an_hour_that_clocks_skip_fires_an_hour_later() -> None:
    begin = datetime(2026, 3, 27, 12, 0)
    assert first(3, start=begin, **BERLIN) == ["03-28 02:30", "03-29 03:30", "03-30 02:30"]
    assert first(3, start=begin, **{**BERLIN, "hours": (2, 3)})[2:] == ["03-29 03:30"]


def test_an_hour_that_clocks_repeat_fires_once_the_first_time() -> None:
    rule = Recurrence("Day", 1, utc("2026-10-24T00:00:00"), start=datetime(2026, 10, 24, 0, 0), **BERLIN)
    assert list(islice(fires(rule), 3)) == [
        utc("2026-10-24T00:30:00"), utc("2026-10-25T00:30:00"), utc("2026-10-26T01:30:00"),
    ]  # fmt: skip


def test_hours_are_elapsed_ones_when_clocks_change() -> None:
    rule = Recurrence("Hour", 6, utc("2026-03-28T00:00:00"), start=datetime(2026, 3, 28, 12, 0), zone="Europe/Berlin")
    found = list(islice(fires(rule), 6))
    assert {later - sooner for sooner, later in pairwise(found)} == {timedelta(hours=6)}


def test_a_backfill_sees_what_lies_between_the_start_and_the_day_it_was_made() -> None:
    rule = Recurrence("Day", 1, utc("2026-03-20T12:00:00"), start=datetime(2026, 3, 1, 9, 0))
    assert next_fire(rule) == utc("2026-03-21T09:00:00")
    assert next_fire(history(rule)) == utc("2026-03-01T09:00:00")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "Every day (UTC)"),
        ({"frequency": "Week", "interval": 2, "week_days": (4, 0), "hours": (8,), "minutes": (30, 0)},
         "Every 2 weeks on Monday, Friday at 08:00, 08:30 (UTC)"),
        ({"frequency": "Hour", "start": datetime(2026, 3, 20, 12, 55)}, "Every hour from 2026-03-20 12:55 (UTC)"),
        ({"hours": (7, 6)}, "Every day at hours 6, 7 (UTC)"),
    ],
)  # fmt: skip
def test_it_can_be_told_to_a_person(said: dict[str, Any], words: str) -> None:
    said = {"frequency": "Day", "interval": 1, "since": utc("2026-03-20T12:00:00"), **said}
    assert Recurrence(**said).describe() == words


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(InvalidInput, match="Atlantis"):
        next_fire(Recurrence("Day", 1, utc("2026-03-20T12:00:00"), zone="Atlantis"), utc("2026-03-20T12:00:00"))


def test_the_end_of_the_calendar_is_the_end() -> None:
    rule = Recurrence("Month", 1000, utc("9990-01-01T00:00:00"), start=datetime(9990, 1, 2))
    assert list(fires(rule)) == [utc("9990-01-02T00:00:00")]
