"""Jobs by their labels: those that a killed worker left behind are collected, or removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mlsteps.compute import kubernetes_left
from mlsteps.compute.kubernetes_cluster import Cluster
from mlsteps.compute.kubernetes_jobs import Jobs, over, owner, remove
from mlsteps.compute.kubernetes_left import Left
from mlsteps.compute.kubernetes_pod import CONTENT, TASK


class LeftJob(NamedTuple):
    """A Job that was left behind, and its pods by number."""

    job: str
    nodes: list[Left]


def find(cluster: Cluster, jobs: Jobs, task: str, content: str, count: int) -> LeftJob | None:
    """The Job of an earlier try at this task whose nodes all are worth waiting for, or have done their work.

    Whatever else there is of the task is removed, with pods of a time when it had one.
    """
    wanted = kubernetes_left.labels(task, content)
    selector = f"{TASK}={wanted[TASK]}"
    found: LeftJob | None = None
    for job in jobs.find(selector):
        left = None
        if found is None and job["metadata"]["labels"].get(CONTENT) == wanted[CONTENT]:
            left = _of_use(cluster, jobs, job, selector, count)
        if left is None:
            jobs.delete(job["metadata"]["name"])
        found = found or left
    for pod in cluster.find(selector):
        if found is None or owner(pod) != found.job:
            remove(cluster, pod, 30)
    return found


def _of_use(cluster: Cluster, jobs: Jobs, job: Mapping[str, Any], selector: str, count: int) -> LeftJob | None:
    if job["metadata"].get("deletionTimestamp") or over(job) is not None:
        return None
    pods = jobs.pods(job["metadata"]["name"], selector)
    if sorted(pods) != list(range(count)):
        return None
    nodes = [kubernetes_left.of_use(cluster, pods[number]) for number in range(count)]
    known = [item for item in nodes if item is not None]
    return LeftJob(job["metadata"]["name"], known) if len(known) == count else None
