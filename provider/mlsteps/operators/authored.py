"""What ``PythonScriptOperator`` and ``CommandOperator`` share: a step written straight into a DAG.

Arguments and inputs are templates. They may also hold SDK objects (datasets, output configurations, ``PipelineData``)
and other operators' outputs; where one operator reads what another writes, the edge between them is made when the DAG
file is read. The step itself (ports, structured arguments) is worked out when the task runs, from rendered values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg

from mlsteps.contracts.graph import OutputPort, PipelineGraph, StepNode
from mlsteps.operators.step import StepOperator
from mlsteps.sdk.binding import InputRequest, OutputKey

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from mlsteps.sdk.steps.base import PipelineStep


class TaskOutput(OutputKey):
    """The identity of an output that is known by its task and name alone."""

    __slots__ = ("task_id",)

    def __init__(self, task_id: str, name: str) -> None:
        super().__init__(name)
        self.task_id = task_id

    @staticmethod
    @cache
    def of(task_id: str, name: str) -> TaskOutput:
        """The one identity of this output: all references to it compare equal."""
        return TaskOutput(task_id, name)


@dataclass(frozen=True)
class UpstreamOutput:
    """An output of another task of the DAG, as an input: ``prepare.outputs["clean"].as_download("images")``.

    :param task_id: the producing task; :param output: name of its output; :param name: of the input.
    """

    task_id: str
    output: str
    name: str | None = None
    mode: str = "mount"
    path_on_compute: str | None = None

    def as_input(self, name: str) -> UpstreamOutput:
        """The same under another input name."""
        return replace(self, name=name)

    def as_mount(self, name: str | None = None, path_on_compute: str | None = None) -> UpstreamOutput:
        """Mounted: read on demand."""
        return replace(self, mode="mount", name=name or self.name, path_on_compute=path_on_compute)

    def as_download(self, name: str | None = None, path_on_compute: str | None = None) -> UpstreamOutput:
        """Downloaded before the script starts."""
        return replace(self, mode="download", name=name or self.name, path_on_compute=path_on_compute)

    def serialize(self) -> dict[str, str]:
        """What Airflow's UI shows of it."""
        return {"task": self.task_id, "output": self.output}

    def _input_request(self) -> InputRequest:
        name = self.name or self.output
        source = {"output": TaskOutput.of(self.task_id, self.output)}
        return InputRequest(name, source, "file", self.mode, self.path_on_compute, variable=name)


class OutputReference(XComArg):  # type: ignore[misc]
    """:class:`UpstreamOutput` in a template field: Airflow finds the producing task in it and makes the edge.

    :param operator: the producing task; :param target: which output of it, and how it is read.
    """

    def __init__(self, operator: BaseOperator, target: UpstreamOutput) -> None:
        self.operator = operator
        self.target = target

    def iter_references(self) -> Iterator[tuple[BaseOperator, str]]:
        """The task this waits for, and the XCom that tells of the output."""
        yield self.operator, "return_value"

    def resolve(self, context: Mapping[str, Any]) -> UpstreamOutput:
        """Rendered, it is plain data."""
        return self.target

    def as_input(self, name: str) -> OutputReference:
        """The same under another input name."""
        return OutputReference(self.operator, self.target.as_input(name))

    def as_mount(self, name: str | None = None, path_on_compute: str | None = None) -> OutputReference:
        """Mounted: read on demand."""
        return OutputReference(self.operator, self.target.as_mount(name, path_on_compute))

    def as_download(self, name: str | None = None, path_on_compute: str | None = None) -> OutputReference:
        """Downloaded before the script starts."""
        return OutputReference(self.operator, self.target.as_download(name, path_on_compute))

    def serialize(self) -> dict[str, str]:
        """What Airflow's UI shows of it."""
        return self.target.serialize()


class Outputs:
    """``operator.outputs``: what its consumers refer to, by name."""

    def __init__(self, operator: StepOperator) -> None:
        self._operator = operator

    def __getitem__(self, name: str) -> OutputReference:
        """A reference to the output of this name."""
        return OutputReference(self._operator, UpstreamOutput(self._operator.task_id, name))


