"""What a pod's status means: who took it away, what its container cannot do, what it ended with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlsteps.compute.kubernetes_status import broken, ended, is_lost_sight_of, is_over, is_running, unschedulable


def pod(state=None, *, phase="Running", deleted=None, **status):
    statuses = [] if state is None else [{"name": "base", "state": state}]
    metadata = {"name": "p"}
    if deleted is not None:
        metadata["deletionTimestamp"] = (datetime.now(UTC) + timedelta(seconds=deleted)).isoformat()
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase, "containerStatuses": statuses, **status}}


def failed(why="Error", code=1, **more):
    return pod({"terminated": {"reason": why, "exitCode": code}}, phase="Failed", **more)


@pytest.mark.parametrize(
    "taken",
    [
        pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
        pod(phase="Failed", reason="OutOfcpu"),
        pod(phase="Failed", reason="NodeShutdown"),
        failed("ContainerStatusUnknown", 137),
        failed("Error", 137, reason="Preempting"),
        failed(
            "Error",
            143,
            conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
        ),
        pod({"running": {}}, deleted=30),
    ],
)
def test_what_the_cluster_takes_away_is_lost(taken):
    found = ended(taken)
    assert (found.category, found.lost) == ("infrastructure", True)


def test_what_ends_by_itself_is_not_lost():
    memory = ended(failed("OOMKilled", 137))
    assert "more memory than it may have" in memory.message and not memory.lost
    other = ended(failed("Error", 7))
    assert "exit code 7" in other.message and not other.lost


def test_an_image_that_cannot_be_had_is_the_environments_fault():
    found = broken(pod({"waiting": {"reason": "ErrImagePull"}}, phase="Pending"), "Image cannot be pulled: no such")
    assert found is not None and found.category == "environment" and not found.no_program


def test_a_program_that_the_image_lacks_is_told_apart():
    said = 'exec: "python": executable file not found in $PATH: unknown'
    found = broken(pod({"terminated": {"reason": "StartError", "message": said, "exitCode": 128}}), None)
    assert found is not None and found.no_program
    found = broken(pod({"waiting": {"reason": "CreateContainerConfigError", "message": "secret not found"}}), None)
    assert found is not None and not found.no_program and "secret not found" in found.message


def test_what_only_takes_time_is_no_trouble():
    assert broken(pod({"waiting": {"reason": "ContainerCreating"}}, phase="Pending"), None) is None
    assert not is_over(pod({"waiting": {"reason": "ContainerCreating"}}, phase="Pending"))
    assert is_running(pod({"running": {}}))


def test_a_pod_whose_node_does_not_answer_is_given_up():
    assert not is_lost_sight_of(pod({"running": {}}, deleted=0))
    assert is_lost_sight_of(pod({"running": {}}, deleted=-300)) and is_over(pod({"running": {}}, deleted=-300))


def test_what_the_scheduler_says():
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: no GPU"}
    assert unschedulable(pod(phase="Pending", conditions=[said])) == "0/3 nodes: no GPU"
    assert unschedulable(pod(phase="Pending", conditions=[])) == ""
