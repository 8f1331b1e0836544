"""The cluster of a target: clients made by Airflow's ``KubernetesHook``, pods by its ``PodManager``, errors as ours."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlsteps.compute.placement import KubernetesOptions
from mlsteps.errors import AzureMLException, InvalidInput

if TYPE_CHECKING:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
    from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager
    from kubernetes.client import CoreV1Api, V1Pod

#: Seconds that a connection may take, and seconds of silence after which a stream of output is asked for again.
_CONNECT, _SILENCE = 20.0, 300.0
#: Says in a pod which namespace it is in.
_OWN_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


class ClusterError(AzureMLException):
    """The cluster does not answer, or refuses; another try may help.

    :param status: of the API's answer; None or 0 when there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Cluster:
    """One namespace of one cluster. Its client is for the thread that runs the step: :meth:`another` gives more."""

    def __init__(self, options: KubernetesOptions) -> None:
        self._options = options
        self._others: list[CoreV1Api] = []

    @cached_property
    def _hook(self) -> KubernetesHook:
        options = self._options
        hook = _provider().KubernetesHook(
            kubernetes_conn_id=options.kubernetes_conn_id,
            config_file=options.config_file,
            cluster_context=options.cluster_context,
            in_cluster=options.in_cluster,
        )
        return hook  # type: ignore[no-any-return]

    @cached_property
    def client(self) -> CoreV1Api:
        """The client of the thread that runs the step.

        :raises ClusterError: when nothing says where the cluster is.
        """
        with self.told("cannot be used"):
            return self._hook.core_v1_client

    def another(self) -> CoreV1Api:
        """One more client, for another thread, a stream or a signal handler."""
        from kubernetes.client import ApiClient, CoreV1Api

        made = CoreV1Api(ApiClient(self.client.api_client.configuration))
        self._others.append(made)
        return made

    @cached_property
    def namespace(self) -> str:
        """Where the pods are."""
        if self._options.namespace:
            return self._options.namespace
        with self.told("cannot be used"):
            named = self._hook.get_namespace()
            if not named and self._hook.is_in_cluster and os.path.exists(_OWN_NAMESPACE):
                with open(_OWN_NAMESPACE, encoding="utf-8") as file:
                    named = file.read().strip()
        return str(named or self._hook.DEFAULT_NAMESPACE)

    @property
    def in_cluster(self) -> bool | None:
        """As of a hook: True where the worker's own cluster was found, too, which an asynchronous hook does not try."""
        with self.told("cannot be used"):
            return True if self._hook.is_in_cluster else self._options.in_cluster

    @cached_property
    def pods(self) -> PodManager:
        """Airflow's manager of pods, which tries again what the API could not do for a moment."""
        from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager

        return PodManager(self.client)

    def close(self) -> None:
        """Close all connections; what is asked later opens new ones."""
        made = self.__dict__.get("client")  # not one that would only be made now
        for client in (*([made] if made is not None else ()), *self._others):
            manager = client.api_client.rest_client.pool_manager
            for key in list(manager.pools.keys()):
                manager.pools[key].close()  # clear() leaves that to the garbage collector
            manager.clear()
        self._others.clear()

    # -- pods

    def create(self, document: Mapping[str, Any]) -> None:
        """Make a pod."""
        with self.told("does not make a pod"):
            self.client.create_namespaced_pod(self.namespace, dict(document))

    def read(self, name: str) -> dict[str, Any]:
        """A pod as the API writes it.

        :raises ClusterError: with ``status`` 404 for one that is not there.
        """
        from kubernetes.client import V1ObjectMeta, V1Pod

        with self.told("does not say how the pod is"):
            found = self.pods.read_pod(V1Pod(metadata=V1ObjectMeta(name=name, namespace=self.namespace)))
        return self._document(found)

    def find(self, selector: str) -> list[dict[str, Any]]:
        """The pods with these labels, newest first."""
        with self.told("does not list pods"):
            found = self.client.list_namespaced_pod(self.namespace, label_selector=selector).items
        documents = [self._document(item) for item in found]
        return sorted(documents, key=lambda item: str(item["metadata"]["creationTimestamp"]), reverse=True)

    def _document(self, found: Any) -> dict[str, Any]:
        document: dict[str, Any] = self.client.api_client.sanitize_for_serialization(found)
        return document

    def revived(self, document: Mapping[str, Any]) -> V1Pod:
        """A pod's document as the client's own kind of object."""
        from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

        return PodGenerator.deserialize_model_dict(dict(document))

    def delete(self, name: str, seconds: int, client: CoreV1Api | None = None) -> None:
        """Delete a pod; one that is gone is fine.

        :param seconds: that its processes have to end.
        """
        from kubernetes.client import V1DeleteOptions

        try:
            with self.told("does not delete a pod"):
                (client or self.client).delete_namespaced_pod(
                    name, self.namespace, body=V1DeleteOptions(grace_period_seconds=seconds)
                )
        except ClusterError as error:
            if error.status != 404:
                raise

    def log(self, name: str, container: str, *, times: bool = False) -> Any:
        """A pod's output from its first byte and on, as an HTTP response that is read as it comes.

        :param times: whether each line comes after its time.
        """
        with self.told("does not give output"):
            return self.another().read_namespaced_pod_log(
                name,
                self.namespace,
                container=container,
                follow=True,
                timestamps=times,
                _preload_content=False,
                _request_timeout=(_CONNECT, _SILENCE),
            )

    def events(self, name: str) -> list[str]:
        """What the cluster has said of a pod, the last thing last."""
        with self.told("does not list events"):
            found = self.client.list_namespaced_event(self.namespace, field_selector=f"involvedObject.name={name}")
        return [f"{item.reason}: {item.message}" for item in found.items]

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Have the client's errors come out as :class:`ClusterError`.

        :param what: goes on after "The cluster".
        """
        from airflow.sdk.exceptions import AirflowException
        from kubernetes.client import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError
        from websocket import WebSocketException

        try:
            yield
        except ApiException as error:
            raise ClusterError(f"The cluster {what}: {_message(error)}", error.status) from error
        except (ConfigException, AirflowException, HTTPError, WebSocketException, OSError) as error:
            raise ClusterError(f"The cluster {what}: {error or type(error).__name__}") from error


def _message(error: Any) -> str:
    """What the API says, without the headers of its answer."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason or error)


def _provider() -> Any:
    try:
        from airflow.providers.cncf.kubernetes.hooks import kubernetes
    except ImportError as error:
        raise InvalidInput(
            f"A compute target of kind kubernetes needs Airflow's Kubernetes provider ({error})",
            mend="pip install airflow-provider-mlsteps[kubernetes]",
        ) from error
    return kubernetes
