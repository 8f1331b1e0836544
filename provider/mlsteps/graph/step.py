"""``StepBuilder``: what a step uses to become a node: ports, arguments, parameters, environment, compute, source."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlsteps.contracts import arguments as structure
from mlsteps.contracts.arguments import Argument
from mlsteps.contracts.graph import InputPort, StepNode
from mlsteps.graph.ports import Ports
from mlsteps.sdk.binding import InputRequest
from mlsteps.sdk.parameter import TEXT_MARK, PipelineParameter
from mlsteps.sdk.ports import input_request, output_request

if TYPE_CHECKING:
    from mlsteps.graph.build import GraphBuilder

_PLACEHOLDER = re.compile(r"\$AZUREML_DATAREFERENCE_(\w+)|DatasetConsumptionConfig:(\w+)|DatasetOutputConfig:(\w+)")
_NOT_LISTED = "it is neither among the step's inputs nor its outputs."


class RunSettings(NamedTuple):
    """What a run configuration says: key of its environment, variables, compute and settings."""

    environment: str | None
    environment_variables: Mapping[str, str]
    compute: Mapping[str, Any]
    settings: Mapping[str, Any]


class StepBuilder:
    """Makes the node of one step. Everything wrong is a fault of the whole pipeline, reported with its path."""

    def __init__(self, graph: GraphBuilder, ports: Ports, index: int, step_id: str) -> None:
        self._graph = graph
        self._ports = ports
        self._path = f"$.steps[{index}]"
        self._id = step_id

    def fault(self, where: str, what: str, mend: str) -> None:
        """Report a fault at ``where`` within the step."""
        self._graph.fault(f"{self._path}.{where}", what, mend)

    def node(self, **fields: Any) -> StepNode:
        """The node with this step's id, name, ports and order."""
        step = self._ports.step
        return StepNode(
            id=self._id,
            name=str(step.name),
            inputs=tuple(self._input(where, request) for where, request in self._ports.inputs),
            outputs=tuple(request.port for _, request in self._ports.outputs),
            run_after=self._graph.run_after(step, f"{self._path}.run_after"),
            **fields,
        )

    def arguments(self, items: list[Any]) -> tuple[Argument, ...]:
        """Arguments as structure."""
        field = self._ports.step.arguments_field
        return tuple([self._argument(item, f"{field}[{number}]") for number, item in enumerate(items)])

    def values(self, data: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Plain data with pipeline parameters and data objects in it as structure, at any depth."""
        return {key: self._value(value, f"{where}.{key}") for key, value in data.items()}

    def input_name(self, item: Any) -> str:
        """The name of the port that ``item`` became; ``""`` when it is at fault."""
        found = self._ports.find(item)
        return found["input"] if found and "input" in found else ""

    def output_name(self, item: Any) -> str:
        """The name of the port that ``item`` became; ``""`` when it is at fault."""
        found = self._ports.find(item)
        return found["output"] if found and "output" in found else ""

    def environment(self, environment: Any) -> str | None:
        """The key of an environment in the graph; None for none."""
        return None if environment is None else self._graph.environment(environment)

    def run_settings(self, runconfig: Any) -> RunSettings:
        """What a RunConfiguration says; worked out once however many steps share it."""
        return self._graph.run_settings(runconfig)

    def compute(self, target: Any, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """``{"name":, "type":}`` of a target given as an object, a name or ``(name, type)``; ``default`` for None."""
        if target is None:
            return default or {}
        if isinstance(target, str):
            return {"name": target}
        if isinstance(target, tuple) and len(target) == 2 and all(isinstance(part, str) for part in target):
            return {"name": target[0], "type": target[1]}
        if isinstance(getattr(target, "name", None), str) and not isinstance(target, PipelineParameter):
            kind = getattr(target, "type", None)
            return {"name": target.name, "type": kind} if isinstance(kind, str) else {"name": target.name}
        self.fault(
            "compute",
            f"a {type(target).__name__} is no compute target.",
            "give a ComputeTarget, its name, or (name, type)",
        )
        return {}

    def source(self, directory: Any, script: str | None) -> str:
        """The absolute source directory; a script that is not in it is a fault."""
        folder = self._graph.source_directory(directory)
        fault = self._graph.source_fault(folder, script)
        if fault:
            self.fault(*fault)
        return folder

    def _input(self, where: str, request: InputRequest) -> InputPort:
        return InputPort(
            name=request.name or "",
            source=self._source(where, request.source),
            kind=request.kind,
            mode=request.mode,
            path_on_compute=request.path_on_compute,
            overwrite=request.overwrite,
            transform=request.transform,
            variable=request.variable,
        )

    def _source(self, where: str, source: Mapping[str, Any]) -> Mapping[str, Any]:
        if "output" in source:
            return self._graph.producer(source["output"], f"{self._path}.{where}")
        if "parameter" in source:
            return {"parameter": self._graph.parameter(source["parameter"], f"{self._path}.{where}")}
        return source

    def _value(self, value: Any, where: str) -> Any:
        if value is None or isinstance(value, (int, float)):
            return value
        if isinstance(value, Mapping):
            return self.values(value, where)
        if isinstance(value, (list, tuple)) and input_request(value) is None:
            return [self._value(item, f"{where}[{number}]") for number, item in enumerate(value)]
        return self._argument(value, where)

    def _argument(self, item: Any, where: str) -> Argument:
        if isinstance(item, str):
            return self._text(str(item), where)
        if isinstance(item, float) and not math.isfinite(item):
            return str(item)  # JSON has no infinity
        if isinstance(item, (int, float)):
            return item
        if isinstance(item, PipelineParameter):
            return self._parameter(item, where)
        found = self._ports.find(item)
        return self._odd(item, where) if found is None else found

    def _parameter(self, parameter: PipelineParameter, where: str) -> Argument:
        name = self._graph.parameter(parameter, f"{self._path}.{where}")
        if parameter._type not in ("datapath", "dataset"):
            return structure.parameter(name)
        found = self._ports.of_parameter(parameter)
        if found is None:
            form = "(parameter, DataPathComputeBinding())"
            if parameter._type == "dataset":
                form = "DatasetConsumptionConfig('name', parameter)"
            self.fault(where, f"pipeline parameter {name!r} holds data.", f"give {form} here and in inputs")
        return found or structure.parameter(name)

    def _text(self, text: str, where: str) -> Argument:
        """``text`` with the placeholders of ports in it as references."""
        if TEXT_MARK in text:
            what = "a PipelineParameter inside a longer text cannot be filled in."
            self.fault(where, what, "give the parameter as an argument of its own")
        if "DATAREFERENCE_" not in text and "DatasetConsum" not in text and "DatasetOutput" not in text:
            return text
        parts: list[Argument] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            found, length = self._placeholder(match)
            if found is None:
                what = f"{match.group()!r} stands in the text, but {_NOT_LISTED}"
                self.fault(where, what, "add the object to inputs or outputs")
                continue
            start = match.start()
            parts += [text[end:start], found] if start > end else [found]
            end = start + length
        rest = text[end:]
        return structure.join([*parts, rest] if rest or not parts else parts)

    def _placeholder(self, match: re.Match[str]) -> tuple[Argument | None, int]:
        """The port a placeholder names and how much of the text is its: ``\\w+`` may run on into what follows."""
        group = match.lastindex or 1
        name = match.group(group)
        for length in range(len(name), 0, -1):
            if group == 1:
                found = self._ports.of_variable(name[:length])
            else:
                found = self._ports.named("input" if group == 2 else "output", name[:length])
            if found is not None:
                return found, match.start(group) - match.start() + length
        return None, 0

    def _odd(self, item: Any, where: str) -> Argument:
        """An argument that is no text, number, parameter or port of the step."""
        if any(fault.path == where for fault in self._ports.faults):
            return ""
        if isinstance(item, os.PathLike):
            return self._text(os.fspath(item), where)
        if type(item).__module__ == "numpy" and getattr(item, "ndim", 1) == 0:
            return self._argument(item.item(), where)
        if input_request(item) is not None or output_request(item) is not None:
            self.fault(where, f"{item} is an argument, but {_NOT_LISTED}", "add it to inputs or outputs")
        elif isinstance(item, (list, tuple)):
            self.fault(where, "a list cannot be one argument.", "write its items as arguments of their own: [*items]")
        else:
            what = f"an argument cannot be {'None' if item is None else 'a ' + type(item).__name__}."
            self.fault(where, what, "give a text, a number, a PipelineParameter, or an input or output of the step")
        return ""
