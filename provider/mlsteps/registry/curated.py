"""What curated names (``AzureML-...``) stand for in a workspace, where it says so: an environment registered there.

``curated/<pattern>.json``: ``{"name": pattern, "environment", "version"?}``. A pattern may hold ``*``; the longest that
fits counts. A name for itself comes before all patterns.
"""

from __future__ import annotations

import fnmatch
from typing import Any, Mapping

from mlsteps.errors import UserErrorException
from mlsteps.registry.documents import Documents, get_environment, list_environments
from mlsteps.storage.workspace_store import WorkspaceStore


def map_curated(ws: WorkspaceStore, pattern: str, environment: str, version: str | None = None) -> dict[str, Any]:
    """Let curated names stand for a registered environment; answers what is kept.

    :param pattern: a curated name, or several by ``*``.
    :param version: the latest at the time of asking when None.
    :raises UserErrorException: when there is no such environment.
    """
    if get_environment(ws, environment, version) is None:
        known = ", ".join(sorted(list_environments(ws))) or "none"
        asked = environment if version is None else f"{environment}:{version}"
        raise UserErrorException(f"No environment {asked!r} is registered in the workspace. There are: {known}.")
    document = {"name": pattern, "environment": environment, **({"version": version} if version else {})}
    _documents(ws).put(document)
    return document


def unmap_curated(ws: WorkspaceStore, pattern: str) -> bool:
    """Forget what a name or pattern stands for; False when nothing was said of it."""
    return _documents(ws).delete(pattern)


def mappings(ws: WorkspaceStore) -> dict[str, dict[str, Any]]:
    """What is said, by pattern."""
    return _documents(ws).all()


def mapped(ws: WorkspaceStore, name: str, said: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any] | None:
    """The environment that a curated name stands for in this workspace, under that name; None where it says nothing.

    :param said: what :func:`mappings` gives, for whoever asks for many.
    :raises UserErrorException: when it names an environment that is gone.
    """
    meant = _fitting(mappings(ws) if said is None else said, name)
    if meant is None:
        return None
    found = get_environment(ws, meant["environment"], meant.get("version"))
    if found is None:
        raise UserErrorException(
            f"The workspace says that {name!r} is its environment {meant['environment']!r}, which is not there any "
            f"more. To mend it: register that, or airflow mlsteps environment map {meant['name']!r} --remove."
        )
    return {**found, "name": name}


def _fitting(said: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    fitting = [item for item in said if fnmatch.fnmatchcase(name.lower(), item.lower())]
    return said[max(fitting, key=lambda item: ("*" not in item, len(item)))] if fitting else None


def _documents(ws: WorkspaceStore) -> Documents:
    return Documents(ws, "curated")
