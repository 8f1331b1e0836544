"""What a workspace serves as DAGs, without versions: for a DAG file, where no DAG bundle can be configured.

A DAG file of three lines serves all of a workspace::

    from mlsteps.translate import load_dags

    load_dags(globals(), "/data/workspaces/mine")

:mod:`mlsteps.registry.dags` has the documents; :class:`mlsteps.bundles.MlstepsDagBundle` serves them with versions.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from mlsteps.errors import AzureMLException
from mlsteps.registry import dags, graphs
from mlsteps.translate.served import dag_of

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from mlsteps.storage.workspace_store import WorkspaceStore

log = logging.getLogger(__name__)


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
    documents = [item for item in _wanted(store).values() if not dags.is_over(item)]
    found = store.read_many(graphs.graph_path(item["graph"]) for item in documents if "graph" in item)

    def graph_of(digest: str) -> dict[str, Any]:
        path = graphs.graph_path(digest)
        return graphs.checked(found.get(path), digest, store.store.url_of(path))

    for document in documents:
        try:
            yield dag_of(document, graph_of, store.root)
        except (AzureMLException, ValueError, KeyError, TypeError):
            log.exception("The stored pipeline %s at %s cannot become a DAG", document["dag_id"], store.root)


def _wanted(store: WorkspaceStore) -> dict[str, dict[str, Any]]:
    from airflow.sdk import get_parsing_context

    asked = get_parsing_context().dag_id
    names = dags.names(store) if asked is None else [asked]
    return store.read_many(map(dags.path_of, names))
