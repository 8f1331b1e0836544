"""What a step reads: each input port becomes an ``InputSpec``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.dataset import file_definition, transformed
from mlsteps.contracts.graph import InputPort, StepNode
from mlsteps.contracts.record import OutputRecord
from mlsteps.contracts.spec import InputSpec
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.operators.planned import Plan

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore

Outputs = Mapping[str, OutputRecord]


def upstream_outputs(node: StepNode, plan: Plan | None, pull: Callable[[str], Any]) -> dict[str, Outputs]:
    """The outputs of each step that this one reads, by step id.

    A step's own XCom counts before the plan: a step that was planned as reused and then cleared in the UI has really
    run, and what it wrote then is what its consumers read.

    :param pull: answers the ``return_value`` XCom of a task of this run, or None.
    :raises UserErrorException: when a step has left no outputs.
    """
    needed = dict.fromkeys(port.source["step"] for port in node.inputs if "step" in port.source)
    return {step_id: outputs_of(step_id, plan, pull(step_id)) for step_id in needed}


def outputs_of(step_id: str, plan: Plan | None, value: Any) -> Outputs:
    """The outputs of one step.

    :param value: its ``return_value`` XCom, or None.
    :raises UserErrorException: when it has left none.
    """
    if isinstance(value, Mapping) and "outputs" in value:
        return {name: OutputRecord.from_json(item) for name, item in value["outputs"].items()}
    found = plan.outputs(step_id) if plan else {}
    if not found:
        raise UserErrorException(
            f"Task {step_id!r} has left no outputs in this run (no XCom, and plan did not reuse it). "
            "Clear it, so that it runs again together with what reads its outputs."
        )
    return found


def input_spec(
    port: InputPort, ws: WorkspaceStore, *, upstream: Mapping[str, Outputs], parameters: Mapping[str, Any]
) -> InputSpec:
    """One input with its source resolved to a dataset definition.

    :raises UserErrorException: when the source does not exist; names it and what there is.
    """
    definition, dataset = _resolved(port, ws, upstream, parameters)
    definition = transformed(definition, port.transform)
    return InputSpec(
        name=port.name,
        definition=definition,
        kind=port.kind,
        mode=port.mode,
        variable=port.variable,
        path_on_compute=port.path_on_compute,
        overwrite=port.overwrite,
        dataset_id=_saved(ws, definition) if port.mode == "direct" else None,
        dataset=dataset,
        writable=port.kind == "reference" and "step" not in port.source,
        may_be_empty="step" in port.source,
    )


def input_document(item: InputSpec, ws: WorkspaceStore) -> dict[str, Any]:
    """What a run says of an input: ``get_details()["inputDatasets"]`` of the SDK looks the dataset up by its id."""
    document = item.to_json()
    if item.kind != "reference" and not item.dataset_id:
        document["dataset_id"] = item.dataset.get("id") or _saved(ws, item.definition)
    return document


def input_documents(
    node: StepNode, ws: WorkspaceStore, *, upstream: Mapping[str, Outputs], parameters: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """What a step reads, by port name, for a step that is not run: a reused one has inputs like any other."""
    specs = [input_spec(port, ws, upstream=upstream, parameters=parameters) for port in node.inputs]
    return {item.name: input_document(item, ws) for item in specs}


def _resolved(
    port: InputPort, ws: WorkspaceStore, upstream: Mapping[str, Outputs], parameters: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    source = port.source
    if "step" in source:
        return _of_output(port, upstream), {}
    if "parameter" in source:
        source = parameter_source(parameters[source["parameter"]])
    if "dataset" in source:
        return source["dataset"], {}
    if "datapath" in source:
        return file_definition(source["datapath"]["datastore"], source["datapath"]["path"]), {}
    return _of_registered(source, ws)


def parameter_source(value: Any) -> Mapping[str, Any]:
    """The source that a datapath or dataset parameter's value stands for."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{value!r} is no data", expected="a datapath or a dataset")
    if "registered" in value or "id" in value:
        return value
    return {"datapath": value} if "datastore" in value else {"dataset": value}


def _of_output(port: InputPort, upstream: Mapping[str, Outputs]) -> Mapping[str, Any]:
    step, name = port.source["step"], port.source["output"]
    outputs = upstream[step]
    if name not in outputs:
        raise UserErrorException(
            f"Task {step!r} has no output {name!r}. It has {', '.join(sorted(outputs)) or 'none'}."
        )
    record = outputs[name]
    return record.definition or file_definition(record.datastore, record.path)


def _of_registered(source: Mapping[str, Any], ws: WorkspaceStore) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    from mlsteps.registry import datasets

    if "id" in source:
        found = datasets.get_by_id(ws, source["id"])
        wanted = f"dataset with id {source['id']!r}"
    else:
        name, version = source["registered"]["name"], source["registered"].get("version", "latest")
        found = datasets.get(ws, name, version)
        wanted = f"dataset {name!r}, version {version}"
    if found is None:
        raise UserErrorException(
            f"There is no {wanted} in the workspace at {ws.root}. "
            f"Registered are {', '.join(datasets.names(ws)) or 'none'}."
        )
    return found["definition"], {key: found[key] for key in ("name", "version", "id") if key in found}


def _saved(ws: WorkspaceStore, definition: Mapping[str, Any]) -> str:
    """A script that gets the dataset's id looks it up by that id, so it has to be stored."""
    from mlsteps.registry import datasets

    return datasets.save(ws, definition)
