"""A pod that goes on without the task that started it: what is known of it until another task takes it up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mlsteps.compute import inside, kubernetes_status
from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_exec import Talk
from mlsteps.compute.kubernetes_output import Log
from mlsteps.compute.kubernetes_said import Said
from mlsteps.compute.lines import Lines
from mlsteps.compute.placement import KubernetesOptions
from mlsteps.contracts.spec import StepSpec

#: Seconds that the rest of a pod's output may keep one waiting for more of it.
_SILENCE = 10.0


def begun(options: KubernetesOptions, cluster: Cluster, pod: str, python: str) -> dict[str, Any]:
    """What a trigger has to know to find the pod from elsewhere, and a task to take it up. None of it is a secret."""
    return {
        "pod": pod,
        "namespace": cluster.namespace,
        "python": python,
        "conn_id": options.kubernetes_conn_id,
        "config_file": options.config_file,
        "cluster_context": options.cluster_context,
        "in_cluster": cluster.in_cluster,
        "poll_seconds": options.poll_seconds,
        "output_seconds": options.output_seconds,
    }


def spec_in(cluster: Cluster, begun: Mapping[str, Any]) -> StepSpec:
    """What the pod was told to run.

    :raises ClusterError: when it cannot say so.
    """
    with Talk(cluster, begun["pod"], begun["python"]) as talk:
        return StepSpec.from_json(talk.ask("look", [inside.SPEC])["files"][inside.SPEC])


def last_words(cluster: Cluster, pod: str, lines: Lines, said: Said) -> None:
    """Hand on what a pod has said that runs no more, as far as the cluster has kept it."""
    try:
        if not kubernetes_status.container(cluster.read(pod)):
            return
        log = Log(cluster, pod, lines, said)
    except ClusterError:
        return
    try:
        heard = time.monotonic()
        while not log.is_broken and time.monotonic() - heard < _SILENCE:
            if log.take(1.0):
                heard = time.monotonic()
        lines.feed(b"", final=True)
    finally:
        log.close()
