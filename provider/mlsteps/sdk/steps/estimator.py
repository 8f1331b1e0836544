"""``EstimatorStep``: run an ``Estimator``."""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.script import ScriptStep


class EstimatorStep(ScriptStep):
    """Run an estimator's entry script with its run configuration (SDK docs: ``EstimatorStep``).

    :param estimator: an ``Estimator``, or another object with ``run_config`` and ``source_directory``.
    :param estimator_entry_script_arguments: the script's arguments; those of the estimator must not be set.
    :raises InvalidInput: without an estimator, and for one with arguments of its own.
    """

    def __init__(
        self,
        name: str | None = None,
        estimator: Any = None,
        estimator_entry_script_arguments: Any = None,
        runconfig_pipeline_params: Mapping[str, Any] | None = None,
        inputs: Any = None,
        outputs: Any = None,
        compute_target: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
    ) -> None:
        if estimator is None or getattr(estimator, "run_config", None) is None:
            raise InvalidInput(f"EstimatorStep {name!r} has no estimator", expected="an Estimator")
        script = estimator.run_config.script
        if estimator.run_config.arguments:
            raise InvalidInput(
                f"The estimator of EstimatorStep {name!r} has arguments: {estimator.run_config.arguments!r}",
                expected="no script_params",
                mend="give estimator_entry_script_arguments to the step",
            )
        super().__init__(
            script_name=script,
            name=name or script,
            arguments=estimator_entry_script_arguments,
            compute_target=compute_target,
            runconfig=estimator.run_config,
            runconfig_pipeline_params=runconfig_pipeline_params,
            inputs=inputs or getattr(estimator, "_inputs", None),
            outputs=outputs,
            source_directory=estimator.source_directory,
            allow_reuse=allow_reuse,
            version=version,
        )
