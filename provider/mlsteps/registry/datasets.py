"""Registered datasets: ``datasets/<name>/<version>.json``; saved ones by id: ``datasets_by_id/<id>.json``."""

from __future__ import annotations

import time
from typing import Any, Mapping

from mlsteps.contracts.codec import canonical
from mlsteps.contracts.dataset import dataset_id
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.registry import versions as numbered
from mlsteps.registry.names import file_name, name_of
from mlsteps.storage.addresses import NO_SECRET, holds_secret
from mlsteps.storage.base import redact
from mlsteps.storage.workspace_store import WorkspaceStore

JSON = Mapping[str, Any]

_CHANGEABLE = ("description", "tags", "properties")


def register(
    ws: WorkspaceStore,
    name: str,
    definition: JSON,
    *,
    description: str | None = None,
    tags: JSON | None = None,
    create_new_version: bool = False,
    properties: JSON | None = None,
) -> dict[str, Any]:
    """Register a definition under a name; ``AbstractDataset.register`` of the SDK.

    The definition of the latest version gives that version back, whatever ``create_new_version`` says; without
    ``create_new_version`` that of any earlier version does, too. ``description``, ``tags`` and ``properties`` are then
    laid over what the version has. Processes that register at once get different versions.

    :returns: ``{"name", "version" (int), "id", "definition", "description", "tags", "properties", "created"}``.
    :raises UserErrorException: when the name has another definition and ``create_new_version`` is off.
    """
    extra = {"description": description, "tags": dict(tags or {}), "properties": dict(properties or {})}
    save(ws, definition)
    while True:
        known = versions(ws, name)
        same = _same_definition(ws, name, known[-1:] if create_new_version else known, definition)
        if same is not None:
            return _laid_over(ws, same, extra)
        if known and not create_new_version:
            raise UserErrorException(
                f"There is already a dataset registered under name {name!r} (version {known[-1]}) with another "
                "definition. Give create_new_version=True to register a new version."
            )
        made = _document(name, (known[-1] if known else 0) + 1, definition, extra)
        if ws.create_json(_path(name, made["version"]), made):
            return _indexed(ws, made)


def register_output(
    ws: WorkspaceStore, registration: JSON, definition: JSON, output: JSON, *, new_version: bool
) -> dict[str, Any]:
    """Register a step's output, as ``register_on_complete`` asks for.

    :param registration: ``{"name":, "description":?, "tags":?}``.
    :param output: where it came from: ``{"uri":, "tree":, "run_id":}``; kept in the document.
    :param new_version: True always allocates a version (the step ran); False first looks for a version with the same
        place and the same content (the step was reused).
    """
    name = registration["name"]
    extra = {
        "description": registration.get("description"),
        "tags": dict(registration.get("tags") or {}),
        "properties": dict(registration.get("properties") or {}),
        "output": dict(output),
    }
    if not new_version:
        same = _same_output(ws, name, output)
        if same is not None:
            return same
    save(ws, definition)
    number = numbered.allocate(ws, _folder(name), lambda version: _document(name, version, definition, extra))
    return _indexed(ws, get(ws, name, number) or {})


def get(ws: WorkspaceStore, name: str, version: int | str = "latest") -> dict[str, Any] | None:
    """A registered version, or None."""
    return numbered.read(ws, _folder(name), version)


def get_by_id(ws: WorkspaceStore, id: str) -> dict[str, Any] | None:
    """A saved dataset, or None: ``{"id", "definition"}``, and all of its registration when it has one (the newest)."""
    found = ws.read_json(f"datasets_by_id/{file_name(id)}.json")
    if found is None:
        return None
    registered = get(ws, found["name"], found["version"]) if "name" in found else None
    return registered or {"id": found["id"], "definition": found["definition"]}


def versions(ws: WorkspaceStore, name: str) -> list[int]:
    """The versions of a name, rising; none when the name is not registered."""
    return numbered.numbers(ws, _folder(name))


