"""``ParallelRunStep``: run an entry script over many files or rows, in mini-batches."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.base import PipelineStep
from mlsteps.sdk.steps.parallel_run_config import ParallelRunConfig

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")

__all__ = ["ParallelRunConfig", "ParallelRunStep"]


class ParallelRunStep(PipelineStep):
    """Call ``run(mini_batch)`` of an entry script for each part of the inputs (SDK docs: ``ParallelRunStep``).

    :param name: 3 to 32 small letters, digits and ``-``, a letter first.
    :param inputs: what is cut into mini-batches; at least one. :param side_inputs: what every worker gets whole.
    :param output: one output; needed when the configuration says ``append_row``.
    :raises InvalidInput: when one of these rules is broken.
    """

    node_type = "ParallelRun"

    def __init__(
        self,
        name: str,
        parallel_run_config: ParallelRunConfig,
        inputs: Any,
        output: Any = None,
        side_inputs: Any = None,
        arguments: Any = None,
        allow_reuse: bool = True,
        **kwargs: Any,
    ) -> None:
        _check(name, parallel_run_config, inputs, output, kwargs)
        self._partitioned = list(inputs)
        self._side_inputs = list(side_inputs or [])
        self._output = output
        self._config = parallel_run_config
        self._allow_reuse = allow_reuse
        outputs = [] if output is None else [output]
        super().__init__(name, [*self._partitioned, *self._side_inputs], outputs, arguments)

    @property
    def running_on_windows(self) -> bool:
        """False: mini-batches run where the compute target is, whatever runs the authoring script."""
        return False

    def _node(self, build: StepBuilder) -> StepNode:
        config = self._config
        payload = build.values(config._document(), "payload")
        payload["inputs"] = [build.input_name(item) for item in self._partitioned]
        if self._side_inputs:
            payload["side_inputs"] = [build.input_name(item) for item in self._side_inputs]
        if self._output is not None:
            payload["output"] = build.output_name(self._output)
        counts = {"node_count": config.node_count, "process_count_per_node": config.process_count_per_node}
        counts = {key: value for key, value in counts.items() if value is not None}
        return build.node(
            type=self.node_type,
            script=config.entry_script,
            arguments=build.arguments(self._arguments),
            source_directory=build.source(config.source_directory, config.entry_script),
            environment=build.environment(config.environment),
            environment_variables=dict(config.environment_variables),
            compute=build.compute(config.compute_target),
            settings=build.values(counts, "settings"),
            allow_reuse=bool(self._allow_reuse),
            payload=payload,
        )


def _check(name: str, config: Any, inputs: Any, output: Any, others: Any) -> None:
    unknown = sorted(set(others) - {"models"})
    if unknown:
        raise TypeError(f"ParallelRunStep() got an unexpected keyword argument {unknown[0]!r}")
    if others:
        warnings.warn("ParallelRunStep(models=...) is ignored, as in later SDKs: scripts look models up themselves")
    if not isinstance(name, str) or not 3 <= len(name) <= 32 or not _NAME.match(name):
        raise InvalidInput(
            f"ParallelRunStep has the name {name!r}",
            expected="3 to 32 small letters, digits and '-', a letter first and no '-' last",
        )
    if not isinstance(config, ParallelRunConfig):
        raise InvalidInput(
            f"parallel_run_config of {name!r} is a {type(config).__name__}", expected="ParallelRunConfig"
        )
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise InvalidInput(f"ParallelRunStep {name!r} has no inputs", expected="a list of at least one input")
    if output is None and config.output_action == "append_row":
        raise InvalidInput(f"ParallelRunStep {name!r} has no output", mend="give output, or use 'summary_only'")
