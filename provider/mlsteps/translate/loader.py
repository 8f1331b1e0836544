"""The stored pipelines of a workspace as DAGs.

A DAG file of three lines serves them all::

    from mlsteps.translate import load_dags

    load_dags(globals(), "/data/workspaces/mine")

``<root>/pipelines/<dag_id>/graph.json`` holds the graph; ``meta.json`` beside it ``{"dag_id", "experiment",
"schedule"?}``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from mlsteps.errors import AzureMLException
from mlsteps.translate.dag import dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from mlsteps.storage.workspace_store import WorkspaceStore

log = logging.getLogger(__name__)
FOLDER = "pipelines"


def load_dags(namespace: MutableMapping[str, Any], root: str) -> list[DAG]:
    """Make the stored pipelines' DAGs and put them into ``namespace`` (a DAG file's ``globals()``) by id.

    While Airflow reads the file for one task, only that task's pipeline is read. A pipeline that cannot be read is
    left out and logged; the others are not held up by it.

    :param root: root of the workspace: a path or any fsspec URL; ``s3://conn_id@bucket/folder`` names the Airflow
        connection that opens it.
    """
    from mlsteps.hooks.connections import use_airflow_connections
    from mlsteps.registry.workspaces import workspace_store

    use_airflow_connections()
    store = workspace_store({"root": root})
    made = list(_dags(store))
    namespace.update({item.dag_id: item for item in made})
    return made


def _dags(store: WorkspaceStore) -> Iterator[DAG]:
    names = _wanted(store)
    metas = store.read_many(f"{FOLDER}/{name}/meta.json" for name in names)
    graphs = store.read_many(f"{FOLDER}/{name}/graph.json" for name in names)
    for name in names:
        graph = graphs.get(f"{FOLDER}/{name}/graph.json")
        if graph is None:
            continue
        try:
            yield _dag(store, name, graph, metas.get(f"{FOLDER}/{name}/meta.json") or {})
        except (AzureMLException, ValueError, KeyError, TypeError):
            log.exception("The stored pipeline %s at %s cannot become a DAG", name, store.root)


def _dag(store: WorkspaceStore, name: str, graph: dict[str, Any], meta: dict[str, Any]) -> DAG:
    whole = {**graph, "workspace": {**graph.get("workspace", {}), "root": store.root}}
    options = {key: meta[key] for key in ("tags", "description", "dag_display_name", "max_active_tasks") if key in meta}
    return dag(
        whole, meta.get("dag_id", name), schedule=meta.get("schedule"), experiment=meta.get("experiment"), **options
    )


def _wanted(store: WorkspaceStore) -> list[str]:
    from airflow.sdk import get_parsing_context

    asked = get_parsing_context().dag_id
    if asked is None:
        return store.names(FOLDER)
    return [asked] if store.read_json(f"{FOLDER}/{asked}/graph.json") is not None else []
