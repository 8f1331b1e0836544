"""From what a workspace says of a compute target to the place where its steps run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from mlsteps.compute.base import Target
from mlsteps.compute.placement import DockerOptions, KubernetesOptions, SshOptions, options_of, scheduling_of
from mlsteps.compute.vm_sizes import Resources, resources
from mlsteps.contracts.distribution import distribution_of, node_count
from mlsteps.errors import InvalidInput
from mlsteps.registry.documents import get_compute
from mlsteps.registry.placements import EVERY, get_placement
from mlsteps.registry.workspaces import workspace_root
from mlsteps.sdk.workspace_reference import LOCAL_NAME
from mlsteps.storage.workspace_store import WorkspaceStore


def placement_of(ws: WorkspaceStore, name: str | None, default: str = "local") -> dict[str, Any]:
    """Where the steps of a compute target run.

    :param name: None for a step that names no target.
    :param default: the kind where the workspace says nothing.
    """
    found = get_placement(ws, name)
    if name and (found is None or found["name"] == EVERY):
        found = _machine(ws, name) or found
    return found or {"name": EVERY, "kind": default}


def _machine(ws: WorkspaceStore, name: str) -> dict[str, Any] | None:
    """An attached machine with an address is where its steps run, when nothing else is said of it by name."""
    document = get_compute(ws, name) or {}
    settings = document.get("settings", {})
    if document.get("type") != "VirtualMachine" or not settings.get("address"):
        return None
    given = {
        "address": settings["address"],
        "port": int(settings.get("ssh_port") or 22),
        "username": settings.get("username"),
        "ssh_conn_id": settings.get("connection"),
    }
    return {"name": name, "kind": "ssh", "options": {key: value for key, value in given.items() if value is not None}}


def scheduling(reference: Mapping[str, Any], names: Iterable[str | None]) -> dict[str | None, dict[str, str]]:
    """``pool``, ``queue`` and ``executor`` of compute targets, by name, as a workspace on this machine gives them.

    For a DAG file that is being parsed: nothing is made, no connection is looked up and no other machine is asked, so a
    workspace that lies elsewhere says nothing here.

    :param reference: the workspace, as a graph names it.
    """
    root = workspace_root({"name": LOCAL_NAME, **reference})
    if "://" in root or not os.path.isdir(os.path.join(root, "placements")):
        return {}
    ws = WorkspaceStore(root)
    return {name: scheduling_of(get_placement(ws, name) or {}) for name in set(names)}


def scheduled(known: Mapping[str, Mapping[str, str]], names: Iterable[str | None]) -> dict[str | None, dict[str, str]]:
    """The same from what is known of the workspace's placements already.

    :param known: ``pool``, ``queue`` and ``executor`` by the name of a placement.
    """
    lower = {name.lower(): said for name, said in known.items()}
    return {name: dict(lower.get(name.lower() if name else EVERY, lower.get(EVERY, {}))) for name in set(names)}


def choose(
    ws: WorkspaceStore,
    name: str | None,
    settings: Mapping[str, Any],
    default: str = "local",
    *,
    parameters: Mapping[str, Any] | None = None,
) -> Target:
    """The target for one attempt at a step.

    :param settings: the step's run settings, such as ``{"docker": {"shm_size": "2g"}}``.
    :param parameters: values of the pipeline parameters that its numbers of nodes and processes may refer to.
    :raises InvalidInput: when the workspace's placement says something that cannot be, or the step cannot run there.
    """
    options = options_of(placement_of(ws, name, default))
    if isinstance(options, DockerOptions):
        from mlsteps.compute.docker import DockerTarget

        return DockerTarget(options, size=size_of_target(ws, name), docker=settings.get("docker") or {})
    if isinstance(options, KubernetesOptions):
        distribution = of_several_nodes(options, settings, parameters or {})
        if distribution:
            from mlsteps.compute.kubernetes_nodes import NodesTarget

            docker = settings.get("docker") or {}
            return NodesTarget(options, distribution, size=size_of_target(ws, name), docker=docker)
        from mlsteps.compute.kubernetes import KubernetesTarget

        return KubernetesTarget(options, size=size_of_target(ws, name), docker=settings.get("docker") or {})
    if isinstance(options, SshOptions):
        from mlsteps.compute.ssh import SshTarget

        return SshTarget(options)
    from mlsteps.compute.local import LocalTarget

    return LocalTarget()


def check_nodes(
    ws: WorkspaceStore, name: str | None, settings: Mapping[str, Any], parameters: Mapping[str, Any]
) -> None:
    """Whether the cluster of a compute target runs steps on several nodes, for a step that has them.

    :raises InvalidInput: when it does not; says what can be done.
    :raises AzureMLException: when the cluster cannot be asked from here.
    """
    options = options_of(placement_of(ws, name))
    if isinstance(options, KubernetesOptions):
        distribution = of_several_nodes(options, settings, parameters)
        if distribution:
            from mlsteps.compute.kubernetes_nodes import check_cluster

            check_cluster(options, distribution)


def of_several_nodes(
    options: KubernetesOptions, settings: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The distribution of a step whose nodes are pods of their own; ``{}`` for one that is one pod.

    :raises InvalidInput: for one whose processes cannot be started that way.
    """
    distribution = distribution_of(settings, parameters)
    nodes = node_count(distribution)
    if nodes < 2 or options.nodes == "one_pod":
        return {}
    if distribution["kind"] == "mpi":
        raise InvalidInput(
            f"MpiConfiguration with node_count {nodes}, where each node is a pod: mpiexec starts processes only on the "
            "machine that it runs on",
            expected="node_count 1 with a larger process_count_per_node; or PyTorchConfiguration, whose processes find "
            "each other by their addresses",
            mend="set the compute target's option nodes=one_pod, and all processes run in one pod, which has to be as "
            "large as all nodes",
        )
    return distribution


def size_of_target(ws: WorkspaceStore, name: str | None) -> Resources | None:
    """What the VM size of a compute target has; None where the workspace knows none."""
    document = get_compute(ws, name) if name else None
    return resources((document or {}).get("settings", {}).get("vm_size"))
