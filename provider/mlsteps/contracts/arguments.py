"""Arguments as structure: a literal, or a reference that only a running step can turn into text.

An argument is JSON data: a ``str``, ``int``, ``float`` or ``bool`` as it stands, or one of

* ``{"parameter": name}``  the value of a pipeline parameter
* ``{"input": port}``      the local path of an input (or the dataset's id when it is passed direct)
* ``{"output": port}``     the local path of an output
* ``{"join": [...]}``      a text made of these parts (``f"--out={config.arg_val}"``)

Keeping the structure is what lets a fingerprint leave out every path, run id and temporary name.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping

Argument = Any  # JSON data of the form above


def parameter(name: str) -> Argument:
    """Refer to a pipeline parameter."""
    return {"parameter": name}


def input_path(port: str) -> Argument:
    """Refer to the local path of an input port."""
    return {"input": port}


def output_path(port: str) -> Argument:
    """Refer to the local path of an output port."""
    return {"output": port}


def join(parts: list[Argument]) -> Argument:
    """Several parts that make one text."""
    return parts[0] if len(parts) == 1 else {"join": parts}


def references(argument: Argument) -> Iterator[tuple[str, str]]:
    """Every ``(kind, name)`` an argument refers to; kind is ``parameter``, ``input`` or ``output``."""
    if isinstance(argument, Mapping):
        for kind, name in argument.items():
            if kind == "join":
                for part in name:
                    yield from references(part)
            else:
                yield kind, name


def with_parameters(argument: Argument, values: Mapping[str, Any]) -> Argument:
    """An argument in which references to these parameters are their values; others stay."""
    if isinstance(argument, Mapping):
        ((kind, name),) = argument.items()
        if kind == "join":
            return {"join": [with_parameters(part, values) for part in name]}
        if kind == "parameter" and name in values:
            return text(values[name])
    return argument


def resolve(argument: Argument, look_up: Callable[[str, str], Any]) -> str:
    """The text of an argument.

    :param look_up: called with ``(kind, name)`` for each reference; its answer is turned into text.
    """
    if isinstance(argument, Mapping):
        ((kind, name),) = argument.items()
        if kind == "join":
            return "".join(resolve(part, look_up) for part in name)
        return text(look_up(kind, name))
    return text(argument)


def text(value: Any) -> str:
    """A value as it stands on a command line: ``str(value)``, as the SDK does it (``True``, ``0.1``)."""
    return "" if value is None else str(value)
