"""The Airflow plugin; loaded by every Airflow process, so it stays light."""

from __future__ import annotations

from airflow.sdk.plugins_manager import AirflowPlugin

from mlsteps.operators import preload
from mlsteps.operators.links import OutputsLink, SourceRunLink


class MlstepsPlugin(AirflowPlugin):  # type: ignore[misc]
    """Operator links. They belong to our operators already; naming them here lets other tools list them."""

    name = "mlsteps"
    operator_extra_links = [OutputsLink(), SourceRunLink()]
    listeners = [preload]
