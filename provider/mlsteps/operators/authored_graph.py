"""The graph of one step that was written straight into a DAG."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from mlsteps.contracts.graph import OutputPort, PipelineGraph, StepNode
from mlsteps.errors import GraphError
from mlsteps.graph.build import GraphBuilder
from mlsteps.graph.validate import faults
from mlsteps.operators.authored import AuthoredOperator, TaskOutput, own_outputs
from mlsteps.sdk.binding import OutputKey


class _OneStep(GraphBuilder):
    """Finds the producer of an output among the tasks of the DAG, not among the steps of a pipeline."""

    def __init__(self, pipeline: Any, operator: AuthoredOperator) -> None:
        super().__init__(pipeline)
        others = [task for task in operator.dag.tasks if isinstance(task, AuthoredOperator)]
        self._elsewhere = {
            key: {"step": task.task_id, "output": port.name}
            for task in others
            if task.task_id != operator.task_id
            for key, port in own_outputs(task).items()
        }

    def producer(self, key: OutputKey, path: str) -> Mapping[str, Any]:
        """The task and port that write an output."""
        if isinstance(key, TaskOutput):
            return {"step": key.task_id, "output": key.name}
        return self._elsewhere.get(key) or super().producer(key, path)


def graph_of_one(operator: AuthoredOperator) -> PipelineGraph:
    """The graph that an operator's task runs: its one step has the task's id.

    :raises GraphError: with all that is wrong with the operator's arguments, inputs and outputs.
    """
    pipeline = SimpleNamespace(
        _steps=[operator.sdk_step()],
        _resolve_closure=False,
        _default_datastore=None,
        _default_source_directory=None,
        _description=None,
        workspace=SimpleNamespace(_reference=operator.workspace_reference),
    )
    builder = _OneStep(pipeline, operator)
    graph = builder.graph()
    graph = replace(graph, steps=(replace(graph.steps[0], id=operator.task_id),))
    found = [*builder.faults, *_faults_of_first(graph)]
    if found:
        raise GraphError(dict.fromkeys(found))
    return graph


def _faults_of_first(graph: PipelineGraph) -> list[Any]:
    """The checks of a pipeline, with stand-ins for the tasks whose outputs are read."""
    read: dict[str, dict[str, None]] = {}
    for port in graph.steps[0].inputs:
        if "step" in port.source:
            read.setdefault(port.source["step"], {})[port.source["output"]] = None
    others = [
        StepNode(task, task, script="-", outputs=tuple(OutputPort(name) for name in names))
        for task, names in read.items()
        if task != graph.steps[0].id
    ]
    whole = replace(graph, steps=(*graph.steps, *others))
    return [fault for fault in faults(whole) if fault.path.startswith("$.steps[0]")]


def merged_configuration(runconfig: Any, environment: Any, variables: Mapping[str, str]) -> Any:
    """A copy of a run configuration with another environment and more environment variables."""
    from mlsteps.sdk.environment import Environment
    from mlsteps.sdk.runconfig import RunConfiguration

    made = RunConfiguration() if runconfig is None else copy(runconfig)
    if environment is not None:
        is_document = isinstance(environment, Mapping)
        made.environment = Environment._from_document(environment) if is_document else environment
    if variables:
        made.environment_variables = {**(made.environment_variables or {}), **variables}
    return made
