"""The fingerprint of a step: everything that makes its result, and nothing else. Pure.

``preimage`` is JSON data, one entry a component; ``fingerprint`` is the SHA-256 of its canonical JSON, whose own syntax
delimits and type-tags every part. Components that are empty are left out.

==========================  =======================================================================================
``format``                  :data:`FINGERPRINT_VERSION`
``type``                    the step's type
``script``, ``command``     what is run
``arguments``               as structure; a reference to a parameter is its value, one to an input or output its place
                            among the step's references
``parameters``              what the script sees as ``AML_PARAMETER_<name>``
``source``                  digest of the snapshot
``environment``             identity of the environment's content
``environment_variables``   of the run configuration
``settings``                run settings, without those that only cost time or money
``inputs``                  for each its content identity, ``kind``, ``mode`` and ``transform``
``outputs``                 for each its ``kind``, ``mode``, ``is_directory``, ``transform``, which files it takes, and
                            the place that the pipeline says
``version``                 the step's version tag
``payload``                 what only this step type has
``details``                 *not part of the fingerprint*: names and digests of files, for matching and explaining
==========================  =======================================================================================

Names of steps, inputs and outputs, ids, dates, places of a run's own, compute targets, and parameters the step does not
use are no components. Names do not get lost, though: see :mod:`.match`.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from mlsteps.contracts.arguments import references, text
from mlsteps.contracts.codec import canonical, digest_of
from mlsteps.contracts.graph import InputPort, OutputPort, StepNode
from mlsteps.errors import AzureMLException

#: Raise when a preimage of this release means something else than one of the release before: nothing older is reused.
FINGERPRINT_VERSION = 1

#: Settings that change what a step costs, never what it makes.
COSTS_ONLY = frozenset({"max_run_duration_seconds", "priority", "timeout_seconds", "retries", "vm_size", "vm_priority"})

#: Beyond so many files their digests are not kept among the details.
_MANY = 200

Labels = Mapping[str, Mapping[str, int]]


class Unfingerprintable(AzureMLException):
    """A component of the fingerprint cannot be computed; the step runs, and says why."""


def preimage(
    node: StepNode,
    *,
    snapshot: str | None,
    environment: Mapping[str, Any],
    inputs: Mapping[str, str],
    parameters: Mapping[str, Any],
    files: Mapping[str, str] | None = None,
    explanations: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Any]:
    """Every component of a step's fingerprint, by name.

    :param snapshot: digest of the source; None for a step without one.
    :param environment: canonical content of the environment, without its name.
    :param inputs: content identity of each input port, by name.
    :param parameters: values of the pipeline's parameters; those the step does not refer to make no difference.
    :param files: digest of each file of the source, kept among the details when there are few.
    :param explanations: for each input ``[[path, size, token], ...]``, kept likewise.
    :raises Unfingerprintable: when an input's identity, a parameter or the source is not known.
    """
    if node.script is not None and snapshot is None:
        raise Unfingerprintable(f"the source of {node.script!r} has no snapshot")
    described = {port.name: _input(port, inputs) for port in node.inputs}
    labels = _labels(node, described)
    components = {
        "format": FINGERPRINT_VERSION,
        "type": node.type,
        "script": node.script,
        "command": _command(node.command, labels, parameters),
        "arguments": [_argument(item, labels, parameters) for item in node.arguments],
        "parameters": _values(node.parameters, labels, parameters),
        "source": snapshot,
        "environment": dict(environment),
        "environment_variables": _values(node.environment_variables, labels, parameters),
        "settings": _values({k: v for k, v in node.settings.items() if k not in COSTS_ONLY}, labels, parameters),
        "inputs": [described[port.name] for port in _ordered(node.inputs, labels["input"])],
        "outputs": [_output(port, node) for port in _ordered(node.outputs, labels["output"])],
        "version": node.version,
        "payload": _values(_payload(node), labels, parameters),
    }
    kept = {name: value for name, value in components.items() if value is not None and value not in ([], {})}
    return {**kept, "details": _details(node, labels, files, explanations)}


def fingerprint(preimage: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a preimage.

    :raises Unfingerprintable: when a component is no JSON data (NaN, an object); names the component.
    """
    components = {name: value for name, value in preimage.items() if name != "details"}
    try:
        return digest_of(components)
    except (TypeError, ValueError) as error:
        raise Unfingerprintable(f"{_culprit(components)} is not plain data: {error}") from error


