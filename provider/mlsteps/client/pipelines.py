"""Stores a graph under a DAG id and has Airflow load it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, Iterator

from mlsteps.client.home import airflow_home
from mlsteps.client.target import Target
from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.storage.workspace_store import WorkspaceStore

_LONGEST = 180


def slug(experiment_name: str) -> str:
    """An experiment's name as a DAG id: letters, digits, ``_``, ``-`` and ``.``; different names stay different."""
    made = re.sub(r"[^A-Za-z0-9_.-]+", "-", experiment_name).strip("-.") or "pipeline"
    if made == experiment_name and len(made) <= _LONGEST:
        return made
    return f"{made[:_LONGEST]}-{hashlib.sha256(experiment_name.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def with_snapshots(graph: PipelineGraph, ws: WorkspaceStore) -> PipelineGraph:
    """The graph with each step's source kept in the workspace, and its digest in place of the local folder.

    :raises SnapshotException: for a folder that is too large; names it.
    """
    from mlsteps.storage import snapshots

    taken: dict[str, str] = {}
    nodes = []
    for node in graph.steps:
        folder = node.source_directory
        if folder is not None and folder not in taken:
            taken[folder] = snapshots.take(folder, ws).digest
        nodes.append(replace(node, snapshot=taken[folder], source_directory=None) if folder is not None else node)
    return replace(graph, steps=tuple(nodes))


def store(target: Target, ws: WorkspaceStore, graph: PipelineGraph, experiment: str, **meta: Any) -> str:
    """Keep the graph where Airflow reads it and have it loaded; answers the DAG's id.

    The id is the experiment's name. Tasks read their graph again when they start, so while runs of a different graph
    under that id are going on, the next free one is taken (``name__2``, ...), as it is when the id belongs to another
    workspace.

    :param meta: more for ``meta.json``: ``description``, ``tags``, ...
    """
    document = graph.to_json()
    for number in count(1):
        dag_id = slug(experiment) if number == 1 else f"{slug(experiment)}__{number}"
        folder = f"pipelines/{dag_id}"
        before = ws.read_json(f"{folder}/graph.json")
        is_same = before == document
        if before is not None and not is_same and target.has_active_run(dag_id):
            continue
        written = time.time()
        if not is_same:
            ws.write_json(f"{folder}/graph.json", document)
        ws.write_json(f"{folder}/meta.json", {"dag_id": dag_id, "experiment": experiment, **meta})
        if target.publish(dag_id, ws.root, 0.0 if is_same else written):
            ws.create_json(graph_path(dag_id, graph), document)
            return dag_id
    raise AssertionError("count() does not end")


def graph_path(dag_id: str, graph: PipelineGraph) -> str:
    """Where the graph of one run stays when later runs of the same DAG have another."""
    return f"pipelines/{dag_id}/graphs/{digest_of(graph.to_json())}.json"


@contextmanager
def one_at_a_time(target: Target) -> Iterator[None]:
    """Held while a graph is stored and its run is triggered: another process must not replace the graph in between.

    Only processes that share the embedded Airflow are held up; for another Airflow nobody else writes to the
    workspace's pipelines but its own clients, and the last one wins.
    """
    if target.embedded is None:
        yield
        return
    descriptor = os.open(airflow_home().submissions, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
