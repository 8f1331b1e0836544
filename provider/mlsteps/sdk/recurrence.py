"""``ScheduleRecurrence``: how often a schedule fires."""

from __future__ import annotations

import datetime
import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from mlsteps.errors import InvalidInput
from mlsteps.schedules.rule import FREQUENCIES, WEEK_DAYS, Recurrence
from mlsteps.schedules.zones import iana_name
from mlsteps.sdk.time_zones import TimeZone

_START = "%Y-%m-%dT%H:%M:%S"
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z")


class ScheduleRecurrence:
    """How often a schedule fires (SDK docs: ``azureml.pipeline.core.ScheduleRecurrence``).

    What each of these means, to the minute, is in ``docs/schedules.md``.

    :param frequency: ``Minute``, ``Hour``, ``Day``, ``Week`` or ``Month``; :param interval: every so many of them.
    :param start_time: naive datetime or ``YYYY-MM-DDThh:mm:ss``; None: at once, and from then on.
    :param time_zone: None means UTC; :param hours: 0 to 23 and :param minutes: 0 to 59, for days and weeks;
    :param week_days: for weeks; :param time_of_day: ``hh:mm`` in place of hours and minutes.
    :raises InvalidInput: (a ``ValueError``) when these contradict each other.
    """

    def __init__(
        self,
        frequency: str,
        interval: int,
        start_time: Any = None,
        time_zone: TimeZone | None = None,
        hours: Sequence[int] | None = None,
        minutes: Sequence[int] | None = None,
        week_days: Sequence[str] | None = None,
        time_of_day: str | None = None,
    ) -> None:
        self.frequency = frequency
        self.interval = interval
        self.start_time = _start_time(start_time)
        self.time_zone = time_zone
        self.hours = hours
        self.minutes = minutes
        self.week_days = week_days
        self.time_of_day = time_of_day
        self.validate()

    def validate(self) -> None:
        """:raises InvalidInput: for the first rule that is broken."""
        if self.frequency not in FREQUENCIES:
            raise InvalidInput(f"frequency is {self.frequency!r}", expected=f"one of {', '.join(FREQUENCIES)}")
        if isinstance(self.interval, bool) or not isinstance(self.interval, int) or self.interval < 1:
            raise InvalidInput(f"interval is {self.interval!r}", expected="a whole number of at least 1")
        if self.time_zone is not None and not isinstance(self.time_zone, TimeZone):
            raise InvalidInput(f"time_zone is {self.time_zone!r}", expected="a member of TimeZone")
        _start_time(self.start_time)
        _check_numbers("hours", self.hours, 23)
        _check_numbers("minutes", self.minutes, 59)
        self._check_times()
        self._check_days()

    def _check_times(self) -> None:
        of_day = {"hours": self.hours, "minutes": self.minutes, "time_of_day": self.time_of_day}
        given = [name for name, value in of_day.items() if value is not None]
        if given and self.frequency not in ("Day", "Week"):
            raise InvalidInput(
                f"{' and '.join(given)} is given with frequency {self.frequency!r}",
                expected="frequency 'Day' or 'Week' with hours, minutes or time_of_day",
                mend="set start_time: its time counts for other frequencies",
            )
        if self.time_of_day is None:
            return
        if len(given) > 1:
            raise InvalidInput("time_of_day is given beside hours or minutes", mend="give one or the other")
        if not _TIME.match(str(self.time_of_day)):
            raise InvalidInput(f"time_of_day is {self.time_of_day!r}", expected="hh:mm, from 00:00 to 23:59")

    def _check_days(self) -> None:
        if self.week_days is None:
            return
        if self.frequency != "Week":
            raise InvalidInput(f"week_days is given with frequency {self.frequency!r}", expected="frequency 'Week'")
        is_list = isinstance(self.week_days, (list, tuple))
        if not is_list or not all(day in WEEK_DAYS for day in self.week_days):
            raise InvalidInput(f"week_days is {self.week_days!r}", expected=f"a list of {', '.join(WEEK_DAYS)}")

    def _times(self) -> Tuple[List[int], List[int]]:
        """Hours and minutes, those of ``time_of_day`` too."""
        found = _TIME.match(str(self.time_of_day)) if self.time_of_day is not None else None
        if found:
            return [int(found[1])], [int(found[2])]
        return list(self.hours or ()), list(self.minutes or ())

    def _rule(self, now: datetime.datetime | None = None) -> Dict[str, Any]:
        """The rule that a schedule which is given this now fires by.

        :param now: in UTC.
        """
        hours, minutes = self._times()
        since = now or datetime.datetime.now(datetime.timezone.utc)
        return Recurrence(
            frequency=self.frequency,
            interval=self.interval,
            # A whole second, and none that is over: it counts from now.
            since=since.replace(microsecond=0) + datetime.timedelta(seconds=1 if since.microsecond else 0),
            zone=iana_name((self.time_zone or TimeZone.UTC).value),
            start=self.start_time,
            hours=tuple(hours),
            minutes=tuple(minutes),
            week_days=tuple(WEEK_DAYS.index(day) for day in self.week_days or ()),
        ).to_json()

    def _to_json(self) -> Dict[str, Any]:
        """What it was given, as data."""
        given = {
            "frequency": self.frequency,
            "interval": self.interval,
            "start_time": None if self.start_time is None else self.start_time.strftime(_START),
            "time_zone": None if self.time_zone is None else self.time_zone.value,
            "hours": None if self.hours is None else list(self.hours),
            "minutes": None if self.minutes is None else list(self.minutes),
            "week_days": None if self.week_days is None else list(self.week_days),
            "time_of_day": self.time_of_day,
        }
        return {name: value for name, value in given.items() if value is not None}

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> ScheduleRecurrence:
        """What :meth:`_to_json` gave; also as a person writes it in YAML.

        :raises InvalidInput: for keys that it does not have, a missing one, and values that do not fit.
        """
        known = ("frequency", "interval", "start_time", "time_zone", "hours", "minutes", "week_days", "time_of_day")
        unknown = sorted(set(map(str, data)) - set(known))
        if unknown:
            raise InvalidInput(f"recurrence has {', '.join(map(repr, unknown))}", expected=f"only {', '.join(known)}")
        missing = [name for name in known[:2] if data.get(name) is None]
        if missing:
            raise InvalidInput(f"recurrence has no {missing[0]!r}", expected="frequency and interval")
        return cls(**{**data, "time_zone": _time_zone(data.get("time_zone"))})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScheduleRecurrence) and self._to_json() == other._to_json()

    __hash__ = None  # type: ignore[assignment]  # its attributes can be set

    def __repr__(self) -> str:
        return f"ScheduleRecurrence({', '.join(f'{name}={value!r}' for name, value in self._to_json().items())})"


def _start_time(value: Any) -> datetime.datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.datetime.strptime(value, _START)
        except ValueError as error:
            raise InvalidInput(f"start_time is {value!r}", expected="YYYY-MM-DDThh:mm:ss") from error
    if not isinstance(value, datetime.datetime) or value.tzinfo is not None:
        raise InvalidInput(f"start_time is {value!r}", expected="a datetime without a time zone", mend="set time_zone")
    return value.replace(microsecond=0)


def _time_zone(value: Any) -> TimeZone | None:
    """A zone by its Windows name or by the name of the member."""
    if value is None or isinstance(value, TimeZone):
        return value
    found = TimeZone.__members__.get(str(value)) or next((zone for zone in TimeZone if zone.value == value), None)
    if found is None:
        raise InvalidInput(f"time_zone is {value!r}", expected="such as 'W. Europe Standard Time', or TimeZone's names")
    return found


def _check_numbers(name: str, values: Any, highest: int) -> None:
    if values is None:
        return
    is_list = isinstance(values, (list, tuple))
    if not is_list or not all(type(value) is int and 0 <= value <= highest for value in values):
        raise InvalidInput(f"{name} is {values!r}", expected=f"a list of whole numbers from 0 to {highest}")
