"""Modules: step definitions under a name, in versions.

modules/<id>/module.json                {"id", "created"}; written once
modules/<id>/state.json                 {"name", "description", "status", "default_version"}
modules/<id>/versions/<version>.json    the definition; written once: {"id", "version", "script", "snapshot",
                                        "arguments", "interface", "runconfig", "category", "created"}
modules/<id>/states/<version>.json      {"status", "description"}
module_names/<name>.json                {"id"}; written last: a module found by its name is whole
"""

from __future__ import annotations

import re
import time
import uuid
from typing import Any, Dict, List, Mapping, Optional, Tuple

from mlsteps.errors import InvalidInput, UserErrorException, not_found
from mlsteps.registry.names import file_name, name_of
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER, NAMES = "modules", "module_names"
ACTIVE, DEPRECATED, DISABLED = "Active", "Deprecated", "Disabled"
_SEMVER = re.compile(r"\d+(\.\d+){0,2}\Z")


def create(ws: WorkspaceStore, name: str, description: Optional[str]) -> Dict[str, Any]:
    """A new module without versions. From now on the name means it; an earlier one of that name stays under its id.

    Notebooks create their module each time they run, and publish the same versions to it.
    """
    made = str(uuid.uuid4())
    state = {"name": name, "description": description, "status": ACTIVE, "default_version": None}
    ws.create_json(f"{_folder(made)}/module.json", {"id": made, "created": time.time()})
    ws.write_json(f"{_folder(made)}/state.json", state)
    ws.write_json(f"{NAMES}/{file_name(name)}.json", {"id": made})
    return need(ws, made)


def need(ws: WorkspaceStore, id: Optional[str] = None, name: Optional[str] = None) -> Dict[str, Any]:
    """A module by id or name: ``{"id", "name", "description", "status", "default_version", "created"}``.

    :raises InvalidInput: without either; UserErrorException: when there is none.
    """
    if id is None and name is None:
        raise InvalidInput("Neither an id nor a name of a module is given", expected="one of them")
    if id is None:
        id = str((ws.read_json(f"{NAMES}/{file_name(str(name))}.json") or {}).get("id") or "")
    folder = _folder(id) if id else ""
    parts = ws.read_many([f"{folder}/module.json", f"{folder}/state.json"]) if id else {}
    if len(parts) < 2:
        known = ", ".join(repr(name_of(item)) for item in ws.names(NAMES)) or "none"
        raise not_found(f"There is no module {name if name is not None else id!r} in the workspace. It has {known}.")
    return {**parts[f"{folder}/module.json"], **parts[f"{folder}/state.json"]}


def change(ws: WorkspaceStore, id: str, **changes: Any) -> Dict[str, Any]:
    """Change ``name``, ``description``, ``status`` or ``default_version``.

    :raises InvalidInput: when the name is taken, or the default is no version.
    """
    module = need(ws, id)
    wanted, known = changes.get("name"), module["name"]
    if changes.get("default_version") is not None:
        version(ws, id, str(changes["default_version"]))
    if wanted is not None and wanted != known and not ws.create_json(f"{NAMES}/{file_name(wanted)}.json", {"id": id}):
        raise InvalidInput(f"There is a module {wanted!r} already", expected="another name")
    state = {key: module[key] for key in ("name", "description", "status", "default_version")}
    ws.write_json(f"{_folder(id)}/state.json", {**state, **changes})
    before = f"{NAMES}/{file_name(known)}.json"
    if wanted is not None and wanted != known and (ws.read_json(before) or {}).get("id") == id:
        ws.delete(before)
    return need(ws, id)


def publish(
    ws: WorkspaceStore, id: str, definition: Mapping[str, Any], wanted: Optional[str] = None, is_default: bool = False
) -> Dict[str, Any]:
    """A new version; answers its document.

    :param wanted: its version; None for the next whole number.
    :raises InvalidInput: when there is that version already: versions never change.
    """
    need(ws, id)
    number = len(_versions(ws, id)) + 1
    while True:
        label = str(number) if wanted is None else str(wanted)
        # Two parts that tell nothing apart make the id: a version is found by its id without a search.
        document = {**definition, "version": label, "id": f"{id}:{label}", "module_id": id, "created": time.time()}
        if ws.create_json(f"{_folder(id)}/versions/{file_name(label)}.json", document):
            break
        if wanted is not None:
            raise InvalidInput(f"The module has a version {label!r} already", expected="another version")
        number += 1
    if is_default:
        change(ws, id, default_version=label)
    return version(ws, id, label)


