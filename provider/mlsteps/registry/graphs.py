"""Graphs that are kept: ``graphs/<aa>/<sha256>.json``, found by their content and never changed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Dict, Iterable, Mapping, Union

from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import InvalidInput, StoreError
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER = "graphs"
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
#: Where a workspace lies depends on who looks: a mount, a URL, a connection. It is no part of a graph.
_PLACE = ("root", "root_conn_id", "conn_id", "airflow_url")


def graph_path(digest: str) -> str:
    """Where the graph of a digest lies below the workspace's root.

    :raises InvalidInput: for anything but 64 hexadecimal digits.
    """
    if not isinstance(digest, str) or not _DIGEST.match(digest):
        raise InvalidInput(f"{digest!r} is no digest of a graph", expected="64 hexadecimal digits")
    return f"{FOLDER}/{digest[:2]}/{digest}.json"


def document_of(graph: Union[PipelineGraph, Mapping[str, Any]]) -> Dict[str, Any]:
    """The graph as it is kept: without the place of its workspace."""
    document = dict(graph.to_json() if isinstance(graph, PipelineGraph) else graph)
    workspace = {key: value for key, value in (document.get("workspace") or {}).items() if key not in _PLACE}
    return {**document, "workspace": workspace}


def put_graph(ws: WorkspaceStore, graph: Union[PipelineGraph, Mapping[str, Any]]) -> str:
    """Keep a graph; answers its digest.

    :raises InvalidInput: when a step's source is still a folder of this machine.
    """
    document = document_of(graph)
    local = [step["name"] for step in document.get("steps", ()) if step.get("source_directory")]
    if local:
        raise InvalidInput(f"The source of step {local[0]!r} is a local folder", mend="take its snapshot first")
    digest = digest_of(document)
    ws.create_json(graph_path(digest), document)
    return digest


def get_graph(ws: WorkspaceStore, digest: str) -> PipelineGraph:
    """The graph of a digest, its workspace where ``ws`` lies.

    :raises StoreError: when it is missing, or is not what its name says.
    """
    path = graph_path(digest)
    return placed(checked(ws.read_json(path), digest, ws.store.url_of(path)), ws.root)


def get_graphs(ws: WorkspaceStore, digests: Iterable[str]) -> Dict[str, Any]:
    """The documents of many graphs by digest, read at once; absent ones are left out."""
    paths = {graph_path(digest): digest for digest in digests}
    found = ws.read_many(paths)
    return {paths[path]: checked(document, paths[path], path) for path, document in found.items()}


def checked(document: Any, digest: str, place: str) -> Dict[str, Any]:
    """The document, when its content has the digest that it is kept under.

    :raises StoreError: when it is missing or differs; naming ``place``.
    """
    if document is None:
        raise StoreError(f"The graph {digest} is missing: {place}")
    if digest_of(document) != digest:
        raise StoreError(f"{place} is damaged or was altered: its content does not have the digest of its name.")
    return dict(document)


def placed(document: Mapping[str, Any], root: str) -> PipelineGraph:
    """A kept graph with its workspace at ``root``."""
    return PipelineGraph.from_json({**document, "workspace": {**document.get("workspace", {}), "root": root}})


def with_snapshots(graph: PipelineGraph, ws: WorkspaceStore) -> PipelineGraph:
    """The graph with each step's source kept in the workspace, and its digest in place of the local folder.

    :raises SnapshotException: for a folder that is too large; names it.
    """
    from mlsteps.storage import snapshots

    taken: Dict[str, str] = {}
    nodes = []
    for node in graph.steps:
        folder = node.source_directory
        if folder is not None and folder not in taken:
            taken[folder] = snapshots.take(folder, ws).digest
        nodes.append(replace(node, snapshot=taken[folder], source_directory=None) if folder is not None else node)
    return replace(graph, steps=tuple(nodes))
