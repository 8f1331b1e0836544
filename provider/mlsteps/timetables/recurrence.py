"""``RecurrenceTimetable``: a schedule's rule as an Airflow timetable. The rule says when; this only adapts it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

from mlsteps.errors import InvalidInput
from mlsteps.schedules.rule import UTC, Recurrence, history, last_fire, next_fire

if TYPE_CHECKING:
    from airflow.timetables.base import TimeRestriction


class RecurrenceTimetable(Timetable):
    """Runs a DAG at the instants of a :class:`~mlsteps.schedules.rule.Recurrence`.

    A run's logical date is its fire time, its data interval is empty. With ``catchup=False`` (a schedule's DAG) the
    next run is at the latest fire time that is due and has not been used, else at the next one: after a standstill
    Airflow makes one run, late, and goes on from there, as it does for its own timetables. With ``catchup=True``, and
    in a backfill, every fire time of the period is used, from the recurrence's ``start`` on even where that lies before
    the schedule was made.

    :param recurrence: the rule, or its JSON form.
    """

    def __init__(self, recurrence: Recurrence | dict[str, Any]) -> None:
        self.rule = recurrence if isinstance(recurrence, Recurrence) else Recurrence.from_json(recurrence)
        self.description = self.rule.describe()

    @property
    def summary(self) -> str:
        """What Airflow's UI shows."""
        return self.rule.describe()

    def serialize(self) -> dict[str, Any]:
        """What is kept with the DAG."""
        return {"rule": self.rule.to_json()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RecurrenceTimetable:
        """The timetable that :meth:`serialize` wrote."""
        return cls(data["rule"])

    def validate(self) -> None:
        """:raises AirflowTimetableInvalid: when this machine does not know the time zone."""
        from airflow.exceptions import AirflowTimetableInvalid

        try:
            self.rule.tzinfo.utcoffset(None)
        except InvalidInput as error:
            raise AirflowTimetableInvalid(str(error)) from error

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Of a run that somebody triggers: that moment."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """When the DAG runs next."""
        used = None if last_automated_data_interval is None else last_automated_data_interval.end
        found = _next(history(self.rule) if restriction.catchup else self.rule, used, restriction.earliest)
        if not restriction.catchup:
            due = last_fire(self.rule, datetime.now(UTC))
            if due is not None and found is not None and found < due:
                found = due
        if found is None or (restriction.latest is not None and found > restriction.latest):
            return None
        return DagRunInfo.exact(pendulum.instance(found))


def _next(rule: Recurrence, used: datetime | None, earliest: datetime | None) -> datetime | None:
    """The first fire time after one that was used, not before ``earliest``."""
    bound = None if earliest is None else earliest - timedelta(microseconds=1)
    if used is not None:
        bound = used if bound is None else max(used, bound)
    return next_fire(rule, bound)
