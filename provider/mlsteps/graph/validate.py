"""Checks a ``PipelineGraph``, however it came about: built from SDK objects, read from JSON or YAML."""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator, Mapping

from mlsteps.contracts.arguments import Argument, references
from mlsteps.contracts.graph import InputPort, OutputPort, PipelineGraph, StepNode
from mlsteps.errors import Fault
from mlsteps.graph.paths import path_fault
from mlsteps.graph.secrets import MEND, secret_in
from mlsteps.storage.addresses import NO_SECRET, holds_secret
from mlsteps.storage.base import redact

#: Names that a dataset may not have: as environment variables they would break the step's process (SDK docs).
RESERVED_NAMES = frozenset(("path", "ld_library_path", "user", "logname", "home", "pwd", "shell"))
_ID = re.compile(r"[A-Za-z0-9_.-]+\Z")
_REFERENCE_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
_DATASET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_TEMPLATE_NAMES = frozenset(("run-id", "output-name"))
_SPARK = "SynapseSpark"
_SOURCES = frozenset(("step", "dataset", "registered", "datapath", "parameter"))


def faults(graph: PipelineGraph, *, datastores: Iterable[str] | None = None) -> list[Fault]:
    """Everything wrong with ``graph``; empty when nothing is.

    :param datastores: names of the workspace's datastores; None when they are not known, which checks none.
    """
    return list(_Check(graph, None if datastores is None else frozenset(datastores)).all())


