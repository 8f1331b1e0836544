"""Keeps a graph, has Airflow serve it as a DAG, and waits until it does."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from itertools import count
from typing import Iterator

from mlsteps.client import active
from mlsteps.client.home import airflow_home
from mlsteps.client.start import Source
from mlsteps.client.target import Target
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.registry import dags, graphs, pipelines
from mlsteps.storage.workspace_store import WorkspaceStore

#: Seconds that Airflow has to say that a run is over whose steps are all done.
_ENDS_WITHIN = 10.0


def load(target: Target, ws: WorkspaceStore, source: Source, experiment: str) -> tuple[str, str]:
    """Have Airflow know what a run is of: the DAG's id and the digest of its graph.

    A published pipeline is a DAG of its own. Anything else becomes the DAG of its experiment.

    :raises ExperimentExecutionException: when Airflow cannot load it or does not find it in time.
    """
    if source.pipeline is None:
        return store(target, ws, source.graph, experiment)
    pipelines.serve(ws, source.pipeline)
    dag_id, digest = str(source.pipeline["dag_id"]), str(source.pipeline["graph"])
    target.publish(ws, {"dag_id": dag_id, "graph": digest})
    return dag_id, digest


def store(target: Target, ws: WorkspaceStore, graph: PipelineGraph, experiment: str) -> tuple[str, str]:
    """Keep the graph as the DAG of its experiment and have it loaded; answers the DAG's id and the graph's digest.

    Where Airflow keeps no versions of DAGs, tasks read their graph again when they start. So while runs of a different
    graph under that id are going on, the next free one is taken (``name__2``, ...), as it is when the id belongs to
    something else, or another client has just put another graph there.
    """
    digest = graphs.put_graph(ws, graph)
    for number in count(1):
        dag_id = dags.slug(experiment) if number == 1 else f"{dags.slug(experiment)}__{number}"
        document = {"dag_id": dag_id, "kind": "experiment", "graph": digest, "experiment": experiment}
        before = dags.get(ws, dag_id)
        if before is not None and before != document and not _may_replace(target, before):
            continue
        dags.serve(ws, document)
        if target.publish(ws, document):
            return dag_id, digest
    raise AssertionError("count() does not end")


def _may_replace(target: Target, before: dict[str, object]) -> bool:
    dag_id = str(before["dag_id"])
    return before["kind"] == "experiment" and (target.keeps_versions(dag_id) or _is_free(target, dag_id))


def _is_free(target: Target, dag_id: str) -> bool:
    """Whether no run of the DAG goes on. One that its script has waited for is over; Airflow says so a moment later."""
    deadline = time.monotonic() + _ENDS_WITHIN
    while target.has_active_run(dag_id):
        if not active.is_ending(dag_id) or time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def one_at_a_time(target: Target) -> Iterator[None]:
    """Held while a graph is stored and its run is triggered: another process must not replace the graph in between.

    Only processes that share the embedded Airflow are held up. For another Airflow a run says which graph it is of, and
    ``plan`` fails one that would be of another.
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
