"""What a version of a module says: its script, ports, parameters and arguments as plain data, and back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.parameter import PipelineParameter

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore

_INPUT = ("data_types", "default_datastore_mode", "default_path_on_compute", "is_optional", "default_overwrite")
_OUTPUT = ("data_type", "default_datastore_name", "default_datastore_mode", "default_path_on_compute", "is_directory")


def python_script(
    store: WorkspaceStore,
    script_name: str,
    source_directory: Any,
    inputs: Any,
    outputs: Any,
    params: Any,
    arguments: Any,
    runconfig: Any,
    category: str | None,
) -> Dict[str, Any]:
    """The definition of a version that runs a script; its folder is packed into the workspace.

    :raises InvalidInput: for a script that is not in the folder, two ports of one name, or an argument that is none.
    """
    from mlsteps.sdk.steps.script import run_configuration
    from mlsteps.storage import snapshots

    folder = os.path.abspath(os.fspath(source_directory if source_directory is not None else os.curdir))
    if not os.path.isfile(os.path.join(folder, script_name)):
        raise InvalidInput(
            f"There is no file {script_name!r} in {folder!r}", expected="a script below source_directory"
        )
    config = run_configuration(runconfig)
    interface = {
        "inputs": _ports(inputs, _INPUT),
        "outputs": _ports(outputs, _OUTPUT),
        "params": {str(name): _default(value) for name, value in (params or {}).items()},
    }
    return {
        "kind": "python_script",
        "script": script_name,
        "snapshot": snapshots.take(folder, store).digest,
        "interface": interface,
        "arguments": None if arguments is None else [_argument(item, interface) for item in arguments],
        "runconfig": None if config is None else config._to_yaml(),
        "category": category,
    }


def runconfig_of(definition: Mapping[str, Any]) -> Any:
    """The run configuration of a definition; None when it has none."""
    if definition.get("runconfig") is None:
        return None
    from mlsteps.sdk.runconfig_files import read

    return read(definition["runconfig"])


def step_arguments(definition: Mapping[str, Any], inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> List[Any]:
    """A definition's arguments with the data that a step gives to its ports."""
    made: List[Any] = []
    for item in definition.get("arguments") or ():
        if not isinstance(item, Mapping):
            made.append(item)
        elif "parameter" in item:
            made.append(PipelineParameter(item["parameter"], item.get("default")))
        else:
            ports, name = (inputs, item["input"]) if "input" in item else (outputs, item["output"])
            if name in ports:  # an optional input may be left out, and its argument with it
                made.append(ports[name])
    return made


def check_ports(name: str, interface: Mapping[str, Any], inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    """:raises InvalidInput: when a step maps ports that the module does not have, or leaves out some that it needs."""
    for what, given, known in (
        ("inputs_map", inputs, interface["inputs"]),
        ("outputs_map", outputs, interface["outputs"]),
    ):
        names = [port["name"] for port in known]
        unknown = sorted(set(given) - set(names))
        missing = [port["name"] for port in known if not port.get("is_optional") and port["name"] not in given]
        if unknown or missing:
            wrong = (
                f"maps {', '.join(map(repr, unknown))}" if unknown else f"leaves out {', '.join(map(repr, missing))}"
            )
            expected = ", ".join(map(repr, names)) or "nothing"
            raise InvalidInput(f"{what} of ModuleStep {name!r} {wrong}", expected=f"the module's ports: {expected}")


def _ports(given: Any, fields: Any) -> List[Dict[str, Any]]:
    made: Dict[str, Dict[str, Any]] = {}
    for item in given or ():
        if not isinstance(getattr(item, "name", None), str):
            raise InvalidInput(f"{item!r} is no port of a module", expected="an InputPortDef or OutputPortDef")
        if item.name in made:
            raise InvalidInput(f"Two ports of the module are called {item.name!r}", mend="give each a name of its own")
        values = {field: getattr(item, field, None) for field in fields}
        made[item.name] = {
            "name": item.name,
            **{key: value for key, value in values.items() if value not in (None, [])},
        }
    return list(made.values())


def _default(value: Any) -> Any:
    plain = getattr(value, "default_value", value)
    if plain is None or isinstance(plain, (str, int, float, bool)):
        return plain
    raise InvalidInput(f"A module's parameter has the default {value!r}", expected="text, int, float or bool")


def _argument(item: Any, interface: Mapping[str, Any]) -> Any:
    if isinstance(item, (str, int, float, bool)):
        return item
    if isinstance(item, PipelineParameter):
        return {"parameter": item.name, "default": _default(item)}
    name = getattr(item, "name", None)
    for kind in ("inputs", "outputs"):
        if any(port["name"] == name for port in interface[kind]):
            return {kind[:-1]: name}
    raise InvalidInput(
        f"The module's argument {item!r} is none of its ports", expected="a text, number, port or PipelineParameter"
    )
