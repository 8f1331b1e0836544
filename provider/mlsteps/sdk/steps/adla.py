"""``AdlaStep``: refused; Azure Data Lake Analytics was retired on 2024-02-29."""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.errors import UnsupportedFeature
from mlsteps.sdk.steps.base import PipelineStep


class AdlaStep(PipelineStep):
    """The SDK's U-SQL step. It can be constructed; a pipeline with it cannot.

    :raises UnsupportedFeature: from ``Pipeline``.
    """

    node_type = "Adla"

    def __init__(
        self,
        script_name: str,
        name: str | None = None,
        inputs: Any = None,
        outputs: Any = None,
        params: Mapping[str, Any] | None = None,
        degree_of_parallelism: int | None = None,
        priority: int | None = None,
        runtime_version: str | None = None,
        compute_target: Any = None,
        source_directory: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
        hash_paths: Any = None,
    ) -> None:
        super().__init__(name or script_name, inputs, outputs)

    def _refuse(self) -> None:
        raise UnsupportedFeature(
            f"AdlaStep (step {self.name!r})",
            "Azure retired Data Lake Analytics on 2024-02-29",
            "a SynapseSparkStep, a DatabricksStep, or a PythonScriptStep with DuckDB or pandas",
        )
