"""The instants at which a ``ScheduleRecurrence`` fires. Pure; a fire time depends on nothing but the recurrence.

**Anchor.** ``start``, a wall clock time in the zone; without one, the moment ``since`` which the recurrence was given.

**Minute, Hour.** Every so many minutes or hours after the anchor, of elapsed time: an hour is an hour also when clocks
are changed, and nothing fires twice or is left out.

**Day, Week, Month.** Wall clock times in the zone, counted from the anchor's day:

* a day is every ``interval``-th one; a week is every ``interval``-th calendar week, Monday first, when ``week_days``
  are given, otherwise the anchor's day of the week; a month has the anchor's day, or its last one when it is shorter;
* the times are all pairs of ``hours`` and ``minutes``; ``hours`` alone take the anchor's minute, ``minutes`` alone
  every hour, neither the anchor's time of day;
* a time that clocks skip fires as much later as they are put forward (02:30 at 03:30); one that they repeat fires once,
  the first time; two times that fall together fire once.

**First.** Without ``start`` it fires at once, at ``since``, then at each computed time after it. A ``start`` that lies
ahead is the first fire time itself, unless ``hours``, ``minutes`` or ``week_days`` are given: then the first one is
after it. What lies in the past when the recurrence is given never fires. From ``resumed`` on, when there is one, the
same times fire that would have fired anyway, later ones only.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union

from mlsteps.errors import InvalidInput

UTC = timezone.utc  # noqa: UP017  (a step may be on Python 3.8)
WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ELAPSED = {"Minute": timedelta(minutes=1), "Hour": timedelta(hours=1)}
FREQUENCIES = (*ELAPSED, "Day", "Week", "Month")
_ATOM = timedelta(microseconds=1)
#: Periods beside the one that holds an instant: clocks move a time out of its own day by at most one day.
_AROUND = 2


@dataclass(frozen=True)
class Recurrence:
    """A recurrence as it is kept.

    :param zone: IANA name; :param since: when it was given, in UTC; :param start: a naive wall clock time in the zone.
    :param week_days: 0 is Monday; :param resumed: when it was enabled again, in UTC.
    """

    frequency: str
    interval: int
    since: datetime
    zone: str = "UTC"
    start: Optional[datetime] = None
    hours: Tuple[int, ...] = ()
    minutes: Tuple[int, ...] = ()
    week_days: Tuple[int, ...] = ()
    resumed: Optional[datetime] = None

    def __post_init__(self) -> None:
        if self.frequency not in FREQUENCIES:
            raise InvalidInput(f"frequency is {self.frequency!r}", expected=f"one of {', '.join(FREQUENCIES)}")
        if self.interval < 1:
            raise InvalidInput(f"interval is {self.interval!r}", expected="a whole number of at least 1")
        if self.since.tzinfo is None or (self.start is not None and self.start.tzinfo is not None):
            raise InvalidInput("since is naive or start is not", expected="since in UTC, start on the zone's clocks")

    def to_json(self) -> Dict[str, Any]:
        """Its JSON form; equal recurrences have equal ones."""
        kept: Dict[str, Any] = {"frequency": self.frequency, "interval": self.interval, "zone": self.zone}
        kept["since"] = _utc_text(self.since)
        kept["start"] = None if self.start is None else self.start.isoformat()
        kept["hours"], kept["minutes"] = sorted(set(self.hours)), sorted(set(self.minutes))
        kept["week_days"] = [WEEK_DAYS[day] for day in sorted(set(self.week_days))]
        kept["resumed"] = None if self.resumed is None else _utc_text(self.resumed)
        return {name: value for name, value in kept.items() if value not in (None, [])}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recurrence:
        """What :meth:`to_json` wrote."""
        start, resumed = data.get("start"), data.get("resumed")
        return cls(
            frequency=data["frequency"],
            interval=data["interval"],
            since=_instant(data["since"]),
            zone=data["zone"],
            start=None if start is None else datetime.fromisoformat(start),
            hours=tuple(data.get("hours", ())),
            minutes=tuple(data.get("minutes", ())),
            week_days=tuple(WEEK_DAYS.index(day) for day in data.get("week_days", ())),
            resumed=None if resumed is None else _instant(resumed),
        )

    @property
    def tzinfo(self) -> tzinfo:
        """The zone.

        :raises InvalidInput: when this machine does not know it.
        """
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InvalidInput(f"The time zone {self.zone!r} is not known here", expected="an IANA name") from error

    def describe(self) -> str:
        """A line for a person: ``Every 2 weeks on Monday, Friday at 08:30 (Europe/Berlin)``."""
        every = self.frequency.lower() if self.interval == 1 else f"{self.interval} {self.frequency.lower()}s"
        words = [f"Every {every}"]
        if self.week_days:
            words.append("on " + ", ".join(WEEK_DAYS[day] for day in sorted(set(self.week_days))))
        if self.hours and self.minutes:
            words.append("at " + ", ".join(f"{item:%H:%M}" for item in _Calendar(self).times))
        elif self.hours or self.minutes:
            named = ("hours", self.hours) if self.hours else ("minutes", self.minutes)
            words.append(f"at {named[0]} " + ", ".join(str(item) for item in sorted(set(named[1]))))
        if self.start is not None:
            words.append(f"from {self.start:%Y-%m-%d %H:%M}")
        return f"{' '.join(words)} ({self.zone})"


def next_fire(rule: Recurrence, after: Optional[datetime] = None) -> Optional[datetime]:
    """The first fire time after an instant; None when there is none before the end of the calendar.

    :param after: aware; None asks for the very first.
    :returns: in UTC.
    """
    if _fires_at_once(rule) and (after is None or after < rule.since):
        return _utc(rule.since)
    floor = _floor(rule)
    bound = floor if after is None else max(floor, _utc(after))
    return _series(rule).after(bound)


def last_fire(rule: Recurrence, until: datetime) -> Optional[datetime]:
    """The last fire time that is not after an instant, in UTC; None when there is none yet."""
    found = _series(rule).until(_utc(until))
    if found is not None and found > _floor(rule):
        return found
    return _utc(rule.since) if _fires_at_once(rule) and rule.since <= until else None


def history(rule: Recurrence) -> Recurrence:
    """The recurrence for a backfill: what lies before it was given counts too, from its ``start`` on."""
    if rule.start is None:
        return replace(rule, resumed=None)
    begin = _first_instant(rule.start, rule.tzinfo) - _ATOM
    return replace(rule, since=min(rule.since.astimezone(UTC), begin), resumed=None)


def is_fire(rule: Recurrence, at: datetime) -> bool:
    """Whether the recurrence fires at this very instant."""
    return next_fire(rule, _utc(at) - _ATOM) == _utc(at)


def fires(rule: Recurrence, after: Optional[datetime] = None) -> Iterator[datetime]:
    """All fire times after an instant, in UTC."""
    found = next_fire(rule, after)
    while found is not None:
        yield found
        found = next_fire(rule, found)


def _fires_at_once(rule: Recurrence) -> bool:
    return rule.start is None and (rule.resumed is None or rule.resumed < rule.since)


def _floor(rule: Recurrence) -> datetime:
    """All fire times are after this instant, but for the one at once."""
    given = rule.since if rule.resumed is None else max(rule.since, rule.resumed)
    if rule.start is None:
        return given.astimezone(UTC)
    begin = _first_instant(rule.start, rule.tzinfo)
    is_explicit = bool(rule.hours or rule.minutes or rule.week_days)
    return max(given.astimezone(UTC), begin if is_explicit else begin - _ATOM)


def _anchor(rule: Recurrence) -> datetime:
    """The anchor on the zone's clocks, naive."""
    return rule.start if rule.start is not None else rule.since.astimezone(rule.tzinfo).replace(tzinfo=None)