def content_of(tree: str, is_file: bool, definition: Mapping[str, Any] | None = None) -> str:
    """The content identity of files, wherever they lie: of a step's output, or of a dataset.

    :param tree: digest of the files; :param is_file: a script gets the path of a file, not of a folder.
    :param definition: how the files are read. Its places do not count, unless paths become columns of a table.
    :raises Unfingerprintable: without a tree digest.
    """
    if not tree:
        raise Unfingerprintable("there is no digest of its content")
    identity = f"tree:{tree}:{'file' if is_file else 'folder'}"
    reading = _reading(definition or {})
    return f"{identity}:{digest_of(reading)}" if reading else identity


def _reading(definition: Mapping[str, Any]) -> dict[str, Any]:
    is_table = definition.get("type") == "tabular"
    left_out = set() if is_table else {"type", "operations"}  # those of a file dataset chose the files of the tree
    if not (is_table and (definition.get("include_path") or definition.get("partition_format"))):
        left_out |= {"paths", "sql"}
    return {name: value for name, value in definition.items() if name not in left_out and value not in (None, [], {})}


def _payload(node: StepNode) -> Mapping[str, Any]:
    """Of a transfer, where it goes is what it is about; the names of its ends are not."""
    if node.type != "DataTransfer":
        return node.payload
    kept = {name: value for name, value in node.payload.items() if name not in ("source", "destination")}
    target = next((port for port in node.outputs if port.name == node.payload.get("destination")), None)
    place = _place(target) if target is not None else None
    return {**kept, "place": place} if place else kept


def _place(port: OutputPort) -> dict[str, Any] | None:
    """Where the pipeline says that an output goes; None for a place of the run's own."""
    return None if port.path is None else {"datastore": port.datastore, "path": port.path}


