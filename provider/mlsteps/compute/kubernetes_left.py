"""Pods by their labels: those that a killed worker left behind are collected, or removed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from mlsteps.compute import inside, kubernetes_status
from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_exec import Talk
from mlsteps.compute.kubernetes_jobs import owner, remove
from mlsteps.compute.kubernetes_pod import CONTAINER, CONTENT, TASK
from mlsteps.contracts.spec import StepSpec


class Left(NamedTuple):
    """A pod that was left behind: its name, its Python by the name it was started with, and its spec."""

    name: str
    python: str
    spec: StepSpec


def labels(task: str, content: str) -> dict[str, str]:
    """What a pod of this task is found by, and what it must run to be of use."""
    return {TASK: _key(task), CONTENT: _key(content)}


def _key(text: str) -> str:
    """A label's value may be short and plain only."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def find(cluster: Cluster, task: str, content: str) -> Left | None:
    """The pod of an earlier try at this task that is worth waiting for or has done its work.

    Whatever else there is of the task is removed.
    """
    found: Left | None = None
    wanted = labels(task, content)
    for pod in cluster.find(f"{TASK}={wanted[TASK]}"):
        left = None
        if found is None and pod["metadata"]["labels"].get(CONTENT) == wanted[CONTENT] and owner(pod) is None:
            left = of_use(cluster, pod)
        if left is None:
            remove(cluster, pod, 0 if kubernetes_status.is_over(pod) else 30)
        found = found or left
    return found


def of_use(cluster: Cluster, pod: Mapping[str, Any]) -> Left | None:
    """A pod that runs, or has ended well; None for others. One that failed is a failed try, and this is the next."""
    if not kubernetes_status.is_running(pod) or pod["metadata"].get("deletionTimestamp"):
        return None
    name, python = pod["metadata"]["name"], python_of(pod)
    try:
        with Talk(cluster, name, python) as talk:
            state = talk.ask("look", [inside.SPEC])
    except ClusterError as error:
        if error.status == 404:
            return None
        raise
    if not state["started"] or ("code" in state and (state["answer"] or {}).get("status") != "Completed"):
        return None
    return Left(name, python, StepSpec.from_json(state["files"][inside.SPEC]))


def python_of(pod: Mapping[str, Any]) -> str:
    """The program that its container was started with."""
    container = next(item for item in pod["spec"]["containers"] if item["name"] == CONTAINER)
    return str(container["command"][0])
