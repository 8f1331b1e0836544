"""``PipelineStep``: what every step is: a name, inputs, outputs, arguments, and steps it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Iterable

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.ports import input_request, output_request

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder

_LITERALS = (str, int, float, bool, PipelineParameter)


class PipelineStep:
    """Base of all steps (SDK docs: ``azureml.pipeline.core.PipelineStep``).

    :param arguments: flat list of texts, numbers, pipeline parameters and the step's inputs and outputs.
    :param resource_inputs: inputs copied into the script's folder.
    """

    #: ``StepNode.type`` of the nodes that this class makes.
    node_type: ClassVar[str] = ""
    #: The field of the node that holds the arguments, for the paths of faults.
    arguments_field: ClassVar[str] = "arguments"

    def __init__(
        self,
        name: str,
        inputs: Any,
        outputs: Any,
        arguments: Any = None,
        fix_port_name_collisions: bool = False,
        resource_inputs: Any = None,
    ) -> None:
        self.name = name
        self.run_after_steps: list[PipelineStep] = []
        self.step_type = type(self).__name__
        self._inputs = _items(inputs, "inputs", self) + _items(resource_inputs, "resource_inputs", self)
        self._outputs = _items(outputs, "outputs", self)
        self._arguments = _items(arguments, "arguments", self)
        self._fix_port_name_collisions = fix_port_name_collisions
        self._claim_outputs()

    def run_after(self, step: PipelineStep) -> None:
        """Start this step only after ``step`` is done, whatever the data says."""
        if not isinstance(step, PipelineStep):
            raise InvalidInput(
                f"Step {self.name!r} is told to run after a {type(step).__name__}",
                expected="one step",
                mend="call run_after once for each step",
            )
        if step not in self.run_after_steps:
            self.run_after_steps.append(step)

    def create_node(self, graph: Any, default_datastore: Any, context: Any) -> Any:
        """The SDK's hook for step types of one's own.

        :raises UnsupportedFeature: always; nodes are made by ``mlsteps.graph``.
        """
        raise _own_workings("create_node")

    def create_module_def(
        self,
        execution_type: str,
        input_bindings: Any,
        output_bindings: Any,
        param_defs: Any = None,
        create_sequencing_ports: bool = True,
        allow_reuse: bool = True,
        version: str | None = None,
        module_type: str | None = None,
        arguments: Any = None,
        runconfig: Any = None,
        cloud_settings: Any = None,
    ) -> Any:
        """:raises UnsupportedFeature: always; see :meth:`create_node`."""
        raise _own_workings("create_module_def")

    def create_input_output_bindings(
        self, inputs: Any, outputs: Any, default_datastore: Any, resource_inputs: Any = None
    ) -> Any:
        """:raises UnsupportedFeature: always; see :meth:`create_node`."""
        raise _own_workings("create_input_output_bindings")

    def get_source_directory(self, context: Any, source_directory: Any, script_name: str) -> Any:
        """:raises UnsupportedFeature: always; see :meth:`create_node`."""
        raise _own_workings("get_source_directory")

    @staticmethod
    def validate_arguments(arguments: Any, inputs: Any, outputs: Any) -> None:
        """Check that data objects among ``arguments`` are among ``inputs`` or ``outputs`` too.

        Dataset inputs and output configurations may stand in ``arguments`` alone.

        :raises InvalidInput: naming the first that is not listed.
        """
        listed = {id(item) for item in [*(inputs or []), *(outputs or [])]}
        bound = {id(getattr(item, "bind_object", item)) for item in (inputs or [])}
        for number, item in enumerate(arguments or []):
            if isinstance(item, _LITERALS) or id(item) in listed | bound:
                continue
            if must_be_listed(item):
                raise InvalidInput(
                    f"arguments[{number}] is {item}, which is neither an input nor an output of the step",
                    mend="add it to inputs or outputs",
                )

    @staticmethod
    def resolve_input_arguments(arguments: Any, inputs: Any, outputs: Any, params: Any) -> list[str]:
        """The arguments as text, with placeholders for parameters and data, flat."""
        PipelineStep.validate_arguments(arguments, inputs, outputs)
        return [f"$AML_PARAMETER_{x.name}" if isinstance(x, PipelineParameter) else str(x) for x in arguments or []]

    def _claim_outputs(self) -> None:
        """Let the outputs know their producer, so that a pipeline given only a later step finds this one."""
        for item in [*self._outputs, *(item for item in self._arguments if is_output_alone(item))]:
            request = output_request(item)
            if request is not None and self not in request.key.producers:
                request.key.producers.append(self)

    def _refuse(self) -> None:
        """Raise ``UnsupportedFeature`` for a step type that cannot be part of a pipeline."""

    def _node(self, build: StepBuilder) -> StepNode:
        """This step as a node. Faults go to ``build``, so that all of a pipeline's are reported together."""
        raise UnsupportedFeature(
            f"{type(self).__name__}", "it is not one of the SDK's step types", "PythonScriptStep or CommandStep"
        )


def _own_workings(method: str) -> UnsupportedFeature:
    return UnsupportedFeature(
        f"PipelineStep.{method}", "the graph is built by mlsteps itself", "PythonScriptStep or CommandStep"
    )


def is_output_alone(item: Any) -> bool:
    """Whether ``item`` in ``arguments`` alone makes it an output (OutputFileDatasetConfig does, PipelineData not)."""
    return not isinstance(item, _LITERALS) and hasattr(item, "_output_request") and not hasattr(item, "_input_request")


def must_be_listed(item: Any) -> bool:
    """Whether ``item`` in ``arguments`` must be among inputs or outputs too: references (PipelineData, DataReference)
    must, dataset inputs and output configurations need not."""
    if is_output_alone(item):
        return False
    request = input_request(item)
    return request is not None and request.kind == "reference"


def _items(value: Any, what: str, step: PipelineStep) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable) or hasattr(value, "_input_request"):
        raise InvalidInput(f"{what} of step {step.name!r} is a {type(value).__name__}", expected="a list")
    return list(value)
