"""From a step's type to the service that runs it, with the connection that the workspace gives its compute target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlsteps.compute.choose import placement_of
from mlsteps.compute.placement import ServiceOptions, options_of
from mlsteps.contracts.graph import StepNode
from mlsteps.contracts.spec import StepSpec
from mlsteps.errors import UserErrorException
from mlsteps.registry.documents import get_compute
from mlsteps.runner.stores import Stores
from mlsteps.services.job import Job
from mlsteps.services.kinds import KINDS
from mlsteps.services.target import ServiceTarget
from mlsteps.storage.workspace_store import WorkspaceStore

_PACKAGES = {"databricks": "databricks", "batch": "azure", "kusto": "azure", "synapse": "azure"}


def service_target(node: StepNode, ws: WorkspaceStore) -> ServiceTarget:
    """The target of one attempt at a step that a service runs.

    :raises UserErrorException: when the provider with its hook is not installed.
    """
    kind = KINDS[node.type]
    options = _options(ws, node.compute.get("name"), kind)
    try:
        make = _MAKERS[kind](node, ws, options)
    except ImportError as error:
        raise UserErrorException(
            f"{node.type}Step {node.name!r} needs a provider of Airflow: "
            f"pip install 'airflow-provider-mlsteps[{_PACKAGES[kind]}]' ({error})."
        ) from error
    return ServiceTarget(ws, make, options.poll_seconds)


def _options(ws: WorkspaceStore, name: str | None, kind: str) -> ServiceOptions:
    """What the workspace says of this compute target; a placement of another kind is for other steps."""
    placement = placement_of(ws, name)
    found = options_of(placement) if placement["kind"] == kind else None
    return found if isinstance(found, ServiceOptions) else ServiceOptions()


Maker = Callable[[StepSpec, Stores, Mapping[str, Any]], Job]


def _databricks(node: StepNode, ws: WorkspaceStore, options: ServiceOptions) -> Maker:
    from airflow.providers.databricks.hooks.databricks import DatabricksHook

    from mlsteps.services.databricks import DatabricksJob

    hook = DatabricksHook(options.conn_id or "databricks_default", caller="mlsteps")
    return lambda spec, stores, credentials: DatabricksJob(hook, node, spec, stores)


def _synapse(node: StepNode, ws: WorkspaceStore, options: ServiceOptions) -> Maker:
    from airflow.providers.microsoft.azure.hooks.synapse import AzureSynapseHook

    from mlsteps.services.synapse import SynapseJob

    name = node.compute.get("name")
    document = get_compute(ws, name) if name else None
    pool = (document or {}).get("settings", {}).get("pool_name") or name
    hook = AzureSynapseHook(options.conn_id or "azure_synapse_default", spark_pool=str(pool))
    return lambda spec, stores, credentials: SynapseJob(hook, node, spec, stores)


def _kusto(node: StepNode, ws: WorkspaceStore, options: ServiceOptions) -> Maker:
    from airflow.providers.microsoft.azure.hooks.adx import AzureDataExplorerHook

    from mlsteps.services.kusto import KustoJob

    hook = AzureDataExplorerHook(options.conn_id or "azure_data_explorer_default")
    return lambda spec, stores, credentials: KustoJob(hook, node, spec, stores)


def _batch(node: StepNode, ws: WorkspaceStore, options: ServiceOptions) -> Maker:
    from airflow.providers.microsoft.azure.hooks.batch import AzureBatchHook

    from mlsteps.services.batch import BatchJob

    hook = AzureBatchHook(options.conn_id or "azure_batch_default")
    return lambda spec, stores, credentials: BatchJob(hook, node, spec, stores, credentials)


_MAKERS: Mapping[str, Callable[[StepNode, WorkspaceStore, ServiceOptions], Maker]] = {
    "batch": _batch,
    "databricks": _databricks,
    "kusto": _kusto,
    "synapse": _synapse,
}
