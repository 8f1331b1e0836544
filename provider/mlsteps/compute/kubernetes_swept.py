"""Pods that nobody collects: their DAG run was deleted, their task is not tried again, their worker died.

A pod is this workspace's when its run is. Whatever may still be collected stays: a pod goes when its run has ended, or
when it has itself ended for so long that nobody will ask why.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mlsteps.compute import kubernetes_status
from mlsteps.compute.kubernetes_cluster import Cluster
from mlsteps.compute.kubernetes_jobs import remove
from mlsteps.compute.kubernetes_pod import MANAGED, PIPELINE, RUN, STEP
from mlsteps.compute.placement import KubernetesOptions, options_of
from mlsteps.errors import AzureMLException, InvalidInput
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.placements import list_placements
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore

#: Seconds that a pod is left alone whose run has ended: whoever ended it may be at it.
_MOMENT = 600.0
#: Seconds that a pod is left alone after its end, and that a step may take to end after its pipeline.
_LONG = _DAY = 86400.0
DELETE, KEEP = "delete", "keep"


class Leftover(NamedTuple):
    """One pod of a run of the workspace, and what becomes of it.

    :param action: ``delete`` or ``keep``; :param reason: for a person; :param age: seconds since it was made.
    """

    pod: str
    namespace: str
    step: str
    run_id: str
    action: str
    reason: str
    age: float

    def to_json(self) -> dict[str, Any]:
        """For ``--json``, in the words of the other rows of a clean-up."""
        return {
            "action": self.action,
            "reason": self.reason,
            "step": self.step,
            "run_id": self.run_id,
            "days": round(self.age / _DAY, 1),
            "files": 0,
            "bytes": 0,
            "places": [f"pod {self.namespace}/{self.pod}"],
        }


class Swept(NamedTuple):
    """What was found, and what could not be looked at: ``{compute target: why}``."""

    pods: list[Leftover]
    unseen: Mapping[str, str]


def sweep(ws: WorkspaceStore, *, apply: bool) -> Swept | None:
    """Pods of the workspace's runs on the clusters of its compute targets; ``apply`` deletes those that may go.

    None for a workspace whose steps run in no pods.
    """
    found: dict[str, Leftover] = {}  # by name, which is a pod's own: two targets may be of one cluster
    unseen: dict[str, str] = {}
    known = dict(_targets(ws))
    for name, options in known.items():
        cluster = Cluster(options)
        try:
            for pod, item in _judged(ws, cluster, time.time()):
                if item.pod not in found and apply and item.action == DELETE:
                    remove(cluster, pod, 0)
                found.setdefault(item.pod, item)
        except AzureMLException as error:
            unseen[name] = error.message
        finally:
            cluster.close()
    return Swept(list(found.values()), unseen) if known else None


def _targets(ws: WorkspaceStore) -> Iterator[tuple[str, KubernetesOptions]]:
    for name, placement in list_placements(ws).items():
        try:
            options = options_of(placement)
        except InvalidInput:
            continue  # its steps cannot run, and `airflow mlsteps doctor` says why
        if isinstance(options, KubernetesOptions):
            yield name, options


def _judged(ws: WorkspaceStore, cluster: Cluster, now: float) -> Iterator[tuple[dict[str, Any], Leftover]]:
    runs = RunStore(ws)
    pods = cluster.find(f"{MANAGED}=mlsteps,{RUN}")
    ours = runs.heads({pod["metadata"]["labels"][RUN] for pod in pods})
    for pod in pods:
        labels, age = pod["metadata"]["labels"], now - _seconds(pod["metadata"]["creationTimestamp"])
        run_id = labels[RUN]
        if run_id not in ours:
            continue
        action, reason = _judgement(runs, run_id, labels.get(PIPELINE, ""), pod, now)
        name, step = pod["metadata"]["name"], labels.get(STEP, "")
        yield pod, Leftover(name, cluster.namespace, step, run_id, action, reason, age)


def _judgement(runs: RunStore, run_id: str, pipeline: str, pod: Mapping[str, Any], now: float) -> tuple[str, str]:
    age, ended = now - _seconds(pod["metadata"]["creationTimestamp"]), _ended(pod)
    if ended is not None and now - ended > _LONG:
        return DELETE, "the pod has ended long ago, and nobody has collected it"
    status = pipeline_status(runs, pipeline) if runs.head(pipeline) is not None else "gone"
    if status != "gone" and status not in TERMINAL:
        return KEEP, "its run is active"
    if age > _LONG or (age > _MOMENT and runs.state(run_id).status in TERMINAL):
        return DELETE, f"its pipeline run is {status}"
    return KEEP, f"its pipeline run is {status} since a short while, and the step may be ending"


def _ended(pod: Mapping[str, Any]) -> float | None:
    """When its container ended; None for one that runs."""
    if not kubernetes_status.is_over(pod):
        return None
    state = kubernetes_status.container(pod).get("terminated") or {}
    return _seconds(state.get("finishedAt") or pod["metadata"]["creationTimestamp"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
