"""``Schedule.load_yaml``: settings of a schedule as a YAML file of the CLI v1 (SDK docs: reference-pipeline-yaml)."""

from __future__ import annotations

import datetime
import os
from typing import Any, Dict, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.recurrence import ScheduleRecurrence

_KEYS = (
    "description",
    "recurrence",
    "pipeline_parameters",
    "wait_for_provisioning",
    "wait_timeout",
    "datastore_name",
    "polling_interval",
    "data_path_parameter_name",
    "continue_on_step_failure",
    "path_on_datastore",
)


def load(filename: Any) -> Dict[str, Any]:
    """See :meth:`mlsteps.sdk.schedule.Schedule.load_yaml`."""
    from mlsteps.sdk.yaml_text import load_yaml_file

    file = os.path.abspath(os.fspath(filename))
    document = load_yaml_file(file)
    said = document.get("Schedule") if isinstance(document, Mapping) else None
    if not isinstance(said, Mapping):
        raise InvalidInput(f"{file} describes no schedule", expected="a mapping with the key 'Schedule'")
    unknown = sorted(set(map(str, said)) - set(_KEYS))
    if unknown:
        raise InvalidInput(f"{file} has {', '.join(map(repr, unknown))}", expected=f"only {', '.join(_KEYS)}")
    found = {key: said.get(key) for key in _KEYS}
    return {**found, "recurrence": _recurrence(file, said.get("recurrence"))}


def _recurrence(file: str, said: Any) -> ScheduleRecurrence | None:
    if said is None:
        return None
    if not isinstance(said, Mapping):
        raise InvalidInput(f"recurrence in {file} is {said!r}", expected="a mapping with frequency and interval")
    return ScheduleRecurrence._from_json({key: _plain(key, value) for key, value in said.items()})


def _plain(key: str, value: Any) -> Any:
    """YAML reads 15:30 as 930, base 60, and a date as one; single values stand for lists of one."""
    if key == "time_of_day" and isinstance(value, int) and not isinstance(value, bool):
        return f"{value // 60:02d}:{value % 60:02d}"
    if key == "start_time" and type(value) is datetime.date:
        return datetime.datetime(value.year, value.month, value.day)
    if key == "start_time" and isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)  # "...Z"
    if key in ("hours", "minutes", "week_days") and isinstance(value, (int, str)):
        return [value]
    return value
