"""What the ``plan`` task of a run decided, as it kept it."""

from __future__ import annotations

import json
from typing import Any

from mlsteps.errors import UserErrorException
from mlsteps.registry.runs import RunStore

#: Where ``plan`` keeps its decisions among the pipeline run's files.
DECISIONS = "logs/azureml/plan.json"


def decisions(runs: RunStore, run_id: str) -> list[dict[str, Any]]:
    """What was decided, in the order of the steps: ``step, name, action, reason, changes, ...``.

    :raises UserErrorException: when there is no such run, or it has not been planned.
    """
    if runs.head(run_id) is None:
        raise UserErrorException(f"There is no run {run_id!r} in the workspace.")
    artifacts = runs.artifacts(run_id)
    if artifacts.entry(DECISIONS) is None:
        raise UserErrorException(f"The run {run_id} keeps no plan: no pipeline run, or not planned yet.")
    return list(json.loads(artifacts.read(DECISIONS).decode("utf-8", "surrogatepass")))