def _labels(node: StepNode, described: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """A number for each port: first those that are referred to, in the order of the references; then the other inputs
    by what they hold, the other outputs as they were declared.

    So neither an input's name nor its place in ``inputs=[...]`` makes a difference, only where its path is handed over.
    """
    inputs = sorted(described, key=lambda name: canonical(described[name]))
    outputs = [port.name for port in node.outputs]
    labels = {}
    for kind, known in (("input", inputs), ("output", outputs)):
        named = [name for ref, name in _references(node) if ref == kind and name in known]
        labels[kind] = {name: number for number, name in enumerate(dict.fromkeys([*named, *known]))}
    return labels


def _references(node: StepNode) -> list[tuple[str, str]]:
    command = node.command if isinstance(node.command, (list, tuple)) else [node.command]
    values = [*command, *node.arguments, *node.parameters.values(), *node.environment_variables.values()]
    return [pair for value in values for pair in references(value) if isinstance(pair[1], str)]


def _ordered(ports: Sequence[Any], labels: Mapping[str, int]) -> list[Any]:
    return sorted(ports, key=lambda port: labels[port.name])


def _input(port: InputPort, inputs: Mapping[str, str]) -> dict[str, Any]:
    if not inputs.get(port.name):
        raise Unfingerprintable(f"the content of input {port.name!r} is not known")
    described = {"content": inputs[port.name], "kind": port.kind, "mode": port.mode, "transform": port.transform}
    return {key: value for key, value in described.items() if value}


def _output(port: OutputPort, node: StepNode) -> dict[str, Any]:
    """What is collected (globs, the folder on the compute), and where it goes when the pipeline says so.

    A place of the run's own makes no difference. One that was asked for holds nothing when the result lies elsewhere.
    """
    described = {
        "kind": port.kind,
        "mode": port.mode,
        "is_directory": port.is_directory,
        "transform": port.transform,
        "globs": list(port.globs),
        "path_on_compute": port.path_on_compute,
        "training_output": port.training_output,
        "place": _place(port) if node.type != "DataTransfer" else None,  # a transfer's is in its payload
    }
    return {key: value for key, value in described.items() if value is not None and value not in ([], {})}


def _command(command: Any, labels: Labels, parameters: Mapping[str, Any]) -> Any:
    if isinstance(command, (list, tuple)):
        return [_argument(item, labels, parameters) for item in command]
    return _argument(command, labels, parameters)


def _argument(argument: Any, labels: Labels, parameters: Mapping[str, Any]) -> Any:
    """An argument without names: literals and values of parameters as they are, ports by number, joined text merged."""
    if not isinstance(argument, Mapping):
        return argument
    (kind, name), *more = argument.items()
    if more or kind not in ("parameter", "join", *labels):
        raise Unfingerprintable(f"an argument is neither a value nor a reference: {canonical(argument)}")
    if kind == "join":
        return _joined([_argument(part, labels, parameters) for part in name])
    if kind == "parameter":
        return _parameter(name, parameters)
    if name not in labels[kind]:
        raise Unfingerprintable(f"an argument refers to the {kind} {name!r}, which the step does not have")
    return {kind: labels[kind][name]}


def _joined(parts: list[Any]) -> Any:
    """Neighbouring texts as one: how an f-string was put together makes no difference to the script."""
    merged: list[Any] = []
    for part in parts:
        inner = part["join"] if isinstance(part, Mapping) and "join" in part else [part]
        for item in inner:
            plain = item if isinstance(item, Mapping) else text(item)
            if merged and isinstance(plain, str) and isinstance(merged[-1], str):
                merged[-1] += plain
            else:
                merged.append(plain)
    return merged[0] if len(merged) == 1 else {"join": merged}


def _parameter(name: str, parameters: Mapping[str, Any]) -> Any:
    if name not in parameters:
        raise Unfingerprintable(f"the pipeline parameter {name!r} has no value")
    value = parameters[name]
    return {"value": value} if isinstance(value, Mapping) else value


def _values(value: Any, labels: Labels, parameters: Mapping[str, Any]) -> Any:
    """Data of any shape with the references in it resolved as in arguments."""
    if isinstance(value, Mapping):
        kinds = {kind for kind, _ in _known_reference(value, labels)}
        if kinds:
            return _argument(value, labels, parameters)
        return {key: _values(item, labels, parameters) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_values(item, labels, parameters) for item in value]
    return value


def _known_reference(value: Mapping[str, Any], labels: Labels) -> list[tuple[str, Any]]:
    """``value`` as a reference, when it has the form of one: a payload may hold such keys with another meaning."""
    if len(value) != 1:
        return []
    ((kind, name),) = value.items()
    if kind == "join":
        return [(kind, name)] if isinstance(name, (list, tuple)) else []
    if not isinstance(name, str):
        return []
    return [(kind, name)] if kind == "parameter" or name in labels.get(kind, ()) else []


def _details(
    node: StepNode,
    labels: Labels,
    files: Mapping[str, str] | None,
    explanations: Mapping[str, Sequence[Any]] | None,
) -> dict[str, Any]:
    inputs = [
        [alias for alias in dict.fromkeys((port.name, port.variable, port.path_on_compute)) if alias]
        for port in _ordered(node.inputs, labels["input"])
    ]
    outputs = [port.name for port in _ordered(node.outputs, labels["output"])]
    kept = {name: [list(row) for row in rows] for name, rows in (explanations or {}).items() if len(rows) <= _MANY}
    details = {"name": node.name, "inputs": inputs, "outputs": outputs, "contents": kept}
    if files and len(files) <= _MANY:
        details["files"] = dict(files)
    return {key: value for key, value in details.items() if value}


def _culprit(components: Mapping[str, Any]) -> str:
    for name, value in components.items():
        try:
            digest_of(value)
        except (TypeError, ValueError):
            return name
    return "a component"
