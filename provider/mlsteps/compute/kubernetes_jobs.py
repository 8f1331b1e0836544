"""Jobs and their Services in a cluster's namespace: made together, removed together, their pods by number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_job import NUMBER

if TYPE_CHECKING:
    from kubernetes.client import BatchV1Api

#: The first release whose Jobs number their pods as a matter of course, and name them so that they find each other.
OLDEST = (1, 24)


class Jobs:
    """The Jobs of one namespace, for the thread that runs the step."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @cached_property
    def _batch(self) -> BatchV1Api:
        from kubernetes.client import BatchV1Api

        return BatchV1Api(self._cluster.client.api_client)

    def release(self) -> tuple[int, int]:
        """Of the cluster, such as ``(1, 30)``."""
        from kubernetes.client import VersionApi

        with self._cluster.told("does not say its release"):
            found = VersionApi(self._cluster.client.api_client).get_code()
        digits = [re.match(r"\d*", str(text)) for text in (found.major, found.minor)]  # some say "24+"
        major, minor = (int((match and match.group()) or 0) for match in digits)
        return major, minor

    def create(self, job: Mapping[str, Any], service: Mapping[str, Any]) -> None:
        """Make a Job and the Service by which its pods find each other, which goes when the Job does."""
        with self._cluster.told("does not make a Job"):
            made = self._batch.create_namespaced_job(self._cluster.namespace, dict(job))
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": made.metadata.name, "uid": made.metadata.uid}
        document = {**service, "metadata": {**service["metadata"], "ownerReferences": [owner]}}
        try:
            with self._cluster.told("does not make a Service"):
                self._cluster.client.create_namespaced_service(self._cluster.namespace, document)
        except ClusterError:
            self.delete(made.metadata.name)
            raise

    def read(self, name: str) -> dict[str, Any]:
        """A Job as the API writes it.

        :raises ClusterError: with ``status`` 404 for one that is not there.
        """
        with self._cluster.told("does not say how the Job is"):
            return self._document(self._batch.read_namespaced_job(name, self._cluster.namespace))

    def find(self, selector: str) -> list[dict[str, Any]]:
        """The Jobs with these labels."""
        with self._cluster.told("does not list Jobs"):
            found = self._batch.list_namespaced_job(self._cluster.namespace, label_selector=selector).items
        return [self._document(item) for item in found]

    def _document(self, found: Any) -> dict[str, Any]:
        document: dict[str, Any] = self._cluster.client.api_client.sanitize_for_serialization(found)
        return document

    def pods(self, name: str, selector: str) -> dict[int, dict[str, Any]]:
        """The pods of a Job by their numbers; of each number the newest.

        :param selector: labels that its pods have.
        """
        found: dict[int, dict[str, Any]] = {}
        for pod in self._cluster.find(selector):
            number = (pod["metadata"].get("annotations") or {}).get(NUMBER)
            if owner(pod) == name and number is not None:
                found.setdefault(int(number), pod)
        return found

    def delete(self, name: str) -> None:
        """Delete a Job, its pods and its Service; what is gone is fine."""
        namespace = self._cluster.namespace
        with self._gone_is_fine("does not delete a Job"):
            self._batch.delete_namespaced_job(name, namespace, propagation_policy="Background")
        with self._gone_is_fine("does not delete a Service"):
            self._cluster.client.delete_namespaced_service(name, namespace)

    @contextmanager
    def _gone_is_fine(self, what: str) -> Iterator[None]:
        try:
            with self._cluster.told(what):
                yield
        except ClusterError as error:
            if error.status != 404:
                raise


def owner(pod: Mapping[str, Any]) -> str | None:
    """The Job that a pod is one of."""
    references = pod["metadata"].get("ownerReferences") or ()
    return next((str(item["name"]) for item in references if item["kind"] == "Job"), None)


def remove(cluster: Cluster, pod: Mapping[str, Any], seconds: int) -> None:
    """Delete a pod, and the Job that it is one of.

    :param seconds: that its processes have to end.
    """
    name = owner(pod)
    if name is not None:
        Jobs(cluster).delete(name)
    cluster.delete(pod["metadata"]["name"], seconds)


def over(job: Mapping[str, Any]) -> str | None:
    """Why a Job makes no pods any more; None for one that goes on."""
    for item in (job.get("status") or {}).get("conditions") or ():
        if item["type"] in ("Failed", "Complete") and item.get("status") == "True":
            return f"{item['type']}: {item.get('reason') or ''} {item.get('message') or ''}".strip()
    return None
