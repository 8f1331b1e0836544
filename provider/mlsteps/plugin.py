"""The Airflow plugin; loaded by every Airflow process, so it stays light."""

from __future__ import annotations

from airflow.sdk.plugins_manager import AirflowPlugin


class MlstepsPlugin(AirflowPlugin):  # type: ignore[misc]
    """Operator links and, on the API server, the web parts of mlsteps."""

    name = "mlsteps"
