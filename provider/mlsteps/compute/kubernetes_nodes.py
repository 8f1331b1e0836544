"""A step on several nodes: an indexed Job, each of whose pods is looked after as the pod of a step on one node is.

All pods are up before any is told what to run. The first node brings its outputs last, when it is told what the others
have brought, and its result is the step's. A node that fails ends the step.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from mlsteps.compute import inside, kubernetes_job, kubernetes_left, kubernetes_nodes_left
from mlsteps.compute.base import Report
from mlsteps.compute.carried import Carried
from mlsteps.compute.files import carried_of
from mlsteps.compute.kubernetes import KubernetesTarget
from mlsteps.compute.kubernetes_cluster import Cluster, ClusterError
from mlsteps.compute.kubernetes_jobs import OLDEST, Jobs, over
from mlsteps.compute.kubernetes_pod import RUN
from mlsteps.compute.kubernetes_result import CANCELED
from mlsteps.compute.kubernetes_start import Unstarted
from mlsteps.compute.kubernetes_status import Trouble
from mlsteps.compute.placement import KubernetesOptions
from mlsteps.compute.vm_sizes import Resources
from mlsteps.contracts.distribution import node_count, ranks
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.errors import InvalidInput

#: Seconds between two looks at the nodes, and at pods that are still to be made.
_PAUSE = 0.2


class NodesTarget(KubernetesTarget):
    """One Job for one attempt.

    :param distribution: the step's; of two nodes or more.
    """

    can_defer = False

    def __init__(
        self,
        options: KubernetesOptions,
        distribution: Mapping[str, Any],
        *,
        size: Resources | None = None,
        docker: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(options, size=size, docker=docker)
        self._distribution = distribution
        self._count = node_count(distribution)
        self._jobs = Jobs(self._cluster)
        self._nodes: list[Node] = []
        self._lock = threading.Lock()

    def ready(self) -> AbstractContextManager[None]:
        """See :meth:`Target.ready`: before anything is prepared the cluster is asked whether it can do it.

        :raises InvalidInput: when it is too old.
        """
        refuse_old(self._jobs, self._count)
        return nullcontext()

    def left_behind(self, task: str, content: str) -> StepSpec | None:
        """See :meth:`Target.left_behind`: a Job whose nodes all run, or have done their work."""
        self._labels = kubernetes_left.labels(task, content)
        found = kubernetes_nodes_left.find(self._cluster, self._jobs, task, content, self._count)
        if found is None:
            return None
        self._pod, self._is_told = found.job, True
        self._nodes = [self._node(number, left.name, left.python, True) for number, left in enumerate(found.nodes)]
        return found.nodes[0].spec

    # -- its beginning

    def _take_up(self, spec: StepSpec) -> None:
        self._go(spec, {})

    def _up(self, spec: StepSpec, roots: tuple[str, ...]) -> Trouble | None:
        """All pods wait to be told; or why one of them does not, and then there is no Job."""
        if self._pod is not None:
            self._jobs.delete(self._pod)
        pod = self._document(spec, roots)
        self._jobs.create(kubernetes_job.job(pod, self._count), kubernetes_job.service(pod))
        self._pod = pod["metadata"]["name"]
        found = self._made(f"{RUN}={spec.run_id}")
        if isinstance(found, Trouble):
            return found
        for number, name in enumerate(found):
            trouble = self._started(name)
            if trouble is not None:
                return trouble._replace(message=f"Node {number}: {trouble.message}")
        self._nodes = [self._node(number, name, self._python, False) for number, name in enumerate(found)]
        return None

    def _made(self, selector: str) -> list[str] | Trouble:
        """The names of the pods, when the cluster has made them all."""
        end = time.monotonic() + self._options.schedule_seconds
        while True:
            if self._stopped is not None:
                raise Unstarted
            assert self._pod is not None
            found = self._jobs.pods(self._pod, selector)
            if len(found) >= self._count:
                return [found[number]["metadata"]["name"] for number in range(self._count)]
            why = over(self._jobs.read(self._pod))
            if why is not None or time.monotonic() > end:
                said = "; ".join(self._cluster.events(self._pod)[-3:])
                made = f"The cluster has made {len(found)} of {self._count} pods"
                return Trouble("infrastructure", f"{made}. {why or 'It was too slow'}. It said last: {said}")
            time.sleep(_PAUSE)

    def _tell(self, spec: StepSpec, carried: Carried | None, credentials: Mapping[str, Any]) -> StepResult | None:
        if self._stopped is not None:
            return CANCELED
        self._is_told = True
        self._go(spec, credentials)
        return None

    def _node(self, number: int, pod: str, python: str, is_told: bool) -> Node:
        return Node(self._options, number, pod, python, is_told=is_told)

    def _go(self, spec: StepSpec, credentials: Mapping[str, Any]) -> None:
        names = _names(spec.distribution)
        for node in self._nodes:
            node.go(spec, credentials, self._told_by(node.number, tuple(names.get(node.number, ()))))
        if self._stopped is not None:  # meanwhile
            self._pass_on_stop()

    def _told_by(self, number: int, names: tuple[str, ...]) -> Callable[[str], None]:
        """Takes the lines of a node. Its processes have begun them with their own names."""

        def take(line: str) -> None:
            with self._lock:
                self._lines.note(line if number == 0 or line.startswith(names) else f"[node {number}] {line}")

        return take

    # -- following it

    def _finish(self) -> StepResult:
        """Until the first node has ended, or any of them badly; all have ended then."""
        try:
            return self._followed()
        finally:
            self._stop_all()  # servers are left, or all of them when this was interrupted

    def _followed(self) -> StepResult:
        servers = _servers(self._distribution)
        others = [node for node in self._nodes[1:] if node.number not in servers]
        is_handed = False
        while True:
            bad = next((node for node in self._nodes if node.has_failed), None)
            if bad is not None or self._stopped is not None:
                return self._ended_badly(bad)
            result = self._nodes[0].result
            if result is not None:
                return result
            if not is_handed and all(node.result is not None for node in others):
                is_handed = self._hand(others)
            time.sleep(_PAUSE)

    def _hand(self, others: list[Node]) -> bool:
        """Tell the first node what the others have brought; False when it cannot be told just now."""
        made = {node.number: node.result.outputs for node in others if node.result is not None}
        data = {str(key): {name: item.to_json() for name, item in value.items()} for key, value in made.items()}
        try:
            self._nodes[0].hand(data)
        except ClusterError:
            return False  # its own thread looks after what has become of it
        return True

    def _ended_badly(self, bad: Node | None) -> StepResult:
        """The others are stopped, and what came of the step: that a node was taken away tells more than the rest."""
        self._stop_all()
        if self._stopped is not None or bad is None:
            return CANCELED
        lost = next((node for node in self._nodes if node.result and node.result.error.get("lost")), bad)
        result = lost.result
        assert result is not None
        message = f"Node {lost.number} of {self._count}: {result.error.get('message', '')} All others were ended."
        return replace(result, error={**result.error, "message": message})

    def _stop_all(self) -> None:
        for node in self._nodes:
            if node.result is None:
                node.stop()
        for node in self._nodes:
            node.wait()

    # -- its end

    def _pass_on_stop(self) -> None:
        for node in self._nodes:
            node.stop()

    def _remove(self, pod: str) -> None:
        """The Job, its Service and all pods; those that still run have their time to end."""
        self._jobs.delete(pod)
        for node in self._nodes:
            node.remove()


class Node(KubernetesTarget):
    """One pod of the Job, looked after by a thread of its own.

    :param is_told: whether it runs already.
    """

    can_defer = False

    def __init__(self, options: KubernetesOptions, number: int, pod: str, python: str, *, is_told: bool) -> None:
        super().__init__(options)
        self.number = number
        self.result: StepResult | None = None
        self._pod, self._python, self._is_told = pod, python, is_told
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def prepare(self, environment: Mapping[str, Any] | None, report: Report) -> str:
        """It runs in the Job's image."""
        return self._python

    def go(self, spec: StepSpec, credentials: Mapping[str, Any], on_line: Callable[[str], None]) -> None:
        """Begin to look after it. The cluster's client is made here, in the main thread."""
        _ = self._cluster.client, self._cluster.namespace
        arguments = (spec, credentials, on_line)
        self._thread = threading.Thread(target=self._look_after, args=arguments, name=f"mlsteps-node-{self.number}")
        self._thread.start()

    def _look_after(self, spec: StepSpec, credentials: Mapping[str, Any], on_line: Callable[[str], None]) -> None:
        try:
            self.result = self.run(spec, credentials, on_line=on_line)
        except BaseException as error:  # whatever it is, the main thread raises it
            self._error = error
            self.result = CANCELED

    @property
    def has_failed(self) -> bool:
        """Whether it has ended, and not well.

        :raises Exception: what went wrong beside the step.
        """
        if self._error is not None:
            raise self._error
        return self.result is not None and self.result.status != "Completed"

    def wait(self) -> None:
        """Until it has ended."""
        if self._thread is not None:
            self._thread.join()

    def hand(self, data: Mapping[str, Any]) -> None:
        """Tell it what the other nodes have brought to the stores."""
        with self._talk() as talk:
            talk.ask("tell", inside.OTHERS, data)

    def remove(self) -> None:
        """Remove what is left of it."""
        try:
            super()._remove(str(self._pod))
        finally:
            self._cluster.close()

    def _begin(self, spec: StepSpec, credentials: Mapping[str, Any]) -> StepResult | None:
        return self._tell(spec, carried_of(spec, self._options.carry), credentials)

    def _remove(self, pod: str) -> None:
        """Nothing: the Job goes as a whole."""


