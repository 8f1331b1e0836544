"""The Airflow plugin; loaded by every Airflow process, so it stays light."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

from mlsteps.operators import preload
from mlsteps.operators.links import OutputsLink, SourceRunLink, TriggeredRunLink
from mlsteps.timetables.recurrence import RecurrenceTimetable

log = logging.getLogger(__name__)


class MlstepsPlugin(AirflowPlugin):  # type: ignore[misc]
    """Operator links, which belong to our operators already: naming them here lets other tools list them. The timetable
    of schedules, which Airflow reads back only when it is named here."""

    name = "mlsteps"
    operator_extra_links = [OutputsLink(), SourceRunLink(), TriggeredRunLink()]
    timetables = [RecurrenceTimetable]
    listeners = [preload]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The routes of published pipelines. Only the API server asks for them: no other process loads FastAPI."""
        made = _app()
        return [] if made is None else [{"app": made, "url_prefix": "/mlsteps", "name": "mlsteps"}]


@cache
def _app() -> Any:
    try:
        from mlsteps.rest.app import app

        return app()
    except Exception:  # Airflow's own API must start without us
        log.exception("The routes of published pipelines are not served")
        return None
