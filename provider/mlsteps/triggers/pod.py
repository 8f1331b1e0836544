"""``PodTrigger``: waits in the triggerer for the end of a step's pod, while no worker is held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from mlsteps.compute.kubernetes_pod import CONTAINER
from mlsteps.compute.kubernetes_said import Said, new_lines

if TYPE_CHECKING:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook
    from kubernetes_asyncio.client import CoreV1Api

    from mlsteps.operators.deferred import Watched

#: Seconds between two looks at the workspace: whether the run was cancelled, and that the step's lease is held.
_WATCH = 10.0
#: Seconds in which a cluster that does not answer has to come back; then the task goes on, and says what is wrong.
_OUTAGE = 300.0
#: Seconds that a script is watched which somebody has stopped: Airflow gives a trigger 30 for all of it.
_ENDING = 20.0
#: The last thing that a pod says is looked for in so many lines: a process that its script left may add some.
_LINES = 20
#: The most of a pod's output that is asked for at once; what is more comes when the task goes on.
_EXCERPT = 4 << 20

#: Why a task goes on.
ENDED, STOP, TIMEOUT, UNREACHABLE = "ended", "stop", "timeout", "unreachable"


class PodTrigger(BaseTrigger):  # type: ignore[misc]
    """Sends one event, when the task of a step has something to do: ``{"state":, "reason":?, "said":?}``.

    It is the only one who looks after the step meanwhile: keeps its lease, sees that its run was cancelled, that its
    time is over. It keeps nothing, so another triggerer may go on at any moment. Two at once do no harm. It hands on
    the step's output as it comes, as Airflow's own trigger of pods with a ``logging_interval``; ``said`` is how far.

    :param begun: what the compute target says of the pod; :param watched: of :class:`.deferred.Watched`, as JSON data.
    :param deadline: when the task's ``execution_timeout`` is over, in seconds since the epoch.
    """

    def __init__(self, begun: Mapping[str, Any], watched: Mapping[str, Any], deadline: float | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.begun = dict(begun)
        self.watched = dict(watched)
        self.deadline = deadline
        self._said = Said()
        self._seconds = float(begun.get("output_seconds") or 0)
        #: When output was asked for, and when all that there was had been handed on, by this machine's clock.
        self._asked = 0.0
        self._complete: float | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        arguments = {"begun": self.begun, "watched": self.watched, "deadline": self.deadline}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to say."""
        self.log.info("Waiting for the pod %s in %s.", self.begun["pod"], self.begun["namespace"])
        event = {**await self._event(), "said": list(self._said)}
        self.log.info("The task goes on: %s.", event.get("reason") or event["state"])
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Somebody has ended or cleared the task: the script gets its time to end, then the pod is gone."""
        from mlsteps.compute.kubernetes_pod import GRACE

        try:
            await self._delete(GRACE)
            await asyncio.to_thread(lambda: self._workspace.say_stopped())
            end = time.monotonic() + _ENDING
            while not await self._has_ended() and time.monotonic() < end:
                await asyncio.sleep(1.0)
            await self._delete(0 if time.monotonic() < end else GRACE)  # its answer is for nobody
        except Exception as error:  # what is left of it goes with its own time
            self.log.warning("The pod %s may still be there: %s", self.begun["pod"], error)

    async def _delete(self, seconds: int) -> None:
        hook = await self._hook()
        await hook.delete_pod(self.begun["pod"], self.begun["namespace"], grace_period_seconds=seconds)

    async def _event(self) -> dict[str, Any]:
        answered, watched = time.monotonic(), 0.0
        while True:
            if self.deadline is not None and time.time() > self.deadline:
                return {"state": TIMEOUT}
            if time.monotonic() - watched > _WATCH or not watched:
                reason, watched = await asyncio.to_thread(self._watch), time.monotonic()
                if reason is not None:
                    return {"state": STOP, "reason": reason}
            try:
                if await self._has_ended():
                    return {"state": ENDED}
                answered = time.monotonic()
            except Exception as error:  # of the client: whatever it is, the next look may be answered
                self.log.warning("The cluster does not say how the pod is: %s", error)
                if time.monotonic() - answered > _OUTAGE:
                    return {"state": UNREACHABLE}
            await asyncio.sleep(float(self.begun["poll_seconds"]))

    async def _has_ended(self) -> bool:
        """Whether the pod runs no more, or has said that its step has ended and waits to be collected."""
        from kubernetes_asyncio.client import ApiException, CoreV1Api

        from mlsteps.compute import kubernetes_status
        from mlsteps.compute.keeper import MARK

        where = {"name": self.begun["pod"], "namespace": self.begun["namespace"]}
        hook = await self._hook()
        async with hook.get_conn() as connection:
            api = CoreV1Api(connection)
            try:
                pod = connection.sanitize_for_serialization(await api.read_namespaced_pod(**where))
                await self._hand_on(api, where)
                if kubernetes_status.is_over(pod):
                    return True
                answer: Any = await api.read_namespaced_pod_log(
                    **where, container=CONTAINER, tail_lines=_LINES, _preload_content=False
                )
                return MARK in await answer.read()
            except ApiException as error:
                if error.status == 404:
                    return True
                raise

    async def _hand_on(self, api: CoreV1Api, where: Mapping[str, Any]) -> None:
        """Output that has come since the last time; whatever goes wrong with it is left to the task."""
        now = time.monotonic()
        if not self._seconds or now - self._asked < self._seconds:
            return
        try:
            if not self._asked:
                await asyncio.to_thread(lambda: self._workspace.mask())  # as the task's own process does
            self._asked = now
            more: dict[str, Any] = {} if self._complete is None else {"since_seconds": int(now - self._complete) + 10}
            answer: Any = await api.read_namespaced_pod_log(
                **where, container=CONTAINER, timestamps=True, limit_bytes=_EXCERPT, _preload_content=False, **more
            )
            data = await answer.read()
        except Exception as error:  # of a store, of the client
            self.log.debug("The output cannot be handed on: %s", error)
            return
        lines, self._said = new_lines(data, self._said)
        for line in lines:
            self.log.info("%s", line)
        if len(data) < _EXCERPT:
            self._complete = now
        elif not lines:
            self._seconds = 0.0  # it says more than can be asked for at once

    async def _hook(self) -> AsyncKubernetesHook:
        """Airflow's hook; a file that says where the cluster is has to be here as it is on the workers."""
        from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook

        if "_made" not in self.__dict__:
            path = self.begun["config_file"]
            self._made = AsyncKubernetesHook(
                conn_id=self.begun["conn_id"],
                in_cluster=self.begun["in_cluster"],
                cluster_context=self.begun["cluster_context"],
                config_dict=None if path is None else await asyncio.to_thread(_read, path),
            )
        return self._made

    @cached_property
    def _workspace(self) -> Watched:
        from mlsteps.operators.deferred import Watched

        return Watched.from_json(self.watched)

    def _watch(self) -> str | None:
        """Why the step has to stop, if it has to; its lease is kept."""
        try:
            return self._workspace.look()
        except Exception as error:  # a store that does not answer for a moment must not end the step
            self.log.warning("The workspace's store does not answer: %s", error)
            return None


def _read(path: str) -> dict[str, Any]:
    import yaml

    with open(path, encoding="utf-8") as file:
        return dict(yaml.safe_load(file))