class _Check:
    """One pass over a graph. Each method yields the faults it finds."""

    def __init__(self, graph: PipelineGraph, datastores: frozenset[str] | None) -> None:
        self._graph = graph
        self._datastores = datastores
        self._outputs = {node.id: frozenset([port.name for port in node.outputs]) for node in graph.steps}
        self._parameters = frozenset(parameter.name for parameter in graph.parameters)

    def all(self) -> Iterator[Fault]:
        yield from self._datastore("$.default_datastore", self._graph.default_datastore)
        for number, parameter in enumerate(self._graph.parameters):
            path = f"$.parameters[{number}].default"
            if isinstance(parameter.default, str):
                yield from self._secret(path, parameter.default)
            elif parameter.type in ("datapath", "dataset") and isinstance(parameter.default, Mapping):
                yield from self._places(path, parameter.type, parameter.default)
        seen: set[str] = set()
        for index, node in enumerate(self._graph.steps):
            if node.id in seen or not _ID.match(node.id):
                what = f"the id {node.id!r} is {'taken' if node.id in seen else 'no safe task id'}."
                yield Fault(f"$.steps[{index}].id", what, "use letters, digits, '_', '-' and '.', each id once")
            seen.add(node.id)
            yield from self._node(f"$.steps[{index}]", node)
        yield from self._pipeline_outputs()
        yield from self._cycles()

    def _node(self, path: str, node: StepNode) -> Iterator[Fault]:
        inputs = frozenset([port.name for port in node.inputs])
        if len(inputs) < len(node.inputs):
            yield Fault(f"{path}.inputs", "two inputs have one name.", "give each a name of its own")
        if len(self._outputs[node.id]) < len(node.outputs):
            yield Fault(f"{path}.outputs", "two outputs have one name.", "give each a name of its own")
        for number, port in enumerate(node.inputs):
            yield from self._input(f"{path}.inputs[{number}]", port)
            yield from _by_url(f"{path}.inputs[{number}].mode", "input", port, node)
        for number, output in enumerate(node.outputs):
            yield from self._output(f"{path}.outputs[{number}]", output)
            yield from _by_url(f"{path}.outputs[{number}].mode", "output", output, node)
        for number, step in enumerate(node.run_after):
            if step not in self._outputs:
                yield Fault(f"{path}.run_after[{number}]", f"there is no step {step!r}.", "name a step of the pipeline")
        if node.environment is not None and node.environment not in self._graph.environments:
            yield Fault(f"{path}.environment", f"there is no environment {node.environment!r}.", "")
        known = {"input": inputs, "output": self._outputs[node.id], "parameter": self._parameters}
        for where, argument in _arguments(node):
            yield from self._argument(f"{path}.{where}", argument, known)
        for name, value in node.environment_variables.items():
            yield from self._secret(f"{path}.environment_variables.{name}", str(value))
        for where, text in _texts(node.payload, f"{path}.payload"):
            yield from self._secret(where, text)

    def _argument(self, path: str, argument: Argument, known: Mapping[str, frozenset[str]]) -> Iterator[Fault]:
        if isinstance(argument, str):
            yield from self._secret(path, argument)
        elif isinstance(argument, dict):
            for kind, name in references(argument):
                if name not in known.get(kind, ()):
                    yield Fault(path, f"there is no {kind} {name!r}.", f"name one of {sorted(known.get(kind, ()))}")
            for part in argument.get("join", ()):
                if isinstance(part, str):
                    yield from self._secret(path, part)

    def _input(self, path: str, port: InputPort) -> Iterator[Fault]:
        yield from self._name(path, port.name, port.kind)
        yield from self._compute_path(path, port.path_on_compute)
        source = port.source
        if not source:
            return  # the builder has said why
        if "step" in source:
            if source.get("output") not in self._outputs.get(source["step"], ()):
                what = f"step {source['step']!r} has no output {source.get('output')!r}."
                yield Fault(f"{path}.source", what, "name an output of a step of the pipeline")
        elif len(source) != 1 or not _SOURCES.issuperset(source):
            yield Fault(f"{path}.source", f"a source has the keys {sorted(source)}.", f"use one of {sorted(_SOURCES)}")
        elif "parameter" in source and source["parameter"] not in self._parameters:
            yield Fault(f"{path}.source", f"there is no pipeline parameter {source['parameter']!r}.", "")
        else:
            for kind, place in source.items():
                yield from self._places(f"{path}.source", kind, place)

    def _places(self, path: str, kind: str, place: Any) -> Iterator[Fault]:
        """Datastores and paths that a datapath or a dataset's definition names."""
        if kind not in ("datapath", "dataset") or not isinstance(place, Mapping):
            return
        entries = (
            [place] if kind == "datapath" else [*place.get("paths", ()), *([place["sql"]] if "sql" in place else [])]
        )
        for entry in entries:
            yield from self._datastore(path, entry.get("datastore"))
            yield from self._store_path(path, entry.get("path"))
            url = str(entry.get("url") or "")
            if holds_secret(url):
                yield Fault(path, f"{redact(url)} holds a secret; a pipeline is stored and shown.", NO_SECRET)

    def _output(self, path: str, port: OutputPort) -> Iterator[Fault]:
        yield from self._name(path, port.name, "reference" if port.kind == "pipeline_data" else port.kind)
        yield from self._datastore(f"{path}.datastore", port.datastore)
        yield from self._compute_path(path, port.path_on_compute)
        if port.path is not None:
            yield from self._store_path(f"{path}.path", port.path)
            for name in _TEMPLATE.findall(port.path):
                if name not in _TEMPLATE_NAMES:
                    what = f"the destination {port.path!r} has the placeholder {{{name}}}."
                    yield Fault(f"{path}.path", what, "use {run-id} and {output-name} only")

    def _name(self, path: str, name: str, kind: str) -> Iterator[Fault]:
        rule = _REFERENCE_NAME if kind == "reference" else _DATASET_NAME
        if not isinstance(name, str) or not rule.match(name):
            yield Fault(f"{path}.name", f"the name is {name!r}.", "use letters, digits and underscores")
        elif kind != "reference" and name.lower() in RESERVED_NAMES:
            what = f"the name {name!r} would replace the environment variable {name.upper()}."
            yield Fault(f"{path}.name", what, "use another name")

    def _compute_path(self, path: str, where: str | None) -> Iterator[Fault]:
        """A path on the compute target may be absolute (the SDK's rule), but leads nowhere upwards."""
        wrong = None if where is None else path_fault(str(where), absolute=True)
        if wrong:
            yield Fault(f"{path}.path_on_compute", f"the path {where!r} {wrong}.", "give a path without '..'")

    def _store_path(self, path: str, where: str | None) -> Iterator[Fault]:
        """A path in a datastore may start with a slash; a drive letter or ``..`` means another place altogether."""
        wrong = None if where is None else path_fault(str(where).lstrip("/"))
        if wrong:
            yield Fault(path, f"the path {where!r} {wrong}.", "give a path below the datastore's root")

    def _datastore(self, path: str, name: str | None) -> Iterator[Fault]:
        if name is None or self._datastores is None or name in self._datastores:
            return
        if name.lower() not in {known.lower() for known in self._datastores}:
            mend = f"register it, or name one of {sorted(self._datastores)}"
            yield Fault(path, f"the workspace has no datastore {name!r}.", mend)

    def _secret(self, path: str, text: str) -> Iterator[Fault]:
        kind = secret_in(text)
        if kind:
            yield Fault(path, f"the text looks like {kind}; a pipeline is stored and shown.", MEND)

    def _pipeline_outputs(self) -> Iterator[Fault]:
        seen: dict[str, str] = {}
        for index, node in enumerate(self._graph.steps):
            for number, port in enumerate(node.outputs):
                name = port.pipeline_output_name
                if name is None:
                    continue
                if name in seen:
                    what = f"pipeline_output_name {name!r} is that of step {seen[name]!r} too."
                    yield Fault(f"$.steps[{index}].outputs[{number}]", what, "give each a name of its own")
                seen.setdefault(name, node.id)

    def _cycles(self) -> Iterator[Fault]:
        waits = {node.id: {step for step in node.upstream() if step in self._outputs} for node in self._graph.steps}
        after: dict[str, list[str]] = {step: [] for step in waits}
        for step, others in waits.items():
            for other in others:
                after[other].append(step)
        missing = {step: len(others) for step, others in waits.items()}
        ready = [step for step, count in missing.items() if not count]
        for step in ready:  # grows while it is read
            for other in after[step]:
                missing[other] -= 1
                if not missing[other]:
                    ready.append(other)
        if len(ready) < len(waits):
            left = [step for step in waits if missing[step]]
            yield Fault("$.steps", f"a circle holds up the steps {left}.", "take away one of their inputs or run_after")