def check_cluster(options: KubernetesOptions, distribution: Mapping[str, Any]) -> None:
    """Whether a step on several nodes can run there.

    :raises InvalidInput: when the cluster is too old; :raises ClusterError: when it does not answer.
    """
    cluster = Cluster(options)
    try:
        refuse_old(Jobs(cluster), node_count(distribution))
    finally:
        cluster.close()


def refuse_old(jobs: Jobs, nodes: int) -> None:
    """Raise for a cluster that cannot run a step on several nodes.

    :raises InvalidInput: says what can be done.
    """
    release = jobs.release()
    if release < OLDEST:
        raise InvalidInput(
            f"The step has {nodes} nodes, and its cluster's Kubernetes {release[0]}.{release[1]} has no Jobs for that",
            expected=f"Kubernetes {OLDEST[0]}.{OLDEST[1]} or newer, where each node is a pod of an indexed Job",
            mend="set the compute target's option nodes=one_pod: all processes run in one pod, which has to be as "
            "large as all nodes; or give the step one node",
        )


def _names(distribution: Mapping[str, Any]) -> dict[int, list[str]]:
    """What the lines of each node's processes begin with."""
    found: dict[int, list[str]] = {}
    for item in _ranks(distribution):
        found.setdefault(item.node, []).append(f"[{item.name}] ")
    return found


def _servers(distribution: Mapping[str, Any]) -> set[int]:
    """Nodes that serve, and never end by themselves."""
    found = _ranks(distribution)
    return {item.node for item in found} - {item.node for item in found if not item.serves}


def _ranks(distribution: Mapping[str, Any]) -> list[Any]:
    count = node_count(distribution)
    return ranks(distribution, [""] * count, [0] * count)
