"""The Airflow pools that steps of compute targets wait in: a task whose pool is not there would wait for ever."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from mlsteps.compute.choose import scheduled
from mlsteps.compute.placement import scheduling_of
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import UserErrorException
from mlsteps.registry.documents import get_compute
from mlsteps.registry.placements import list_placements
from mlsteps.storage.workspace_store import WorkspaceStore


def have(ws: WorkspaceStore, graph: PipelineGraph, has_pool: Callable[[str, int | None], bool]) -> None:
    """See that the pools of a pipeline's compute targets are there; one is made as large as its target's ``max_nodes``.

    :param has_pool: whether Airflow has a pool of this name; one with so many slots may be made.
    :raises UserErrorException: naming the target, for a pool that is not there and cannot be made.
    """
    known = {name: scheduling_of(item) for name, item in list_placements(ws).items()}
    if not any("pool" in item for item in known.values()):
        return
    placed = scheduled(known, {node.compute.get("name") for node in graph.steps})
    pools = {item["pool"]: name for name, item in placed.items() if "pool" in item}
    for pool, name in sorted(pools.items()):
        if not has_pool(pool, max_nodes(get_compute(ws, name) or {}) if name else None):
            target = name or "*"
            raise UserErrorException(
                f"Steps on {target!r} wait in the Airflow pool {pool!r}, which is not there: they would wait for ever. "
                f"Make it: airflow mlsteps compute set {target} --pool {pool} --slots 4, or airflow pools set {pool} 4 "
                "'...'; or take it back: airflow mlsteps compute set ... --pool ''."
            )


def max_nodes(compute: Mapping[str, Any]) -> int | None:
    """What a compute target's document says of the nodes that it may have."""
    found = ((compute.get("settings") or {}).get("scale_settings") or {}).get("maximum_node_count")
    return int(found) if found else None
