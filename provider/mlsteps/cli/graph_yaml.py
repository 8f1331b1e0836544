"""A graph as the SDK's YAML (the CLI v1 format), with each step's source and run configuration beside it.

The format says less than a graph can. What it cannot say is refused, all of it at once, and never left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import InputPort, OutputPort, PipelineGraph, StepNode
from mlsteps.errors import Fault, GraphError, InvalidInput

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore

_TYPES = {"string": "string", "int": "int", "float": "float", "bool": "bool", "datapath": "datapath"}
_MEND = "export it as JSON, which says everything"


def write(graph: PipelineGraph, ws: WorkspaceStore, directory: str) -> str:
    """Write ``pipeline.yml`` and what it names; answers its path.

    :param directory: new or empty.
    :raises GraphError: with all that the format cannot say.
    """
    faults = list(_faults(graph))
    if faults:
        raise GraphError(faults)
    if os.path.isdir(directory) and os.listdir(directory):
        raise InvalidInput(f"The folder {directory!r} is not empty", expected="a new or empty one")
    os.makedirs(directory, exist_ok=True)
    writer = _Writer(graph, ws, directory)
    path = os.path.join(directory, "pipeline.yml")
    _dump(writer.document(), path)
    return path


class _Writer:
    def __init__(self, graph: PipelineGraph, ws: WorkspaceStore, directory: str) -> None:
        self._graph = graph
        self._ws = ws
        self._directory = directory
        self._references: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        steps = {node.id: self._step(node) for node in self._graph.steps}
        made = {
            "name": self._graph.description or "pipeline",
            "description": self._graph.description,
            "parameters": {item.name: _parameter(item.type, item.default) for item in self._graph.parameters},
            "data_references": self._references,
            "steps": steps,
        }
        return {"pipeline": {key: value for key, value in made.items() if value not in (None, {})}}

    def _step(self, node: StepNode) -> dict[str, Any]:
        made = {
            "type": "PythonScriptStep",
            "name": node.name,
            "script_name": node.script,
            "source_directory": self._source(node),
            "compute": node.compute.get("name"),
            "runconfig": self._configuration(node),
            "arguments": [_argument(item) for item in node.arguments],
            "parameters": {name: _value(value) for name, value in node.parameters.items()},
            "inputs": {port.name: self._input(node, port) for port in node.inputs},
            "outputs": {port.name: _output(node, port) for port in node.outputs},
            "version": node.version,
            "allow_reuse": node.allow_reuse,
        }
        return {key: value for key, value in made.items() if value not in (None, {}, [])}

    def _source(self, node: StepNode) -> str | None:
        from mlsteps.storage.snapshots import unpack

        if node.snapshot is None:
            return node.source_directory and os.path.abspath(node.source_directory)
        folder = os.path.join("sources", node.snapshot[:12])
        if not os.path.isdir(os.path.join(self._directory, folder)):
            unpack(node.snapshot, self._ws, os.path.join(self._directory, folder))
        return folder

    def _configuration(self, node: StepNode) -> str | None:
        """The step's environment and variables as a run configuration file."""
        document = self._graph.environments.get(node.environment or "")
        if not document and not node.environment_variables:
            return None
        from mlsteps.sdk.environment import Environment
        from mlsteps.sdk.runconfig import RunConfiguration

        made = RunConfiguration()
        if document:
            made.environment = Environment._from_document(document)
        if node.environment_variables:
            made.environment_variables = dict(node.environment_variables)
        folder = os.path.join(self._directory, "runconfigs")
        os.makedirs(folder, exist_ok=True)
        return os.path.relpath(made.save(os.path.join(folder, f"{node.id}.runconfig")), self._directory)

    def _input(self, node: StepNode, port: InputPort) -> dict[str, Any]:
        source = port.source
        if "step" in source:
            name = _tag(source["step"], source["output"])
        elif "parameter" in source:
            name = source["parameter"]
        else:
            name = f"{node.id}_{port.name}"
            self._references[name] = _reference(source)
        made: dict[str, Any] = {"source": name, "bind_mode": port.mode, "path_on_compute": port.path_on_compute}
        made["overwrite"] = port.overwrite or None
        return {key: value for key, value in made.items() if value is not None}


def _tag(step: str, output: str) -> str:
    return f"{step}_{output}"


def _reference(source: Mapping[str, Any]) -> dict[str, Any]:
    if "registered" in source:
        return {"dataset_name": source["registered"]["name"]}
    place = source["datapath"]
    return {"datastore": place["datastore"], "path_on_datastore": place["path"]}


def _parameter(kind: str, default: Any) -> dict[str, Any]:
    if kind == "datapath":
        default = {"datastore": default["datastore"], "path_on_datastore": default["path"]}
    return {"type": _TYPES[kind], "default": default}


def _argument(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    ((kind, name),) = item.items()
    return f"{kind}:{name}"


def _value(value: Any) -> Any:
    return {"source": value["parameter"]} if isinstance(value, Mapping) and "parameter" in value else value


def _output(node: StepNode, port: OutputPort) -> dict[str, Any]:
    made = {"destination": _tag(node.id, port.name), "datastore": port.datastore, "bind_mode": port.mode}
    return {key: value for key, value in made.items() if value is not None}


def _faults(graph: PipelineGraph) -> Iterator[Fault]:
    for number, item in enumerate(graph.parameters):
        if item.type not in _TYPES or (item.type == "datapath" and not isinstance(item.default, Mapping)):
            yield _fault(f"$.parameters[{number}]", f"the parameter {item.name!r} of type {item.type}")
    for number, node in enumerate(graph.steps):
        for what in _of_step(node):
            yield _fault(f"$.steps[{number}]", f"{what} of step {node.name!r}")


def _of_step(node: StepNode) -> Iterator[str]:
    if node.type != "PythonScript" or node.command is not None:
        yield f"the type {node.type}"
    by_data = {port.source["step"] for port in node.inputs if "step" in port.source}
    if set(node.run_after) - by_data:
        yield "the order without data (run_after)"
    if node.payload or {key: value for key, value in node.settings.items() if value}:
        yield "the run settings"
    for item in node.arguments:
        if isinstance(item, Mapping) and "join" in item:
            yield "an argument that joins texts and data"
    for port in node.inputs:
        if (
            port.transform
            or port.kind == "tabular"
            or not {"step", "parameter", "registered", "datapath"} & set(port.source)
        ):
            yield f"the input {port.name!r} ({port.kind})"
    for output in node.outputs:
        if output.kind != "pipeline_data" or output.register or output.path or output.transform:
            yield f"the output {output.name!r} ({output.kind})"


def _fault(path: str, what: str) -> Fault:
    return Fault(path, f"the SDK's YAML has no words for {what}", _MEND)


def _dump(document: Any, path: str) -> None:
    import yaml

    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(document, file, sort_keys=False, allow_unicode=True)