def names(ws: WorkspaceStore) -> list[str]:
    """The registered names."""
    return sorted(name_of(item) for item in ws.names("datasets"))


def save(ws: WorkspaceStore, definition: JSON) -> str:
    """Store an unregistered dataset; answers its id. The same definition always has the same id."""
    _check(definition)
    id = dataset_id(definition)
    ws.create_json(f"datasets_by_id/{id}.json", {"id": id, "definition": dict(definition)})
    return id


def update(ws: WorkspaceStore, name: str, version: int | str, **changes: Any) -> dict[str, Any]:
    """Change ``description``, ``tags`` or ``properties`` of a version (each replaced whole); answers the document.

    :raises UserErrorException: when there is no such version.
    """
    wrong = sorted(set(changes) - set(_CHANGEABLE))
    if wrong:
        raise InvalidInput(f"A dataset's {', '.join(wrong)} cannot be changed", expected=", ".join(_CHANGEABLE))
    document = get(ws, name, version)
    if document is None:
        raise UserErrorException(f"There is no version {version} of a dataset {name!r}.")
    document.update(changes)
    ws.write_json(_path(name, document["version"]), document)
    return document


def unregister(ws: WorkspaceStore, name: str) -> None:
    """Forget all versions of a name; the data stays, and ids that were handed out stay good."""
    ws.delete(_folder(name))


def _folder(name: str) -> str:
    return f"datasets/{file_name(name)}"


def _path(name: str, version: int) -> str:
    return f"{_folder(name)}/{version}.json"


def _check(definition: JSON) -> None:
    if not isinstance(definition, Mapping) or definition.get("type") not in ("file", "tabular"):
        raise InvalidInput(f"{definition!r} is no dataset definition", expected="type 'file' or 'tabular'")
    for place in definition.get("paths") or ():
        url = str(place.get("url") or "")
        if holds_secret(url):
            raise InvalidInput(
                f"The address {redact(url)} holds a secret, and a dataset's definition is stored and shown",
                mend=NO_SECRET,
            )


def _document(name: str, version: int, definition: JSON, extra: JSON) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "id": dataset_id(definition),
        "definition": dict(definition),
        "created": time.time(),
        **extra,
    }


def _indexed(ws: WorkspaceStore, document: dict[str, Any]) -> dict[str, Any]:
    """Let the id lead to this registration."""
    entry = {key: document[key] for key in ("id", "definition", "name", "version")}
    ws.write_json(f"datasets_by_id/{document['id']}.json", entry)
    return document


def _documents(ws: WorkspaceStore, name: str, known: list[int]) -> list[dict[str, Any]]:
    """The documents of these versions, newest first."""
    paths = [_path(name, version) for version in reversed(known)]
    found = ws.read_many(paths)
    return [dict(found[path]) for path in paths if path in found]


def _same_definition(ws: WorkspaceStore, name: str, known: list[int], definition: JSON) -> dict[str, Any] | None:
    wanted = canonical(definition)
    return next((item for item in _documents(ws, name, known) if canonical(item["definition"]) == wanted), None)


def _same_output(ws: WorkspaceStore, name: str, output: JSON) -> dict[str, Any] | None:
    for item in _documents(ws, name, versions(ws, name)):
        known = item.get("output") or {}
        if known and all(known.get(key) == output.get(key) for key in ("uri", "tree")):
            return item
    return None


def _laid_over(ws: WorkspaceStore, document: dict[str, Any], extra: JSON) -> dict[str, Any]:
    merged = dict(document)
    if extra["description"] is not None:
        merged["description"] = extra["description"]
    for key in ("tags", "properties"):
        merged[key] = {**(document.get(key) or {}), **extra[key]}
    return (
        merged
        if merged == document
        else update(ws, document["name"], document["version"], **{key: merged[key] for key in _CHANGEABLE})
    )
