"""What one step reads and writes: the ports that its inputs, outputs and arguments ask for, under unique names."""

from __future__ import annotations

from typing import Any

from mlsteps.contracts.arguments import Argument
from mlsteps.errors import Fault, UserErrorException
from mlsteps.sdk.binding import InputRequest, OutputKey, OutputRequest
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline_data import reference_variable
from mlsteps.sdk.ports import input_request, output_request
from mlsteps.sdk.steps.base import PipelineStep, is_output_alone

PLAIN = frozenset((str, int, float, bool, PipelineParameter, type(None)))


class Ports:
    """The ports of one step.

    ``inputs`` and ``outputs`` hold ``(where it stands in the step, request)``; a request's name is the port's.
    ``faults`` have paths relative to the step.
    """

    __slots__ = ("_by_item", "_input_names", "_offered", "faults", "inputs", "outputs", "step")

    def __init__(self, step: PipelineStep) -> None:
        self.step = step
        self.inputs: list[tuple[str, InputRequest]] = []
        self.outputs: list[tuple[str, OutputRequest]] = []
        self.faults: list[Fault] = []
        self._by_item: dict[int, tuple[str, int]] = {}
        self._input_names: dict[str, int] = {}
        self._offered: dict[int, str | None] = {}
        for number, item in enumerate(step._inputs):
            self._add_input(f"inputs[{number}]", item)
        for number, item in enumerate(step._outputs):
            self._add_output(f"outputs[{number}]", item)
        for number, item in enumerate(step._arguments):
            if item.__class__ not in PLAIN:
                self._add_argument(f"{step.arguments_field}[{number}]", item)
        self._name_the_unnamed()
        if self.inputs and self.outputs:
            self._part_inputs_from_outputs()

    def keys_read(self) -> list[OutputKey]:
        """The outputs of other steps that this one reads."""
        return [request.source["output"] for _, request in self.inputs if "output" in request.source]

    def find(self, item: Any) -> Argument | None:
        """The port that stands for ``item``: itself, or another form of the same output or reference."""
        found = self._by_item.get(id(item))
        if found is not None:
            return self._argument(*found)
        produced = output_request(item)
        if produced is not None:
            for number, (_, wanted) in enumerate(self.outputs):
                if wanted.key is produced.key:
                    return self._argument("output", number)
        try:
            asked = input_request(item)
        except UserErrorException:
            return None  # its complaint is a fault already
        return None if asked is None else self._like(asked)

    def of_parameter(self, parameter: PipelineParameter) -> Argument | None:
        """The input whose data the parameter chooses."""
        for number, (_, request) in enumerate(self.inputs):
            if request.source.get("parameter") is parameter:
                return self._argument("input", number)
        return None

    def of_variable(self, name: str) -> Argument | None:
        """The port whose path environment variable ``AZUREML_DATAREFERENCE_<name>`` carries."""
        variable = reference_variable(name)
        for number, (_, produced) in enumerate(self.outputs):
            if produced.port.variable == variable:
                return self._argument("output", number)
        for number, (_, asked) in enumerate(self.inputs):
            if asked.variable == variable:
                return self._argument("input", number)
        return None

    def named(self, kind: str, name: str) -> Argument | None:
        """The input or output port of this name."""
        ports = self.inputs if kind == "input" else self.outputs
        for number in range(len(ports)):
            argument = self._argument(kind, number)
            if argument[kind] == name:
                return argument
        return None

    def _argument(self, kind: str, number: int) -> dict[str, str]:
        if kind == "input":
            return {"input": self.inputs[number][1].name or ""}
        return {"output": self.outputs[number][1].port.name}

    def _like(self, asked: InputRequest) -> Argument | None:
        """An input over the same source as ``asked``: the same reading of it under the same name first."""
        matches = [n for n, (_, request) in enumerate(self.inputs) if _same_source(request.source, asked.source)]
        matches.sort(key=lambda number: _unlikeness(self.inputs[number][1], asked))
        return self._argument("input", matches[0]) if matches else None

    def _listed(self, asked: InputRequest) -> bool:
        """Whether an input of the step is what ``asked`` asks for, name, reader and mode included."""
        return any(
            _same_source(request.source, asked.source) and not any(_unlikeness(request, asked))
            for _, request in self.inputs
        )

    def _add_argument(self, where: str, item: Any) -> None:
        if id(item) in self._by_item:
            return
        if is_output_alone(item):
            self._add_output(where, item, listed=False)
            return
        request = self._ask(input_request, where, item)
        if request is not None and request.kind != "reference" and not self._listed(request):
            self._put_input(where, item, request)

    def _add_input(self, where: str, item: Any) -> None:
        if id(item) in self._by_item:
            return
        request = self._ask(input_request, where, item)
        if request is not None:
            self._put_input(where, item, request)
        elif not any(fault.path == where for fault in self.faults):
            self.faults.append(Fault(where, f"a {type(item).__name__} cannot be an input.", _mend_input(item)))

    def _put_input(self, where: str, item: Any, request: InputRequest) -> None:
        name = request.name
        if name is not None:
            known = self._input_names.get(name)
            if known is not None and self.inputs[known][1] == request:
                self._by_item[id(item)] = ("input", known)
                return
            if known is not None:
                request = self._renamed(where, request)
            self._input_names[request.name or ""] = len(self.inputs)
        else:
            self._offered[len(self.inputs)] = getattr(item, "name", None)
        self._by_item[id(item)] = ("input", len(self.inputs))
        self.inputs.append((where, request))

    def _renamed(self, where: str, request: InputRequest) -> InputRequest:
        """References of one name get numbers (fifteen steps may call their output ``preds``); dataset names are looked
        up by scripts and must be told apart."""
        if request.kind != "reference":
            what = f"another input of the step is called {request.name!r} too."
            self.faults.append(Fault(where, what, "give one of them another name with as_named_input or as_input"))
        number = 2
        while f"{request.name}_{number}" in self._input_names:
            number += 1
        name = f"{request.name}_{number}"
        variable = reference_variable(name) if request.kind == "reference" else name
        return request._replace(name=name, variable=variable)

    def _add_output(self, where: str, item: Any, listed: bool = True) -> None:
        request = self._ask(output_request, where, item)
        if request is None:
            if not any(fault.path == where for fault in self.faults):
                what = f"a {type(item).__name__} cannot be an output."
                mend = "give PipelineData or OutputFileDatasetConfig; a DataReference goes to inputs"
                self.faults.append(Fault(where, what, mend))
            return
        for number, (_, other) in enumerate(self.outputs):
            if other.key is request.key:
                self._by_item[id(item)] = ("output", number)
                if listed:
                    self.faults.append(Fault(where, f"output {request.port.name!r} is listed twice.", "list it once"))
                return
            if other.port.name == request.port.name:
                what = f"another output of the step is called {request.port.name!r} too."
                self.faults.append(Fault(where, what, "give one of them another name or output_name"))
                return
        self._by_item[id(item)] = ("output", len(self.outputs))
        self.outputs.append((where, request))

    def _ask(self, question: Any, where: str, item: Any) -> Any:
        """What ``item`` answers; its own complaint becomes a fault beside the others."""
        try:
            return question(item)
        except UserErrorException as error:
            self.faults.append(Fault(where, error.message, ""))
            return None

    def _name_the_unnamed(self) -> None:
        """``input_1``, ``input_2``..., unless the object has a name to offer that is free: it may stand in a text."""
        number = 0
        for index, (where, request) in enumerate(self.inputs):
            if request.name is not None:
                continue
            name = self._offered.get(index)
            while name is None or name in self._input_names:
                number += 1
                name = f"input_{number}"
            self._input_names[name] = index
            variable = reference_variable(name) if request.kind == "reference" else name
            self.inputs[index] = (where, request._replace(name=name, variable=request.variable or variable))

    def _part_inputs_from_outputs(self) -> None:
        """One environment variable cannot carry two paths: an input that shares a variable with an output gives way.

        The SDK puts ``INPUT`` before the name of such an input (``fix_port_name_collisions``).
        """
        taken = {request.port.variable for _, request in self.outputs if request.port.variable}
        for index, (where, request) in enumerate(self.inputs):
            if request.variable not in taken:
                continue
            name = f"INPUT{request.name}"
            if request.kind == "reference":
                request = request._replace(name=name, variable=reference_variable(name))
            else:  # the script asks for a dataset input by its name, which stays
                request = request._replace(variable=name)
            self.inputs[index] = (where, request)


def _same_source(one: Any, other: Any) -> bool:
    return bool(one.keys() == other.keys() and all(one[key] is other[key] or one[key] == other[key] for key in one))


def _unlikeness(one: InputRequest, other: InputRequest) -> tuple[bool, bool]:
    """Whether two inputs over one source differ in how they are read, and in their names; unnamed fits any name."""
    read = (one.kind, one.mode, one.path_on_compute, one.transform)
    named = None not in (one.name, other.name) and one.name != other.name
    return read != (other.kind, other.mode, other.path_on_compute, other.transform), named


def _mend_input(item: Any) -> str:
    if hasattr(item, "_output_request"):
        return "give its input form: output.as_input('name')"
    if hasattr(item, "datastore_type"):
        return "give a place in the datastore: DataReference(datastore, path_on_datastore=...)"
    return "give a DataReference, PipelineData, DatasetConsumptionConfig or output.as_input('name')"
