"""``SynapseSparkStep``: submit a Spark job to a Synapse pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.base import PipelineStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder


class SynapseSparkStep(PipelineStep):
    """Run ``file`` with Spark (SDK docs: ``azureml.pipeline.steps.SynapseSparkStep``).

    :param driver_memory: such as ``"7g"``; :param num_executors: at least 1.
    :raises InvalidInput: when something needed is missing.
    """

    node_type = "SynapseSpark"

    def __init__(
        self,
        file: str,
        source_directory: Any,
        compute_target: Any,
        driver_memory: str,
        driver_cores: int,
        executor_memory: str,
        executor_cores: int,
        num_executors: int,
        name: str | None = None,
        app_name: str | None = None,
        environment: Any = None,
        arguments: Any = None,
        inputs: Any = None,
        outputs: Any = None,
        conf: Mapping[str, Any] | None = None,
        py_files: Sequence[str] | None = None,
        jars: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
        allow_reuse: bool = True,
        version: str | None = None,
    ) -> None:
        if not file or compute_target is None:
            raise InvalidInput(f"SynapseSparkStep {name!r} lacks file or compute_target")
        self._file = file
        self._source_directory = source_directory
        self._compute_target = compute_target
        self._environment = environment
        self._allow_reuse = allow_reuse
        self._version = version
        payload = {
            "driver_memory": driver_memory,
            "driver_cores": driver_cores,
            "executor_memory": executor_memory,
            "executor_cores": executor_cores,
            "num_executors": num_executors,
            "app_name": app_name,
            "conf": dict(conf or {}),
            "py_files": list(py_files or []),
            "jars": list(jars or []),
            "files": list(files or []),
        }
        self._payload = {key: value for key, value in payload.items() if value not in (None, {}, [])}
        super().__init__(name or file, inputs, outputs, arguments)

    def _node(self, build: StepBuilder) -> StepNode:
        return build.node(
            type=self.node_type,
            script=self._file,
            arguments=build.arguments(self._arguments),
            source_directory=build.source(self._source_directory, self._file),
            environment=build.environment(self._environment),
            compute=build.compute(self._compute_target),
            allow_reuse=bool(self._allow_reuse),
            version=self._version,
            payload=build.values(self._payload, "payload"),
        )
