"""``Schedule`` and ``ScheduleRecurrence``: when a published pipeline runs by itself."""

from __future__ import annotations

import datetime
import re
from typing import Any, List, Mapping, NoReturn, Sequence

from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.time_zones import TimeZone

__all__ = ["Schedule", "ScheduleRecurrence", "TimeZone"]

FREQUENCIES = ("Minute", "Hour", "Day", "Week", "Month")
WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def not_yet(feature: str, by: str) -> NoReturn:
    """Refuse what needs a part that is still to come.

    :param by: the function of ``mlsteps.client`` that will do it.
    """
    raise UnsupportedFeature(
        feature, f"schedules are not there yet (mlsteps.client.{by})", "Pipeline.as_dag(dag_id, schedule=...)"
    )


class ScheduleRecurrence:
    """How often a schedule fires (SDK docs: ``azureml.pipeline.core.ScheduleRecurrence``).

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
            raise InvalidInput(f"frequency is {self.frequency!r}", expected=f"one of {list(FREQUENCIES)}")
        if isinstance(self.interval, bool) or not isinstance(self.interval, int) or self.interval < 1:
            raise InvalidInput(f"interval is {self.interval!r}", expected="a whole number of at least 1")
        if self.time_zone is not None and not isinstance(self.time_zone, TimeZone):
            raise InvalidInput(f"time_zone is {self.time_zone!r}", expected="a member of TimeZone")
        _check_numbers("hours", self.hours, 23)
        _check_numbers("minutes", self.minutes, 59)
        self._check_days()

    def _check_days(self) -> None:
        of_day = {"hours": self.hours, "minutes": self.minutes, "time_of_day": self.time_of_day}
        given = [name for name, value in of_day.items() if value is not None]
        if given and self.frequency not in ("Day", "Week"):
            raise InvalidInput(f"{given} go with the frequencies Day and Week, not {self.frequency}")
        if self.time_of_day is not None:
            if len(given) > 1:
                raise InvalidInput("time_of_day is given beside hours or minutes", mend="give one or the other")
            if not re.match(r"([01]?\d|2[0-3]):[0-5]\d\Z", str(self.time_of_day)):
                raise InvalidInput(f"time_of_day is {self.time_of_day!r}", expected="hh:mm")
        if self.week_days is not None:
            unknown = [day for day in self.week_days if day not in WEEK_DAYS]
            if self.frequency != "Week" or unknown:
                raise InvalidInput(f"week_days is {self.week_days!r}", expected=f"{WEEK_DAYS}, with frequency Week")


class Schedule:
    """A schedule (SDK docs: ``azureml.pipeline.core.Schedule``). Made by :meth:`create`."""

    def __init__(
        self,
        workspace: Any,
        id: str,
        name: str,
        description: str | None,
        pipeline_id: str,
        status: str,
        recurrence: ScheduleRecurrence | None,
        datastore_name: str | None,
        polling_interval: int | None,
        data_path_parameter_name: str | None,
        continue_on_step_failure: bool | None,
        path_on_datastore: str | None,
        _schedule_provider: Any = None,
        pipeline_endpoint_id: str | None = None,
    ) -> None:
        self._workspace = workspace
        self.id = id
        self.name = name
        self.description = description
        self.pipeline_id = pipeline_id
        self.pipeline_endpoint_id = pipeline_endpoint_id
        self.status = status
        self.recurrence = recurrence
        self.datastore_name = datastore_name
        self.polling_interval = polling_interval
        self.data_path_parameter_name = data_path_parameter_name
        self.continue_on_step_failure = continue_on_step_failure
        self.path_on_datastore = path_on_datastore

    @staticmethod
    def create(
        workspace: Any,
        name: str,
        pipeline_id: str,
        experiment_name: str,
        recurrence: ScheduleRecurrence | None = None,
        description: str | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        wait_for_provisioning: bool = False,
        wait_timeout: int = 3600,
        datastore: Any = None,
        polling_interval: int = 5,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> Schedule:
        """Run a published pipeline on a recurrence, or whenever blobs change in a datastore."""
        not_yet("Schedule.create", "schedules.create")

    @staticmethod
    def create_for_pipeline_endpoint(
        workspace: Any,
        name: str,
        pipeline_endpoint_id: str,
        experiment_name: str,
        recurrence: ScheduleRecurrence | None = None,
        description: str | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        wait_for_provisioning: bool = False,
        wait_timeout: int = 3600,
        datastore: Any = None,
        polling_interval: int = 5,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> Schedule:
        """As :meth:`create`, for the default version of an endpoint."""
        not_yet("Schedule.create_for_pipeline_endpoint", "schedules.create")

    def update(
        self,
        name: str | None = None,
        description: str | None = None,
        recurrence: ScheduleRecurrence | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        status: str | None = None,
        wait_for_provisioning: bool = False,
        wait_timeout: int = 3600,
        datastore: Any = None,
        polling_interval: int | None = None,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
    ) -> None:
        """Change what is given; None leaves a setting as it is."""
        not_yet("Schedule.update", "schedules.update")

    def enable(self, wait_for_provisioning: bool = False, wait_timeout: int = 3600) -> None:
        """Let it fire again."""
        not_yet("Schedule.enable", "schedules.update")

    def disable(self, wait_for_provisioning: bool = False, wait_timeout: int = 3600) -> None:
        """Let it fire no more."""
        not_yet("Schedule.disable", "schedules.update")

    def get_pipeline_runs(self) -> List[Any]:
        """The runs it started."""
        not_yet("Schedule.get_pipeline_runs", "schedules.runs")

    def get_last_pipeline_run(self) -> Any:
        """The last run it started, or None."""
        not_yet("Schedule.get_last_pipeline_run", "schedules.runs")

    @staticmethod
    def get(workspace: Any, id: str, _workflow_provider: Any = None, _service_endpoint: Any = None) -> Schedule:
        """The schedule of an id."""
        not_yet("Schedule.get", "schedules.get")

    @staticmethod
    def list(
        workspace: Any,
        active_only: bool = True,
        pipeline_id: str | None = None,
        pipeline_endpoint_id: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> List[Schedule]:
        """All schedules."""
        not_yet("Schedule.list", "schedules.list_schedules")

    @staticmethod
    def get_all(
        workspace: Any,
        active_only: bool = True,
        pipeline_id: str | None = None,
        pipeline_endpoint_id: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> List[Schedule]:
        """Deprecated by the SDK; :meth:`list`."""
        return Schedule.list(workspace, active_only, pipeline_id, pipeline_endpoint_id)

    @staticmethod
    def get_schedules_for_pipeline_id(
        workspace: Any, pipeline_id: str, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[Schedule]:
        """The schedules of a pipeline."""
        return Schedule.list(workspace, pipeline_id=pipeline_id)

    @staticmethod
    def get_schedules_for_pipeline_endpoint_id(
        workspace: Any, pipeline_endpoint_id: str, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[Schedule]:
        """The schedules of an endpoint."""
        return Schedule.list(workspace, pipeline_endpoint_id=pipeline_endpoint_id)

    @staticmethod
    def load_yaml(
        workspace: Any, filename: str, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> Mapping[str, Any]:
        """The arguments for :meth:`create` that a YAML file holds."""
        not_yet("Schedule.load_yaml", "schedules.load_yaml")


def _start_time(value: Any) -> datetime.datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S")
        except ValueError as error:
            raise InvalidInput(f"start_time is {value!r}", expected="YYYY-MM-DDThh:mm:ss") from error
    if not isinstance(value, datetime.datetime) or value.tzinfo is not None:
        raise InvalidInput(f"start_time is {value!r}", expected="a datetime without a time zone", mend="set time_zone")
    return value


def _check_numbers(name: str, values: Any, highest: int) -> None:
    if values is None:
        return
    if not isinstance(values, (list, tuple)) or not all(isinstance(v, int) and 0 <= v <= highest for v in values):
        raise InvalidInput(f"{name} is {values!r}", expected=f"a list of whole numbers from 0 to {highest}")
