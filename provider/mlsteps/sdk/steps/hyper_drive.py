"""``HyperDriveStep``: run a script once for each sampled set of hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.steps.base import PipelineStep
from mlsteps.sdk.steps.script import run_configuration

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder


class HyperDriveStep(PipelineStep):
    """Search hyperparameters (SDK docs: ``azureml.pipeline.steps.HyperDriveStep``).

    :param hyperdrive_config: ``HyperDriveConfig`` with a ``run_config`` or an ``estimator``.
    :param estimator_entry_script_arguments: arguments of the estimator's script; none with a ``run_config``.
    :param metrics_output: output that receives the metrics of all children as JSON.
    :raises InvalidInput: when the configuration has neither, or arguments are given twice.
    """

    node_type = "HyperDrive"

    def __init__(
        self,
        name: str,
        hyperdrive_config: Any,
        estimator_entry_script_arguments: Any = None,
        inputs: Any = None,
        outputs: Any = None,
        metrics_output: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
    ) -> None:
        script_config = hyperdrive_config.run_config or hyperdrive_config.estimator
        if script_config is None:
            raise InvalidInput(
                f"hyperdrive_config of step {name!r} has neither run_config nor estimator",
                mend="give HyperDriveConfig(run_config=ScriptRunConfig(...), ...)",
            )
        given = list(estimator_entry_script_arguments or [])
        if hyperdrive_config.run_config is not None and given:
            raise InvalidInput(
                f"HyperDriveStep {name!r} has estimator_entry_script_arguments beside a run_config",
                mend="put them into ScriptRunConfig(arguments=...)",
            )
        self._config = hyperdrive_config
        self._script_config = script_config
        self._metrics_output = metrics_output
        self._allow_reuse = allow_reuse
        self._version = version
        run_config = run_configuration(script_config)
        arguments = given or getattr(script_config, "arguments", None) or run_config.arguments
        all_outputs = list(outputs or [])
        if metrics_output is not None and not any(item is metrics_output for item in all_outputs):
            all_outputs.append(metrics_output)
        super().__init__(name, inputs, all_outputs, arguments)

    def _node(self, build: StepBuilder) -> StepNode:
        run_config = run_configuration(self._script_config)
        run = build.run_settings(run_config)
        script = getattr(self._script_config, "script", None) or run_config.script
        directory = getattr(self._script_config, "source_directory", None)
        payload = build.values({"hyperdrive": self._config._document()}, "payload")
        if self._metrics_output is not None:
            payload["metrics_output"] = build.output_name(self._metrics_output)
        return build.node(
            type=self.node_type,
            script=script,
            arguments=build.arguments(self._arguments),
            source_directory=build.source(directory, script),
            environment=run.environment,
            environment_variables=run.environment_variables,
            compute=build.compute(None, run.compute),
            settings=run.settings,
            allow_reuse=bool(self._allow_reuse),
            version=self._version,
            payload=payload,
        )


class HyperDriveStepRun:
    """A finished HyperDriveStep's children (SDK docs: ``azureml.pipeline.steps.HyperDriveStepRun``).

    :raises UnsupportedFeature: for now, always.
    """

    def __init__(self, step_run: Any) -> None:
        raise UnsupportedFeature(
            "HyperDriveStepRun", "HyperDriveStep is not run yet", "StepRun.get_children() and get_metrics()"
        )
