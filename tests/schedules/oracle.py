"""When a recurrence fires, found by looking at every day and every minute: slow, and written without the rule's code.

Only what ``docs/schedules.md`` says is used; time zones are asked one way only, from UTC to the local clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows at an instant."""
    return moment.astimezone(zone).replace(tzinfo=None)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the clock shows ``wall``; when clocks skip it, as much later as they are put on."""
    about = wall.replace(tzinfo=UTC)
    shown = [about + timedelta(hours=6 * step) for step in range(-5, 6)]
    offsets = {local(moment, zone) - moment.replace(tzinfo=None) for moment in shown}
    fitting = [about - offset for offset in offsets if local(about - offset, zone) == wall]
    if fitting:
        return min(fitting)
    jump = next(now for now in minutes(shown[0], shown[-1]) if local(now, zone) > wall > local(now - MINUTE, zone))
    return jump + (wall - (local(jump - MINUTE, zone) + MINUTE))


def minutes(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += MINUTE


def oracle(case: dict[str, Any], count: int) -> list[datetime]:
    """The first ``count`` fire times of ``{"frequency", "interval", "since", "zone", "start", "hours", ...}``."""
    zone, since, start = ZoneInfo(case["zone"]), case["since"], case["start"]
    anchor = start if start is not None else local(since, zone)
    explicit = bool(case["hours"] or case["minutes"] or case["week_days"])
    begin = since if start is None else instant(start, zone)
    found: list[datetime] = [since] if start is None else []
    for moment in candidates(case, anchor, begin, zone, count):
        if moment > since and (moment > begin or (moment == begin and start is not None and not explicit)):
            found.append(moment)
    return sorted(set(found))[:count]


def candidates(case: dict[str, Any], anchor: datetime, begin: datetime, zone: ZoneInfo, count: int) -> set[datetime]:
    """More than ``count`` of them after ``since``, in no order."""
    if case["frequency"] in ("Minute", "Hour"):
        step = case["interval"] * (MINUTE if case["frequency"] == "Minute" else 60 * MINUTE)
        later = [begin]
        while len([moment for moment in later[-count - 2 :] if moment > case["since"]]) <= count:
            later.append(later[-1] + step)
        return set(later)
    moments, enough = set(), 0
    for day in days(case, anchor.date()):
        made = {instant(datetime.combine(day, at), zone) for at in times(case, anchor.time())}
        moments |= made
        enough += bool(made and min(made) > max(case["since"], begin))
        if enough > count + 3:
            return moments
    raise AssertionError("days() does not end")


def times(case: dict[str, Any], anchor: time) -> Iterator[time]:
    if not case["hours"] and not case["minutes"]:
        yield anchor
        return
    for hour in range(24):
        if case["hours"] and hour not in case["hours"]:
            continue
        for minute in range(60):
            if minute in case["minutes"]:
                yield time(hour, minute)
            elif not case["minutes"] and minute == anchor.minute:
                yield time(hour, minute, anchor.second)


def days(case: dict[str, Any], first: date) -> Iterator[date]:
    """Every chosen day, by walking over all days one by one."""
    interval, frequency = case["interval"], case["frequency"]
    day = first
    month = week = 0
    while True:
        if frequency == "Day" and (day - first).days % interval == 0:
            yield day
        if frequency == "Week" and not case["week_days"] and (day - first).days % (7 * interval) == 0:
            yield day
        if frequency == "Week" and day.weekday() in case["week_days"] and week % interval == 0:
            yield day
        if frequency == "Month" and month % interval == 0:
            is_last = (day + DAY).month != day.month
            if day.day == first.day or (is_last and day.day < first.day):
                yield day
        day += DAY
        month += day.day == 1
        week += day.weekday() == 0
