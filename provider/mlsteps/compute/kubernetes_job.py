"""A step on several nodes as the cluster's own objects: an indexed Job, and a headless Service that names its pods.

Each pod of the Job is the pod that a step on one node has, so whatever holds for that holds for each of them; its index
is the number of its node. Clusters know indexed Jobs since 1.21, by default since 1.22.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mlsteps.compute import inside
from mlsteps.compute.kubernetes_pod import CONTAINER, RUN
from mlsteps.errors import InvalidInput
from mlsteps.runner.nodes import INDEX, NODES, OTHERS, PORT

#: Seconds after which the cluster itself removes a Job that has ended and that nobody has collected.
_KEPT = 2 * 86400
#: Where the cluster says which pod of the Job one is.
NUMBER = "batch.kubernetes.io/job-completion-index"
#: Seconds in which a node that has failed keeps its answer: then its pod fails, and the cluster ends all others.
_BAD = 60


def job(pod: Mapping[str, Any], nodes: int) -> dict[str, Any]:
    """The Job whose pods are like this one, one a node. None is made again by itself: a step begins as a whole.

    Nor does it say what to do about disruptions (``podFailurePolicy``): a pod that is taken away ends the Job like one
    that fails, and whoever looks after it sees which of both it was.

    Each pod is told all nodes' addresses and its own number; from these and the step's settings the runner inside makes
    what frameworks expect (``MASTER_ADDR``, ``RANK``, ``TF_CONFIG``, ...) for the processes of its node.

    :param pod: as :func:`.kubernetes_pod.pod` makes it; its name becomes the Job's.
    :raises InvalidInput: for fewer than two nodes, which need no Job.
    """
    if nodes < 2:
        raise InvalidInput(f"A Job for {nodes} nodes", expected="two or more; a step on one node is a pod")
    metadata, spec = deepcopy(dict(pod["metadata"])), deepcopy(dict(pod["spec"]))
    spec["subdomain"] = metadata["name"]
    for container in spec["containers"]:
        if container["name"] == CONTAINER:
            container["command"] = [*container["command"], str(_BAD)]
            container["env"] = [*container.get("env", ()), *_told(addresses(pod, nodes))]
    inner = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "completionMode": "Indexed",
            "completions": nodes,
            "parallelism": nodes,
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _KEPT,
            "template": {"metadata": inner, "spec": spec},
        },
    }


def _told(names: list[str]) -> list[dict[str, Any]]:
    """Variables of a node; the cluster itself sets its number, too, and here it is said so that anyone can read it."""
    number = {"fieldRef": {"fieldPath": f"metadata.annotations['{NUMBER}']"}}
    shared = {NODES: ",".join(names), OTHERS: inside.OTHERS, "MASTER_ADDR": names[0], "MASTER_PORT": str(PORT)}
    return [{"name": name, "value": value} for name, value in shared.items()] + [{"name": INDEX, "valueFrom": number}]


def service(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The Service by which the pods of a Job find each other, from before they are ready."""
    metadata = deepcopy(dict(pod["metadata"]))
    metadata.pop("annotations", None)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {RUN: metadata["labels"][RUN]},
        },
    }


def addresses(pod: Mapping[str, Any], nodes: int) -> list[str]:
    """Names of the nodes by their numbers; the first is the master's."""
    name = pod["metadata"]["name"]
    return [f"{name}-{number}.{name}" for number in range(nodes)]
