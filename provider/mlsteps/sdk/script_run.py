"""``ScriptRun``: the run of a ScriptRunConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.sdk.run import Run

if TYPE_CHECKING:
    from mlsteps.sdk.experiment import Experiment


class ScriptRun(Run):
    """A run of one script."""

    RUN_TYPE = "azureml.scriptrun"

    def __init__(
        self,
        experiment: Experiment,
        run_id: str,
        directory: str | None = None,
        _run_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(experiment, run_id, **kwargs)
        self._directory = directory
        self._run_config_object = _run_config

    def cancel(self) -> None:
        """Ask the run to stop."""
        super().cancel()
