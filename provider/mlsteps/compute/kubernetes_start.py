"""From a pod's document to a pod that runs, or to what keeps it from running."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from mlsteps.compute import kubernetes_status
from mlsteps.compute.base import Report
from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_status import GONE, Trouble
from mlsteps.compute.placement import KubernetesOptions
from mlsteps.errors import InvalidInput

#: Seconds between two looks, at first and in the end.
_PAUSE, _LONGEST = 0.1, 2.0


class Unstarted(Exception):
    """The step was stopped while its pod was coming up."""


def started(
    cluster: Cluster, name: str, options: KubernetesOptions, report: Report, is_stopped: Callable[[], bool]
) -> Trouble | None:
    """Wait until the pod runs; or why it never will.

    :raises Unstarted: when ``is_stopped`` says so.
    """
    since, pause, told, scheduled = time.monotonic(), _PAUSE, "", False
    while True:
        if is_stopped():
            raise Unstarted
        try:
            pod = cluster.read(name)
        except ClusterError as error:
            if error.status == 404:
                return GONE
            raise
        if kubernetes_status.is_running(pod):
            return None
        trouble = _trouble(cluster, pod)
        if trouble is not None:
            return trouble
        if kubernetes_status.is_scheduled(pod) and not scheduled:
            scheduled, since = True, time.monotonic()
        waits_for = "" if scheduled else kubernetes_status.unschedulable(pod)
        if waits_for and waits_for != told:
            report(f"waiting for a node: {waits_for}")
            told = waits_for
        if time.monotonic() - since > (options.start_seconds if scheduled else options.schedule_seconds):
            return _too_late(cluster, name, options, scheduled, waits_for)
        time.sleep(pause)
        pause = min(pause * 1.2, _LONGEST)


def _trouble(cluster: Cluster, pod: Mapping[str, Any]) -> Trouble | None:
    from airflow.providers.cncf.kubernetes.utils.pod_manager import detect_pod_terminate_early_issues

    trouble = kubernetes_status.broken(pod, detect_pod_terminate_early_issues(cluster.revived(pod)))
    if trouble is None and kubernetes_status.is_over(pod):
        trouble = kubernetes_status.ended(pod)
    return trouble


def _too_late(cluster: Cluster, name: str, options: KubernetesOptions, scheduled: bool, waits_for: str) -> Trouble:
    if not scheduled:
        why = f"no node was found for the step's pod within {options.schedule_seconds:g} s: {waits_for}"
    else:
        last = "; ".join(cluster.events(name)[-3:])
        why = f"the step's pod did not start within {options.start_seconds:g} s. The cluster said last: {last}"
    return Trouble("infrastructure", why[0].upper() + why[1:])


def with_template(options: KubernetesOptions, document: Mapping[str, Any]) -> dict[str, Any]:
    """The pod, with what its compute target's pod template says beside it, put together as Airflow does it.

    :raises InvalidInput: for a template file that is not there.
    """
    if not options.pod_template_file and not options.pod_template:
        return dict(document)
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
    from kubernetes.client import ApiClient

    template = PodGenerator.deserialize_model_dict(_template(options))
    made = PodGenerator.reconcile_pods(template, PodGenerator.deserialize_model_dict(dict(document)))
    whole: dict[str, Any] = ApiClient().sanitize_for_serialization(made)
    return whole


def _template(options: KubernetesOptions) -> dict[str, Any]:
    if not options.pod_template_file:
        return dict(options.pod_template)
    import yaml

    try:
        with open(options.pod_template_file, encoding="utf-8") as file:
            template = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        raise InvalidInput(
            f"The pod template {options.pod_template_file} cannot be read: {error}", expected="a file on the worker"
        ) from error
    return dict(template or {})
