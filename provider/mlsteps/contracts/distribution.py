"""Into how many processes a step is started, and what each is told: from the SDK's run settings. Pure.

A distribution is JSON data in ``StepSpec.distribution``, empty for one plain process:

* ``{"kind": "mpi", "nodes":, "per_node":}``: the environment's own ``mpiexec`` starts and connects the processes;
* ``{"kind": "pytorch", "nodes":, "per_node":, "backend":}``: each process is told its rank and the master's address;
* ``{"kind": "tensorflow", "workers":, "servers":}``: each process is told the cluster, as ``TF_CONFIG``;
* ``{"kind": "tasks", "nodes":, "per_node":}``: independent workers (``ParallelTaskConfiguration``).
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

from mlsteps.errors import InvalidInput

_MPI = ("OpenMpi", "IntelMpi")
_TORCH = ("Nccl", "Gloo")


class Rank(NamedTuple):
    """One process: its ``name`` in the log, its ``node``, and the ``variables`` that it alone gets.

    ``serves`` is True for one that never ends by itself (a parameter server).
    """

    name: str
    node: int
    variables: Mapping[str, str]
    serves: bool = False


def distribution_of(settings: Mapping[str, Any], parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """The distribution that run settings ask for.

    :param settings: ``StepNode.settings``; counts may refer to pipeline parameters.
    :raises InvalidInput: for a count that is no whole number above 0, or processes that nodes cannot share evenly.
    """
    communicator = settings.get("communicator")

    def count(name: str, value: Any, least: int = 1) -> int:
        return _count(name, _filled(value, parameters), least)

    nodes = count("node_count", settings.get("node_count", 1))
    if communicator in _MPI:
        per_node = count("process_count_per_node", settings.get("process_count_per_node", 1))
        return {"kind": "mpi", "nodes": nodes, "per_node": per_node} if nodes * per_node > 1 else {}
    if communicator in _TORCH:
        processes = (settings.get("pytorch") or {}).get("process_count") or nodes
        return _torch(nodes, count("process_count", processes), str(communicator))
    if communicator == "ParameterServer":
        said = settings.get("tensorflow") or {}
        workers = count("worker_count", said.get("worker_count", 1))
        return {
            "kind": "tensorflow",
            "workers": workers,
            "servers": count("", said.get("parameter_server_count", 1), 0),
        }
    if communicator == "ParallelTask":
        per_node = count("worker_count", (settings.get("paralleltask") or {}).get("worker_count_per_node", 1))
        return {"kind": "tasks", "nodes": nodes, "per_node": per_node}
    return {}


def _torch(nodes: int, processes: int, backend: str) -> Dict[str, Any]:
    if processes % nodes:
        raise InvalidInput(
            f"PyTorchConfiguration has process_count {processes} and node_count {nodes}",
            expected="a process_count that is a multiple of node_count",
        )
    return {"kind": "pytorch", "nodes": nodes, "per_node": processes // nodes, "backend": backend}


def node_count(distribution: Mapping[str, Any]) -> int:
    """Machines that a distribution is for; a TensorFlow process has one of its own."""
    if distribution.get("kind") == "tensorflow":
        return int(distribution["workers"]) + int(distribution["servers"])
    return int(distribution.get("nodes", 1))


def ranks(distribution: Mapping[str, Any], addresses: Sequence[str], ports: Sequence[int]) -> List[Rank]:
    """The processes of a distribution other than ``mpi``, whose launcher makes its own.

    :param addresses: of the nodes, by number; all the same on one machine.
    :param ports: free ports, one a process of ``tensorflow``; otherwise the first is the master's.
    """
    if distribution["kind"] == "tensorflow":
        return _tensorflow(distribution, addresses, ports)
    per_node = int(distribution["per_node"])
    size = int(distribution["nodes"]) * per_node
    make = _torch_rank if distribution["kind"] == "pytorch" else _task_rank
    return [
        make(rank, rank // per_node, rank % per_node, size, per_node, addresses[0], ports[0]) for rank in range(size)
    ]


def _torch_rank(rank: int, node: int, local: int, size: int, per_node: int, address: str, port: int) -> Rank:
    variables = {
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(per_node),
        "NODE_RANK": str(node),
        "RANK": str(rank),
        "LOCAL_RANK": str(local),
        "AZUREML_PROCESS_NAME": f"rank_{rank}",
    }
    return Rank(f"rank {rank}", node, variables)


def _task_rank(rank: int, node: int, local: int, size: int, per_node: int, address: str, port: int) -> Rank:
    variables = {"AZ_BATCHAI_TASK_INDEX": str(rank), "AZUREML_PROCESS_NAME": f"worker_{rank}"}
    return Rank(f"worker {rank}", node, variables)


def _tensorflow(distribution: Mapping[str, Any], addresses: Sequence[str], ports: Sequence[int]) -> List[Rank]:
    """Workers first; the first of them is the chief by TensorFlow's own rule."""
    workers, servers = int(distribution["workers"]), int(distribution["servers"])
    places = [f"{addresses[number % len(addresses)]}:{ports[number]}" for number in range(workers + servers)]
    cluster = {"worker": places[:workers], **({"ps": places[workers:]} if servers else {})}
    found = []
    for number in range(workers + servers):
        role, index = ("worker", number) if number < workers else ("ps", number - workers)
        task = {"cluster": cluster, "task": {"type": role, "index": index}, "environment": "cloud"}
        variables = {"TF_CONFIG": json.dumps(task), "AZUREML_PROCESS_NAME": f"{role}_{index}"}
        found.append(Rank(f"{role} {index}", number, variables, serves=role == "ps"))
    return found


def _filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping) and "parameter" in value:
        return parameters.get(value["parameter"])
    return value


def _count(name: str, value: Any, least: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = least - 1
    if number < least:
        raise InvalidInput(
            f"{name or 'parameter_server_count'} is {value!r}", expected=f"a whole number from {least} on"
        )
    return number
