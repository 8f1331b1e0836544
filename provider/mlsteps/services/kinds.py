"""Which steps a service runs. Data only."""

from __future__ import annotations

from collections.abc import Mapping

from mlsteps.contracts.graph import StepNode

#: ``StepNode.type`` -> the kind of placement that names its connection.
KINDS: Mapping[str, str] = {
    "AzureBatch": "batch",
    "Databricks": "databricks",
    "Kusto": "kusto",
    "SynapseSpark": "synapse",
}


def is_service_step(node: StepNode) -> bool:
    """Whether a service runs the step, and no interpreter of ours."""
    return node.type in KINDS