def versions(ws: WorkspaceStore, id: str) -> List[Dict[str, Any]]:
    """All versions with their ``status`` and ``description``, oldest first."""
    names = _versions(ws, id)
    folder = _folder(id)
    states = ws.read_many(f"{folder}/states/{name}.json" for name in names)
    found = ws.read_many(f"{folder}/versions/{name}.json" for name in names)
    made = [
        _with_state(found[f"{folder}/versions/{name}.json"], states.get(f"{folder}/states/{name}.json"))
        for name in names
    ]
    return sorted(made, key=lambda item: (item["created"], item["version"]))


def version(ws: WorkspaceStore, id: str, wanted: str) -> Dict[str, Any]:
    """One version.

    :raises InvalidInput: when there is none; names those that are.
    """
    name, folder = file_name(wanted), _folder(id)
    found = ws.read_many([f"{folder}/versions/{name}.json", f"{folder}/states/{name}.json"])
    document = found.get(f"{folder}/versions/{name}.json")
    if document is None:
        known = ", ".join(repr(item["version"]) for item in versions(ws, id)) or "none"
        raise InvalidInput(f"The module {id} has no version {wanted!r}", expected=f"one of its own: {known}")
    return _with_state(document, found.get(f"{folder}/states/{name}.json"))


def change_version(ws: WorkspaceStore, id: str, wanted: str, **changes: Any) -> Dict[str, Any]:
    """Change a version's ``status`` or ``description``."""
    known = version(ws, id, wanted)
    state = {"status": known["status"], "description": known.get("description"), **changes}
    ws.write_json(f"{_folder(id)}/states/{file_name(wanted)}.json", state)
    return version(ws, id, wanted)


def version_of_id(ws: WorkspaceStore, version_id: str) -> Dict[str, Any]:
    """The version of a version's id."""
    module, _, label = version_id.partition(":")
    if not label:
        raise InvalidInput(f"{version_id!r} is no id of a module version", expected="ModuleVersion.module_version_id")
    return version(ws, module, label)


def resolve(ws: WorkspaceStore, id: str, wanted: Optional[str] = None) -> Dict[str, Any]:
    """The version that a step gets, by the SDK's rule: disabled ones do not count; then the one asked for, the
    default, the highest when all are numbers with dots, else the newest.

    :raises UserErrorException: when the module is disabled; InvalidInput: when nothing is left.
    """
    module = need(ws, id)
    if module["status"] == DISABLED:
        raise UserErrorException(f"The module {module['name']!r} is disabled.")
    left = {item["version"]: item for item in versions(ws, id) if item["status"] != DISABLED}
    if wanted is not None and str(wanted) not in left:
        known = ", ".join(map(repr, left)) or "none"
        raise InvalidInput(
            f"The module {module['name']!r} has no version {wanted!r} in use", expected=f"one of {known}"
        )
    if not left:
        raise InvalidInput(f"The module {module['name']!r} has no version in use", mend="module.publish_python_script")
    if wanted is not None:
        return left[str(wanted)]
    if module["default_version"] in left:
        return left[module["default_version"]]
    if all(_SEMVER.match(label) for label in left):
        return left[max(left, key=_parts)]
    return list(left.values())[-1]


def _parts(label: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in label.split("."))


def _with_state(document: Any, state: Any) -> Dict[str, Any]:
    return {"status": ACTIVE, **document, **(state or {})}


def _versions(ws: WorkspaceStore, id: str) -> List[str]:
    return ws.names(f"{_folder(id)}/versions")


def _folder(id: str) -> str:
    return f"{FOLDER}/{file_name(id)}"
