"""The workspaces that this API server knows: of its DAG bundles, of connections, and, when embedded, of its scripts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mlsteps.client.addresses import known_roots
from mlsteps.client.airflow_parts import roots_of
from mlsteps.client.home import Home, airflow_home
from mlsteps.errors import AzureMLException
from mlsteps.registry.workspaces import workspace_store
from mlsteps.storage.workspace_store import WorkspaceStore

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,259}\Z", re.ASCII)
_BUNDLE = "MlstepsDagBundle"


class Place(NamedTuple):
    """One workspace.

    :param document: its ``workspace.json``; :param bundle: name of the DAG bundle that serves it, if one does.
    """

    store: WorkspaceStore
    document: Mapping[str, Any]
    bundle: str | None

    @property
    def reference(self) -> dict[str, Any]:
        """As ``Workspace._from_reference`` takes it."""
        keys = ("name", "subscription_id", "resource_group", "location")
        return {**{key: self.document[key] for key in keys if key in self.document}, "root": self.store.root}


def find(subscription: str, group: str, name: str) -> Iterator[Place]:
    """The workspaces of a name; more than one only on a machine where scripts use several of one name."""
    if not _NAME.match(name):
        return
    seen: set[str] = set()
    for reference, bundle in _candidates(name):
        try:
            store = workspace_store(reference)
        except AzureMLException:
            continue  # it is not the one: what is asked for may be opened
        if store.root in seen:
            continue
        seen.add(store.root)
        document = _document(store)
        asked = {"name": name, "subscription_id": subscription, "resource_group": group}
        if document is not None and all(str(document.get(key)) == value for key, value in asked.items()):
            yield Place(store, document, bundle)


def embedded_home() -> Home | None:
    """The home of the embedded Airflow when this is it."""
    home = airflow_home()
    is_ours = os.path.abspath(os.environ.get("AIRFLOW_HOME", "")) == str(home.folder)
    return home if is_ours and home.description.exists() else None


def _candidates(name: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    from mlsteps.hooks.connections import use_airflow_connections
    from mlsteps.hooks.mlsteps import resolve_reference

    use_airflow_connections()  # a bundle's root may name one
    home = embedded_home()
    if home is not None:
        for root in dict.fromkeys([*known_roots(home), *roots_of(home).values()]):
            yield {"root": root}, None
    yield from _bundles()
    yield resolve_reference({"name": name}), None


def _bundles() -> Iterator[tuple[dict[str, Any], str]]:
    from airflow.configuration import conf

    from mlsteps.hooks.mlsteps import MlstepsHook

    configured: Any = conf.getjson("dag_processor", "dag_bundle_config_list", fallback=[])
    for item in configured or []:
        if isinstance(item, dict) and str(item.get("classpath", "")).rpartition(".")[2] == _BUNDLE:
            said = item.get("kwargs") or {}
            reference = MlstepsHook(said["conn_id"]).reference() if said.get("conn_id") else {"root": said.get("root")}
            yield reference, str(item.get("name"))


#: Documents by root: a workspace keeps its name.
_known: dict[str, Mapping[str, Any]] = {}


def _document(store: WorkspaceStore) -> Mapping[str, Any] | None:
    if store.root not in _known:
        document = store.read_json("workspace.json")
        if document is None:
            return None
        _known[store.root] = dict(document)
    return _known[store.root]