def _series(rule: Recurrence) -> Union[_Elapsed, _Calendar]:
    return _Elapsed(rule) if rule.frequency in ELAPSED else _Calendar(rule)


class _Elapsed:
    """Equal distances in time."""

    def __init__(self, rule: Recurrence) -> None:
        self.step = ELAPSED[rule.frequency] * rule.interval
        begin = rule.since if rule.start is None else _first_instant(rule.start, rule.tzinfo)
        self.begin = begin.astimezone(UTC)

    def after(self, bound: datetime) -> Optional[datetime]:
        try:
            return self.begin + self.step * max(0, (bound - self.begin) // self.step + 1)
        except OverflowError:
            return None

    def until(self, bound: datetime) -> Optional[datetime]:
        return None if bound < self.begin else self.begin + self.step * ((bound - self.begin) // self.step)


class _Calendar:
    """Times of chosen days; period 0 holds the anchor."""

    def __init__(self, rule: Recurrence) -> None:
        self.rule = rule
        self.zone = rule.tzinfo
        anchor = _anchor(rule)
        self.first = anchor.date()
        self.times = list(_times(rule, anchor.time()))

    def after(self, bound: datetime) -> Optional[datetime]:
        middle = max(0, self._period(bound.astimezone(self.zone).date()))
        return min((found for found in self._around(middle) if found > bound), default=None)

    def until(self, bound: datetime) -> Optional[datetime]:
        middle = self._period(bound.astimezone(self.zone).date())
        return max((found for found in self._around(middle) if found <= bound), default=None)

    def _around(self, middle: int) -> Iterator[datetime]:
        for period in range(max(0, middle - _AROUND), middle + _AROUND + 1):
            try:
                days = self._days(period)
            except OverflowError:
                return  # the calendar ends with the year 9999
            for day in days:
                for moment in self.times:
                    yield _first_instant(datetime.combine(day, moment), self.zone)

    def _period(self, day: date) -> int:
        rule = self.rule
        if rule.frequency == "Month":
            return (12 * (day.year - self.first.year) + day.month - self.first.month) // rule.interval
        return (day - self._origin).days // self._length

    def _days(self, period: int) -> List[date]:
        if self.rule.frequency == "Month":
            return [_month_later(self.first, period * self.rule.interval)]
        begin = self._origin + timedelta(days=period * self._length)
        return [begin + timedelta(days=day) for day in sorted(set(self.rule.week_days))] or [begin]

    @property
    def _origin(self) -> date:
        return self.first - timedelta(days=self.first.weekday()) if self.rule.week_days else self.first

    @property
    def _length(self) -> int:
        return self.rule.interval * (7 if self.rule.frequency == "Week" else 1)


def _times(rule: Recurrence, anchor: time) -> Iterator[time]:
    if not rule.hours and not rule.minutes:
        yield anchor
        return
    for hour in sorted(set(rule.hours)) or range(24):
        for minute in sorted(set(rule.minutes)) or [anchor.minute]:
            yield time(hour, minute, 0 if rule.minutes else anchor.second)


def _month_later(first: date, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if year > 9999:
        raise OverflowError("the calendar ends")
    return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))


def _first_instant(wall: datetime, zone: tzinfo) -> datetime:
    """When a wall clock time is; ``fold=0`` is the first of two, and in a gap counts on from before it."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _utc(moment: datetime) -> datetime:
    """An instant as a plain ``datetime``: those of other libraries calculate in ways of their own."""
    found = moment.astimezone(UTC)
    return datetime.combine(date(found.year, found.month, found.day), found.time(), UTC)


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
