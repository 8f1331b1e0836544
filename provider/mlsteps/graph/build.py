"""Builds a ``PipelineGraph`` from a ``Pipeline``: closure, order, ids, ports, parameters, environments; all faults."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping

from mlsteps.contracts.graph import Parameter, PipelineGraph, StepNode
from mlsteps.errors import Fault, GraphError
from mlsteps.graph.names import PLAN, Names
from mlsteps.graph.order import reachable, sorted_steps
from mlsteps.graph.paths import path_fault
from mlsteps.graph.ports import Ports
from mlsteps.graph.step import RunSettings, StepBuilder
from mlsteps.graph.validate import faults as faults_of
from mlsteps.sdk.binding import OutputKey
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline_data import datastore_name
from mlsteps.sdk.steps.base import PipelineStep


def build(pipeline: Any, datastores: Iterable[str] | None = None) -> PipelineGraph:
    """The graph of an ``sdk.pipeline.Pipeline``.

    :param datastores: names of the workspace's datastores, when they are known: others are faults then.
    :raises UnsupportedFeature: for a step type that mlsteps does not have.
    :raises GraphError: with every fault of the pipeline.
    """
    builder = GraphBuilder(pipeline)
    graph = builder.graph()
    said = {fault.path for fault in builder.faults}  # the builder knows more of the objects, so its word counts
    known = None if datastores is None else set(datastores)
    found = [*builder.faults, *(fault for fault in faults_of(graph, datastores=known) if fault.path not in said)]
    if found:
        raise GraphError(dict.fromkeys(found))
    return graph


class GraphBuilder:
    """One build: the state that the steps of a pipeline share while their nodes are made."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.faults: list[Fault] = []
        self._parameters: dict[str, tuple[PipelineParameter, Parameter]] = {}
        self._environments: dict[str, Mapping[str, Any]] = {}
        self._environment_names = Names()
        # By id() of the object, kept beside its answer so that the id stays its own.
        self._environment_keys: dict[int, tuple[Any, str]] = {}
        self._run_settings: dict[int, tuple[Any, RunSettings]] = {}
        self._scripts: dict[tuple[str, str | None], tuple[str, str, str] | None] = {}
        self._folders: dict[Any, str] = {}
        self._ids: dict[int, str] = {}
        self._owners: dict[OutputKey, tuple[str, str]] = {}

    def graph(self) -> PipelineGraph:
        """The graph as far as it can be made; what could not is among :attr:`faults`."""
        pipeline = self._pipeline
        found = reachable(pipeline._steps, pipeline._resolve_closure)
        for ports in found:
            ports.step._refuse()
        ordered = sorted_steps(found, self.faults)
        if not ordered:
            self.fault("$.steps", "the pipeline has no steps.", "give at least one step")
        self._give_ids(ordered)
        nodes = tuple(self._node(index, ports) for index, ports in enumerate(ordered))
        return PipelineGraph(
            steps=nodes,
            workspace=pipeline.workspace._reference(),
            parameters=tuple(parameter for _, parameter in self._parameters.values()),
            environments=self._environments,
            default_datastore=datastore_name(pipeline._default_datastore),
            description=pipeline._description,
        )

    def fault(self, path: str, what: str, mend: str) -> None:
        """Note a fault; building goes on, to find the others."""
        self.faults.append(Fault(path, what, mend))

    def run_after(self, step: PipelineStep, path: str) -> tuple[str, ...]:
        """Ids of the steps that ``step`` was told to run after."""
        ids = []
        for number, other in enumerate(step.run_after_steps):
            if id(other) in self._ids:
                ids.append(self._ids[id(other)])
            else:
                what = f"it runs after step {other.name!r}, which is not part of the pipeline."
                self.fault(f"{path}[{number}]", what, "add that step, or leave resolve_closure on")
        return tuple(ids)

    def producer(self, key: OutputKey, path: str) -> Mapping[str, Any]:
        """The graph source of an output: its step's id and port."""
        if key not in self._owners:
            what = f"no step of the pipeline produces {key.name!r}."
            self.fault(path, what, "add it to the outputs of the step that writes it")
            return {}
        step, port = self._owners[key]
        return {"step": step, "output": port}

    def parameter(self, parameter: PipelineParameter, path: str) -> str:
        """The name of a pipeline parameter, which becomes one of the graph's."""
        known = self._parameters.get(parameter.name)
        if known is None:
            self._parameters[parameter.name] = (parameter, parameter._parameter())
        elif known[0] is not parameter:
            this = parameter._parameter()
            if this != known[1] or this.type != known[1].type:
                what = (
                    f"pipeline parameter {parameter.name!r} has the defaults {known[1].default!r} and {this.default!r}."
                )
                self.fault(path, what, "use one PipelineParameter object, or another name")
        return parameter.name

    def environment(self, environment: Any) -> str:
        """The key of an environment; its document is made once for each object, and equal ones share a key."""
        known = self._environment_keys.get(id(environment))
        if known is None:
            document = environment._document()
            key = next((key for key, other in self._environments.items() if other == document), None)
            if key is None:
                name = getattr(environment, "name", None)
                key = self._environment_names.unique(name if isinstance(name, str) else "", "environment")
                self._environments[key] = document
            known = self._environment_keys[id(environment)] = (environment, key)
        return known[1]

    def run_settings(self, runconfig: Any) -> RunSettings:
        """What a run configuration says; empty for None."""
        if runconfig is None:
            return _NO_SETTINGS
        known = self._run_settings.get(id(runconfig))
        if known is None:
            environment = getattr(runconfig, "environment", None)
            settings = RunSettings(
                None if environment is None else self.environment(environment),
                dict(getattr(runconfig, "environment_variables", None) or {}),
                runconfig._compute(),
                runconfig._settings(),
            )
            known = self._run_settings[id(runconfig)] = (runconfig, settings)
        return known[1]

    def source_directory(self, directory: Any) -> str:
        """Absolute; the pipeline's default, else the current directory, when None."""
        known = self._folders.get(directory)
        if known is None:
            given = directory if directory is not None else self._pipeline._default_source_directory
            known = self._folders[directory] = os.path.abspath(os.fspath(given) if given is not None else os.curdir)
        return known

    def source_fault(self, folder: str, script: str | None) -> tuple[str, str, str] | None:
        """``(where, what, mend)`` when ``script`` is not a file below ``folder``; asked of the disk once each."""
        key = (folder, script)
        if key not in self._scripts:
            self._scripts[key] = _source_fault(folder, script)
        return self._scripts[key]

    def _give_ids(self, ordered: list[Ports]) -> None:
        names = Names([PLAN])
        for index, ports in enumerate(ordered):
            step_id = self._ids[id(ports.step)] = names.unique(str(ports.step.name))
            for where, request in ports.outputs:
                owner = self._owners.setdefault(request.key, (step_id, request.port.name))
                if owner[0] != step_id:
                    what = f"output {request.key.name!r} is produced by step {owner[0]!r} too."
                    self.fault(f"$.steps[{index}].{where}", what, "give each step an output object of its own")

    def _node(self, index: int, ports: Ports) -> StepNode:
        for fault in ports.faults:
            self.fault(f"$.steps[{index}].{fault.path}", fault.what, fault.mend)
        return ports.step._node(StepBuilder(self, ports, index, self._ids[id(ports.step)]))


_NO_SETTINGS = RunSettings(None, {}, {}, {})


def _source_fault(folder: str, script: str | None) -> tuple[str, str, str] | None:
    if script is not None:
        complaint = path_fault(script)
        if complaint:
            return "script", f"script {script!r} {complaint}.", "give it relative to source_directory"
        if os.path.isfile(os.path.join(folder, script)):
            return None
    if not os.path.isdir(folder):
        return "source_directory", f"there is no directory {folder!r}.", "give the folder that holds the step's code"
    if script is None:
        return None
    return "script", f"there is no file {script!r} in {folder!r}.", "name a script below source_directory"
