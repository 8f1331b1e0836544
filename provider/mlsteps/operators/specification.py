"""``StepSpec``: all that the runner needs to know of one attempt."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.arguments import with_parameters
from mlsteps.contracts.distribution import distribution_of
from mlsteps.contracts.graph import OutputPort, PipelineGraph, StepNode
from mlsteps.contracts.r_settings import r_settings
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepSpec
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.not_run import refuse_not_run
from mlsteps.services.kinds import is_service_step

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore

#: Where an output lies when nothing else is said, as in the SDK; all kinds but ``pipeline_data`` share the second.
PLACE_OF_PIPELINE_DATA = "azureml/{run-id}/{output-name}"
PLACE_OF_OUTPUTS = "dataset/{run-id}/{output-name}"


def step_spec(
    node: StepNode,
    graph: PipelineGraph,
    ws: WorkspaceStore,
    *,
    run_id: str,
    pipeline_run_id: str,
    experiment: str,
    snapshot: str | None,
    interpreter: str,
    inputs: Iterable[InputSpec],
    parameters: Mapping[str, Any],
) -> StepSpec:
    """The spec of one attempt at a step.

    :param interpreter: Python of the step's environment.
    :param parameters: values of all pipeline parameters; the script gets those that its step uses.
    :raises UnsupportedFeature: for a step of a type that nothing runs, whatever script it names.
    :raises InvalidInput: for numbers of nodes or processes that cannot be.
    """
    refuse_not_run([node])
    inputs = tuple(inputs)
    outputs = tuple(output_spec(port, graph, ws, run_id) for port in node.outputs)
    return StepSpec(
        run_id=run_id,
        pipeline_run_id=pipeline_run_id,
        experiment=experiment,
        step_name=node.name,
        workspace=workspace_of(ws),
        argv=_command(node, parameters) if has_process(node) else (node.type,),  # of which nothing is run
        interpreter=interpreter,
        work_directory=_work_directory(run_id),
        snapshot=snapshot,
        datastores=datastores_of(ws, inputs, outputs),
        inputs=inputs,
        outputs=outputs,
        parameters={**parameters, **_step_parameters(node, parameters)},
        environment_variables=environment_variables(node, graph),
        max_run_duration_seconds=node.settings.get("max_run_duration_seconds"),
        transfer=node.payload if is_transfer(node) else {},
        distribution=distribution_of(node.settings, parameters),
        r=_r_settings(node, graph),
    )


def has_process(node: StepNode) -> bool:
    """Whether a step is a program with an interpreter of ours; data is copied, and services run jobs, without."""
    return not is_transfer(node) and not is_service_step(node)


def is_transfer(node: StepNode) -> bool:
    """Whether a step copies data and runs no command."""
    return node.type == "DataTransfer"


def _r_settings(node: StepNode, graph: PipelineGraph) -> dict[str, Any]:
    section = (graph.environments.get(node.environment or "") or {}).get("r") or {}
    return r_settings(node.payload, section) if node.type == "RScript" else {}


def argv(node: StepNode) -> tuple[Any, ...]:
    """The command as structured arguments. A command given as one text is for a shell, as in ``CommandStep``."""
    if node.command is None:
        if not node.script:
            raise InvalidInput(f"Step {node.name!r} has neither a script nor a command")
        if node.type == "RScript":
            return ({"r": ""}, node.script, *node.arguments)
        return ({"python": ""}, node.script, *node.arguments)
    if isinstance(node.command, (list, tuple)):
        return (*node.command, *node.arguments)
    return ("/bin/sh", "-c", node.command)


def output_spec(port: OutputPort, graph: PipelineGraph, ws: WorkspaceStore, run_id: str) -> OutputSpec:
    """One output with its place filled in: datastore, path, ``{run-id}`` and ``{output-name}``."""
    from mlsteps.registry.documents import get_datastore
    from mlsteps.storage.base import safe_path

    is_root = port.path == "" and port.kind == "pipeline_data"  # the destination of a transfer, and no other output
    template = (
        "" if is_root else port.path or (PLACE_OF_PIPELINE_DATA if port.kind == "pipeline_data" else PLACE_OF_OUTPUTS)
    )
    path = template.replace("{run-id}", run_id).replace("{output-name}", port.name)
    return OutputSpec(
        name=port.name,
        kind=port.kind,
        datastore=get_datastore(ws, port.datastore or graph.default_datastore)["name"],
        path=safe_path(path.strip("/")),
        mode=port.mode,
        variable=port.variable,
        path_on_compute=port.path_on_compute,
        overwrite=port.overwrite,
        globs=port.globs,
        is_directory=port.is_directory,
    )


def datastores_of(
    ws: WorkspaceStore, inputs: Iterable[InputSpec], outputs: Iterable[OutputSpec]
) -> dict[str, dict[str, Any]]:
    """The documents of all datastores that the inputs and outputs name."""
    from mlsteps.registry.documents import get_datastore

    names = {item.datastore for item in outputs}
    for item in inputs:
        names |= definition_datastores(item.definition)
    return {name: get_datastore(ws, name) for name in sorted(names)}


def definition_datastores(definition: Mapping[str, Any]) -> set[str]:
    """The datastores that a dataset definition names."""
    places = [*definition.get("paths", ()), definition.get("sql") or {}]
    return {place["datastore"] for place in places if place.get("datastore")}


def environment_variables(node: StepNode, graph: PipelineGraph) -> dict[str, str]:
    """The variables of the step's environment, then those of its run configuration."""
    document = graph.environments.get(node.environment or "") or {}
    merged = {**(document.get("environment_variables") or {}), **node.environment_variables}
    return {str(name): str(value) for name, value in merged.items()}


def workspace_of(ws: WorkspaceStore) -> dict[str, Any]:
    """The workspace as a script sees it."""
    from mlsteps.registry.workspaces import workspace_document

    document = workspace_document(ws)
    kept = {key: document.get(key) for key in ("name", "subscription_id", "resource_group", "location", "id")}
    return {**kept, "root": ws.root}


def _step_parameters(node: StepNode, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A step's own parameters (``params=`` of the SDK): literals, or references to the pipeline's."""
    values = {}
    for name, value in node.parameters.items():
        refers = isinstance(value, Mapping) and "parameter" in value
        values[name] = parameters[value["parameter"]] if refers else value
    return values


def _command(node: StepNode, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """:func:`argv`; a pipeline parameter among the arguments is meant where a step's own has the same name."""
    shadowed = {name: parameters[name] for name in node.parameters if name in parameters}
    return tuple(with_parameters(item, shadowed) for item in argv(node))


def _work_directory(run_id: str) -> str:
    from mlsteps.registry.workspaces import home

    return os.path.join(home(), "work", run_id)
