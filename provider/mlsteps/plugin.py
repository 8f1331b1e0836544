"""The Airflow plugin; loaded by every Airflow process, so it stays light."""

from __future__ import annotations

from airflow.sdk.plugins_manager import AirflowPlugin

from mlsteps.operators import preload
from mlsteps.operators.links import OutputsLink, SourceRunLink, TriggeredRunLink
from mlsteps.timetables.recurrence import RecurrenceTimetable


class MlstepsPlugin(AirflowPlugin):  # type: ignore[misc]
    """Operator links, which belong to our operators already: naming them here lets other tools list them. The timetable
    of schedules, which Airflow reads back only when it is named here."""

    name = "mlsteps"
    operator_extra_links = [OutputsLink(), SourceRunLink(), TriggeredRunLink()]
    timetables = [RecurrenceTimetable]
    listeners = [preload]
