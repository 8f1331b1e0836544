"""What a pod's status means for its step: pure, on the documents that the API gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from mlsteps.compute.kubernetes_pod import CONTAINER, GRACE, TOO_OLD

#: Reasons of a pod that the cluster took away, and not what ran in it.
_TAKEN = (
    "Evicted",
    "Preempting",
    "Preempted",
    "NodeLost",
    "NodeShutdown",
    "Shutdown",
    "Terminated",
    "NodeAffinity",
    "UnexpectedAdmissionError",
)
#: A container whose node could not say what became of it.
_UNKNOWN = "ContainerStatusUnknown"
_NO_PROGRAM = ("executable file not found", "no such file or directory", "not found in $path", "permission denied")
#: Reasons of a container that waits and will not start by waiting.
_BROKEN = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError", "InvalidImageName")


class Trouble(NamedTuple):
    """Why a pod does not run its step, or no longer does.

    :param lost: the cluster took it away: the step may run again as if it never had.
    :param no_program: its image has no such Python.
    """

    category: str
    message: str
    lost: bool = False
    no_program: bool = False


def container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of the step's container: one of ``waiting``, ``running``, ``terminated``; or nothing."""
    for item in (pod.get("status") or {}).get("containerStatuses") or ():
        if item["name"] == CONTAINER:
            return item.get("state") or {}
    return {}


def is_running(pod: Mapping[str, Any]) -> bool:
    """Whether its first process runs."""
    return "running" in container(pod)


def is_over(pod: Mapping[str, Any]) -> bool:
    """Whether nothing of it runs any more, or it will never be heard of."""
    status = pod.get("status") or {}
    return status.get("phase") in ("Succeeded", "Failed") or "terminated" in container(pod) or is_lost_sight_of(pod)


def is_lost_sight_of(pod: Mapping[str, Any]) -> bool:
    """Whether it should be gone for long: its node does not answer."""
    text = pod["metadata"].get("deletionTimestamp")  # when its time to end is over
    if not text:
        return False
    late = datetime.now(UTC) - datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return late.total_seconds() > GRACE


def is_scheduled(pod: Mapping[str, Any]) -> bool:
    """Whether it has a node."""
    return bool((pod.get("spec") or {}).get("nodeName"))


def unschedulable(pod: Mapping[str, Any]) -> str:
    """What the scheduler says of a pod that it finds no node for."""
    for item in (pod.get("status") or {}).get("conditions") or ():
        if item["type"] == "PodScheduled" and item.get("status") == "False":
            return str(item.get("message") or item.get("reason") or "")
    return ""


def broken(pod: Mapping[str, Any], pull: str | None) -> Trouble | None:
    """Why a pod that has not started never will; None while it may.

    :param pull: what Airflow's provider finds of its image: it knows what goes away by itself.
    """
    taken = taken_away(pod)
    if taken is not None:
        return taken
    if pull:
        return Trouble("environment", pull.replace("\n", " ").strip())
    state = container(pod)
    waiting = state.get("waiting") or {}
    if waiting.get("reason") in _BROKEN:
        return _unstarted(waiting)
    if (state.get("terminated") or {}).get("reason") in _BROKEN:
        return _unstarted(state["terminated"])
    return None


def _unstarted(said: Mapping[str, Any]) -> Trouble:
    message = str(said.get("message") or "")
    absent = any(text in message.lower() for text in _NO_PROGRAM)
    return Trouble("environment", f"The step's container cannot start ({said.get('reason')}): {message}", False, absent)


def taken_away(pod: Mapping[str, Any]) -> Trouble | None:
    """Whether the cluster has taken the pod away, by what it says of that."""
    status = pod.get("status") or {}
    told = [
        (str(item.get("reason")), str(item.get("message") or ""))
        for item in status.get("conditions") or ()
        if item["type"] == "DisruptionTarget" and item.get("status") == "True"
    ]
    reason = str(status.get("reason") or "")
    if reason in _TAKEN or reason.startswith("OutOf"):
        told.append((reason, str(status.get("message") or "")))
    ended = container(pod).get("terminated") or {}
    if ended.get("reason") == _UNKNOWN:
        told.append((_UNKNOWN, str(ended.get("message") or "")))
    if told:
        why, message = told[-1]
        how = f"The step's pod was taken away by the cluster: {why}. {message}"
        return Trouble("infrastructure", how.strip(), lost=True)
    if pod["metadata"].get("deletionTimestamp"):
        return Trouble("infrastructure", "The step's pod was deleted by somebody: drained, preempted or by hand.", True)
    return None


def ended(pod: Mapping[str, Any]) -> Trouble:
    """What became of a pod that left no result."""
    taken = taken_away(pod)
    if taken is not None:
        return taken
    state = container(pod).get("terminated")
    if state is None:
        phase = (pod.get("status") or {}).get("phase")
        return Trouble("infrastructure", f"The step's pod is {phase} and its container left no result.")
    if state.get("reason") == "OOMKilled":
        how = "was killed because it wanted more memory than it may have"
        return Trouble("infrastructure", f"The step's container {how}, and left no result.")
    how = f"ended with exit code {state.get('exitCode')}"
    said = str(state.get("message") or "").strip()[-500:]
    if TOO_OLD in said:
        return Trouble("environment", f"The step's image does not do: {said}.")
    return Trouble("infrastructure", f"The step's container {how}, and left no result. {said}".strip())


def no_result(state: Mapping[str, Any]) -> str:
    """Why a runner has left none, by what the pod's keeper says of it."""
    if state.get("out_of_memory"):
        return "The step's runner was killed because the pod wanted more memory than it may have, and left no result."
    return f"The step's runner ended with exit code {state.get('code')}, and left no result."


#: Of a pod that is not there any more.
GONE = Trouble("infrastructure", "The step's pod was removed by somebody: preempted, evicted or by hand.", True)
