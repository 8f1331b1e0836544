"""Datastores and compute targets (one document a name) and environments (one document a version)."""

from __future__ import annotations

import re
from typing import Any, Mapping

from mlsteps.contracts.codec import canonical
from mlsteps.errors import InvalidInput, UserErrorException, not_found
from mlsteps.registry import versions
from mlsteps.registry.names import file_name, name_of
from mlsteps.registry.workspaces import workspace_document
from mlsteps.storage.workspace_store import WorkspaceStore

JSON = Mapping[str, Any]


class Documents:
    """The documents of one folder, by their ``name``, looked up without regard to case, as Azure does."""

    def __init__(self, ws: WorkspaceStore, folder: str) -> None:
        self.ws = ws
        self.folder = folder

    def path(self, name: str) -> str:
        """Where a document of this name lies, whether it exists or not."""
        return f"{self.folder}/{file_name(name)}.json"

    def names(self) -> list[str]:
        """The names there are, as they were written."""
        return sorted(name_of(item) for item in self.ws.names(self.folder))

    def known_as(self, name: str) -> str | None:
        """How an existing document writes this name."""
        return next((item for item in self.names() if item.lower() == name.lower()), None)

    def get(self, name: str) -> dict[str, Any] | None:
        """The document, or None."""
        document = self.ws.read_json(self.path(name))
        if document is None:
            other = self.known_as(name)
            document = None if other is None else self.ws.read_json(self.path(other))
        return None if document is None else dict(document)

    def all(self) -> dict[str, dict[str, Any]]:
        """All documents by name, read at once."""
        paths = {self.path(name): name for name in self.names()}
        found = self.ws.read_many(paths)
        return {paths[path]: dict(found[path]) for path in paths if path in found}

    def create(self, document: JSON) -> bool:
        """Write the document unless its name is taken, in any case; False then."""
        name = document["name"]
        return self.known_as(name) is None and self.ws.create_json(self.path(name), dict(document))

    def put(self, document: JSON) -> None:
        """Write the document, in place of an older one of that name."""
        name = document["name"]
        self.ws.write_json(self.path(self.known_as(name) or name), dict(document))

    def delete(self, name: str) -> bool:
        """Forget the document; False when there is none."""
        known = self.known_as(name)
        if known is not None:
            self.ws.delete(self.path(known))
        return known is not None


def _datastores(ws: WorkspaceStore) -> Documents:
    return Documents(ws, "datastores")


def get_datastore(ws: WorkspaceStore, name: str | None = None) -> dict[str, Any]:
    """The document of a datastore; a ``url`` relative to the workspace's root comes out whole.

    :param name: in any case; None for the workspace's default.
    :raises ErrorResponseException: when there is none; names those that exist.
    """
    wanted = name or workspace_document(ws)["default_datastore"]
    document = _datastores(ws).get(wanted)
    if document is None:
        raise not_found(
            f"Could not find datastore {wanted!r} in the workspace at {ws.root}. "
            f"It has {', '.join(_datastores(ws).names()) or 'none'}. Register it first: Datastore.register_..."
        )
    return _placed(ws, document)


def list_datastores(ws: WorkspaceStore) -> dict[str, dict[str, Any]]:
    """All datastores by name."""
    return {name: _placed(ws, document) for name, document in _datastores(ws).all().items()}


def put_datastore(ws: WorkspaceStore, document: JSON, overwrite: bool = False) -> dict[str, Any]:
    """Register a datastore; answers its document.

    :raises InvalidInput: for a name that is not letters, digits, ``_`` and ``-``.
    :raises UserErrorException: when the name is taken and ``overwrite`` is off, as in the SDK.
    """
    name = str(document.get("name") or "")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,254}", name):
        raise InvalidInput(f"The datastore name {name!r} does not fit", expected="letters, digits, '_' and '-'")
    if overwrite:
        _datastores(ws).put(document)
    elif not _datastores(ws).create(document):
        raise UserErrorException(
            f"There is a datastore {name!r} already. Give overwrite=True to replace it, or choose another name."
        )
    return _placed(ws, document)


def delete_datastore(ws: WorkspaceStore, name: str) -> None:
    """Forget a datastore; its files stay.

    :raises UserErrorException: when it does not exist or is the default.
    """
    known = get_datastore(ws, name)["name"]
    if known.lower() == str(workspace_document(ws)["default_datastore"]).lower():
        raise UserErrorException(f"{known!r} is the default datastore. Make another the default first.")
    _datastores(ws).delete(known)


def set_default_datastore(ws: WorkspaceStore, name: str) -> None:
    """Make an existing datastore the workspace's default."""
    ws.write_json("workspace.json", {**workspace_document(ws), "default_datastore": get_datastore(ws, name)["name"]})


def _placed(ws: WorkspaceStore, document: JSON) -> dict[str, Any]:
    """Relative places stay true when the root is moved or mounted elsewhere, so they are made whole when read.

    What opens the root opens them.
    """
    url = str(document.get("url") or "")
    if not url or "://" in url or url.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", url):
        return dict(document)
    placed = {**document, "url": ws.store.local_path(url) or ws.store.url_of(url)}
    return {**placed, "connection": ws.connection} if ws.connection else placed


def get_compute(ws: WorkspaceStore, name: str) -> dict[str, Any] | None:
    """The document of a compute target, or None."""
    return Documents(ws, "computes").get(name)


def put_compute(ws: WorkspaceStore, document: JSON) -> None:
    """Write a compute target's document, in place of an older one of that name."""
    Documents(ws, "computes").put(document)


def list_computes(ws: WorkspaceStore) -> dict[str, dict[str, Any]]:
    """All compute targets by name."""
    return Documents(ws, "computes").all()


def delete_compute(ws: WorkspaceStore, name: str) -> bool:
    """Forget a compute target; False when there is none."""
    return Documents(ws, "computes").delete(name)


def register_environment(ws: WorkspaceStore, document: JSON) -> dict[str, Any]:
    """Register an environment; an unchanged definition keeps its version, a changed one gets the next, as in the SDK.

    :param document: with ``name``; a ``version`` in it does not count.
    :returns: the document with its ``version``, a text ("1", "2", ...).
    """
    folder = f"environments/{file_name(document['name'])}"
    content = canonical({**document, "version": None})
    while True:
        known = versions.numbers(ws, folder)
        latest = get_environment(ws, document["name"]) if known else None
        if latest is not None and canonical({**latest, "version": None}) == content:
            return latest
        number = (known[-1] if known else 0) + 1
        made = {**document, "version": str(number)}
        if ws.create_json(f"{folder}/{number}.json", made):
            return made


def get_environment(ws: WorkspaceStore, name: str, version: str | None = None) -> dict[str, Any] | None:
    """A registered environment, or None; without a version the latest."""
    folder = f"environments/{file_name(name)}"
    found = versions.read(ws, folder, "latest" if version is None else version)
    return found


def environment_versions(ws: WorkspaceStore, name: str) -> list[str]:
    """The versions of an environment, oldest first."""
    return [str(number) for number in versions.numbers(ws, f"environments/{file_name(name)}")]


def list_environments(ws: WorkspaceStore) -> dict[str, dict[str, Any]]:
    """The latest version of each registered environment by name."""
    found = {name_of(item): get_environment(ws, name_of(item)) for item in ws.names("environments")}
    return {name: document for name, document in found.items() if document is not None}
