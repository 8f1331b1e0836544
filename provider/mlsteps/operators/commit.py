"""What is kept of a finished step: its record, its datasets, and what Airflow shows of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlsteps.contracts.dataset import file_definition, transformed
from mlsteps.contracts.graph import OutputPort, StepNode
from mlsteps.contracts.record import OutputRecord, StepRecord
from mlsteps.contracts.spec import OutputSpec, StepResult
from mlsteps.errors import CommitError

if TYPE_CHECKING:
    from airflow.sdk import Asset, AssetAlias

    from mlsteps.storage.workspace_store import WorkspaceStore


def step_record(
    ws: WorkspaceStore,
    node: StepNode,
    outputs: tuple[OutputSpec, ...],
    result: StepResult,
    *,
    fingerprint: str,
    preimage: Mapping[str, Any],
    producer: Mapping[str, Any],
) -> StepRecord:
    """The record of a step that has just run; stores the manifests of its outputs.

    :raises CommitError: when the runner answers without a manifest for an output.
    """
    ports = {port.name: port for port in node.outputs}
    run_id = producer["step_run_id"]
    return StepRecord(
        fingerprint=fingerprint,
        preimage=preimage,
        producer=producer,
        outputs={item.name: _output_record(ws, run_id, item, ports[item.name], result) for item in outputs},
        created=time.time(),
        seconds=round(sum(result.timings.values()), 3),
    )


def _output_record(
    ws: WorkspaceStore, run_id: str, spec: OutputSpec, port: OutputPort, result: StepResult
) -> OutputRecord:
    from mlsteps.registry.records import put_manifest

    definition = transformed(file_definition(spec.datastore, spec.path), port.transform) if port.transform else None
    if spec.name in result.links:  # holds no files of its own: what it points to is its content
        linked = transformed(result.links[spec.name], port.transform)
        return OutputRecord(spec.datastore, spec.path, tree="", manifest="", kind=spec.kind, definition=linked)
    manifest = result.outputs.get(spec.name)
    if manifest is None:
        raise CommitError(f"The runner committed no output {spec.name!r}; nothing of this attempt counts.")
    return OutputRecord(
        datastore=spec.datastore,
        path=spec.path,
        tree=manifest.tree,
        manifest=put_manifest(ws, run_id, spec.name, manifest),
        kind=spec.kind,
        is_file=manifest.is_file,
        count=len(manifest.files),
        size=manifest.size,
        definition=definition,
    )


def register_outputs(
    ws: WorkspaceStore, node: StepNode, record: StepRecord, step_run_id: str, *, new_version: bool
) -> dict[str, dict[str, Any]]:
    """Register the outputs that ask for it (``register_on_complete``); the datasets' documents by output name.

    :param new_version: False only makes sure that what the record holds is registered.
    """
    from mlsteps.registry import datasets

    registered = {}
    for port in node.outputs:
        if port.register and port.name in record.outputs:
            output = record.outputs[port.name]
            definition = output.definition or file_definition(output.datastore, output.path)
            origin = {"uri": output_uri(output), "tree": output.tree, "run_id": step_run_id}
            registered[port.name] = datasets.register_output(
                ws, port.register, definition, origin, new_version=new_version
            )
    return registered


def result_value(
    record: StepRecord, step_run_id: str, registered: Mapping[str, Mapping[str, Any]], *, reused: bool
) -> dict[str, Any]:
    """A step's ``return_value`` XCom."""
    outputs = {name: output.to_json() for name, output in record.outputs.items()}
    for name, document in registered.items():
        outputs[name]["dataset"] = {key: document[key] for key in ("name", "version", "id")}
    value = {"step_run_id": step_run_id, "reused": reused, "fingerprint": record.fingerprint, "outputs": outputs}
    return {**value, "source": dict(record.producer)} if reused else value


def output_uri(output: OutputRecord) -> str:
    """Where an output lies, in terms of the workspace: stays true when a store moves."""
    return f"azureml://datastores/{output.datastore}/paths/{output.path}"


def dataset_asset(workspace: str, name: str) -> Asset:
    """The Airflow asset of a registered dataset: other DAGs can be scheduled on it."""
    from airflow.sdk import Asset

    uri = f"mlsteps://{quote(workspace, safe='')}/datasets/{quote(name, safe='')}"
    return Asset(name=uri, uri=uri)


def asset_workspace(reference: Mapping[str, Any]) -> str:
    """The workspace's name in the URIs of assets, from a graph alone, so that a DAG file can say it when parsed."""
    return str(reference.get("name") or "default")


def reused_alias(reference: Mapping[str, Any]) -> AssetAlias:
    """Through this ``plan`` sends the events of steps that it reuses: only some of a run's datasets have one."""
    from airflow.sdk import AssetAlias

    return AssetAlias(f"mlsteps-reused-{quote(asset_workspace(reference), safe='')}")


def assets_of(reference: Mapping[str, Any], ports: Iterable[OutputPort]) -> list[Asset]:
    """The assets that a step with these outputs updates each time it ends well.

    :param reference: the workspace, as a graph names it.
    """
    names = dict.fromkeys(str(port.register["name"]) for port in ports if port.register)
    return [dataset_asset(asset_workspace(reference), name) for name in names]


def asset_extra(document: Mapping[str, Any], *, reused: bool) -> dict[str, Any]:
    """What an asset event says of a dataset version."""
    output = document.get("output") or {}
    return {
        "version": document["version"],
        "id": document["id"],
        "uri": output.get("uri"),
        "tree": output.get("tree"),
        "reused": reused,
    }
