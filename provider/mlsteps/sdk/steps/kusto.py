"""``KustoStep``: run a query on Azure Data Explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.base import PipelineStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder


class KustoStep(PipelineStep):
    """Run the one query file of a directory (SDK docs: ``azureml.pipeline.steps.KustoStep``). Not reused by default.

    :raises InvalidInput: when something needed is missing.
    """

    node_type = "Kusto"

    def __init__(
        self,
        name: str,
        compute_target: Any,
        database_name: str,
        query_directory: Any,
        output: Any,
        parameter_dict: Mapping[str, Any] | None = None,
        allow_reuse: bool = False,
    ) -> None:
        needed = {"name": name, "database_name": database_name, "query_directory": query_directory, "output": output}
        missing = [key for key, value in needed.items() if not value]
        if missing:
            raise InvalidInput(f"KustoStep {name!r} lacks {missing}")
        self._compute_target = compute_target
        self._database_name = database_name
        self._query_directory = query_directory
        self._parameter_dict = dict(parameter_dict or {})
        self._allow_reuse = allow_reuse
        super().__init__(name, None, output if isinstance(output, (list, tuple)) else [output])

    def _node(self, build: StepBuilder) -> StepNode:
        return build.node(
            type=self.node_type,
            parameters=build.values(self._parameter_dict, "parameter_dict"),
            source_directory=build.source(self._query_directory, None),
            compute=build.compute(self._compute_target),
            allow_reuse=bool(self._allow_reuse),
            payload=build.values({"database_name": self._database_name}, "payload"),
        )