def _by_url(path: str, what: str, port: InputPort | OutputPort, node: StepNode) -> Iterator[Fault]:
    """Data by its URL is for Spark, which has its own way to the stores; a script would find nothing there."""
    if port.mode == "hdfs" and node.type != _SPARK:
        given = "as_hdfs()" if what == "input" else "HDFSOutputDatasetConfig"
        mend = "use as_mount() or as_download()" if what == "input" else "use OutputFileDatasetConfig"
        yield Fault(path, f"the {what} {port.name!r} is {given}, which only a SynapseSparkStep takes.", mend)


def _texts(data: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text in plain data, and where it stands."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _texts(value, f"{path}.{key}")
    elif isinstance(data, (list, tuple)):
        for number, value in enumerate(data):
            yield from _texts(value, f"{path}[{number}]")


def _arguments(node: StepNode) -> Iterator[tuple[str, Argument]]:
    """Every argument of a node, and where it stands."""
    for number, argument in enumerate(node.arguments):
        yield f"arguments[{number}]", argument
    if isinstance(node.command, (list, tuple)):
        for number, argument in enumerate(node.command):
            yield f"command[{number}]", argument
    elif node.command is not None:
        yield "command", node.command
    for name, value in node.parameters.items():
        yield f"parameters.{name}", value
