"""``AutoMLStep``: refused; the AutoML service has no counterpart here."""

from __future__ import annotations

from typing import Any

from mlsteps.errors import UnsupportedFeature
from mlsteps.sdk.steps.base import PipelineStep


class AutoMLStep(PipelineStep):
    """The SDK's AutoML step. It can be constructed; a pipeline with it cannot.

    :raises UnsupportedFeature: from ``Pipeline``.
    """

    node_type = "AutoML"
    DEFAULT_METRIC_PREFIX = "default_metrics_"
    DEFAULT_MODEL_PREFIX = "default_model_"
    AUTOML_CONFIG_PARAM_NAME = "AutoMLConfig"

    def __init__(
        self,
        name: str,
        automl_config: Any,
        inputs: Any = None,
        outputs: Any = None,
        script_repl_params: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
        hash_paths: Any = None,
        enable_default_model_output: bool = True,
        enable_default_metrics_output: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, inputs, outputs)
        self._automl_config = automl_config

    def _refuse(self) -> None:
        raise UnsupportedFeature(
            f"AutoMLStep (step {self.name!r})",
            "automated machine learning is a service of Azure",
            "a PythonScriptStep with a library such as FLAML or auto-sklearn, or a HyperDriveStep over your own script",
        )


class AutoMLStepRun:
    """A run of an AutoMLStep.

    :raises UnsupportedFeature: always.
    """

    def __init__(self, step_run: Any) -> None:
        raise UnsupportedFeature("AutoMLStepRun", "AutoMLStep is not supported", "StepRun.get_output_data")