class AuthoredOperator(StepOperator):
    """Base of the operators for DAG authors; decides on reuse in its own task, without a ``plan``.

    The parameters are those of :class:`.python_script.PythonScriptOperator`.
    """

    template_fields: Collection[str] = (
        "source_directory",
        "arguments",
        "inputs",
        "parameters",
        "environment_variables",
        "compute_target",
        "version",
    )
    template_fields_renderers = {"arguments": "json", "inputs": "json", "parameters": "json"}
    shallow_copy_attrs: Sequence[str] = (
        *StepOperator.shallow_copy_attrs,
        "declared_outputs",
        "runconfig",
        "environment",
        "workspace",
    )

    def __init__(
        self,
        *,
        source_directory: Any = None,
        arguments: Any = None,
        inputs: Any = None,
        outputs: Any = None,
        parameters: Mapping[str, Any] | None = None,
        environment_variables: Mapping[str, str] | None = None,
        compute_target: Any = None,
        environment: Any = None,
        runconfig: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
        workspace: Any = None,
        mlsteps_conn_id: str | None = "mlsteps_default",
        experiment_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(mlsteps_conn_id=mlsteps_conn_id, experiment_name=experiment_name, **kwargs)
        self.source_directory = source_directory
        self.arguments = arguments
        self.inputs = inputs
        self.declared_outputs = outputs
        self.parameters = parameters
        self.environment_variables = environment_variables
        self.compute_target = compute_target
        self.environment = environment
        self.runconfig = runconfig
        self.allow_reuse = allow_reuse
        self.version = version
        self.workspace = workspace

    @property
    def outputs(self) -> Outputs:
        """The operator's outputs, for other operators' inputs: ``prepare.outputs["clean"]``."""
        return Outputs(self)

    def sdk_step(self) -> PipelineStep:
        """The SDK's step with the rendered values."""
        raise NotImplementedError

    def pipeline(self) -> tuple[PipelineGraph, StepNode]:
        """A graph of this step alone; what it reads of other tasks is a source ``{"step": task id, ...}``."""
        from mlsteps.operators.authored_graph import graph_of_one

        graph = graph_of_one(self)
        return graph, graph.steps[0]

    def run_configuration(self) -> Any:
        """``runconfig``, with ``environment`` and ``environment_variables`` laid over it; None for neither."""
        if self.environment is None and not self.environment_variables:
            return self.runconfig
        from mlsteps.operators.authored_graph import merged_configuration

        return merged_configuration(self.runconfig, self.environment, self.environment_variables or {})

    def workspace_reference(self) -> dict[str, Any]:
        """The workspace as a graph names it."""
        given = self.workspace
        if given is None:
            return {}
        if isinstance(given, str):
            return {"name": given}
        return dict(given) if isinstance(given, Mapping) else dict(given._reference())

    def _set_xcomargs_dependencies(self) -> None:
        """Airflow's moment to make edges from template fields; those that SDK objects imply are made here too."""
        super()._set_xcomargs_dependencies()
        from mlsteps.operators.commit import assets_of

        self.add_outlets(assets_of(self.workspace_reference(), own_outputs(self).values()))
        if self.has_dag():  # type: ignore[no-untyped-call]
            _connect(self, self.dag.tasks)

    def data_arguments(self) -> list[Any]:
        """Where data objects may stand on the command line."""
        return _items(self.arguments)


def own_outputs(operator: AuthoredOperator) -> dict[OutputKey, OutputPort]:
    """What an operator writes: its ``outputs``, and output configurations that stand among its arguments."""
    from mlsteps.sdk.ports import output_request
    from mlsteps.sdk.steps.base import is_output_alone

    items = [*_items(operator.declared_outputs), *filter(is_output_alone, operator.data_arguments())]
    requests = [output_request(item) for item in items]
    return {request.key: request.port for request in requests if request is not None}


def foreign_outputs(operator: AuthoredOperator) -> set[OutputKey]:
    """What an operator reads through SDK objects that another operator writes."""
    from mlsteps.sdk.ports import input_request

    requests = [input_request(item) for item in [*_items(operator.inputs), *operator.data_arguments()]]
    keys = {request.source["output"] for request in requests if request and "output" in request.source}
    return {key for key in keys if not isinstance(key, TaskOutput)} - set(own_outputs(operator))


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _connect(operator: AuthoredOperator, tasks: Iterable[Any]) -> None:
    others = [task for task in tasks if isinstance(task, AuthoredOperator) and task is not operator]
    needed, made = foreign_outputs(operator), set(own_outputs(operator))
    for other in others:
        if needed & set(own_outputs(other)):
            operator.set_upstream(other)
        if made & foreign_outputs(other):
            operator.set_downstream(other)
