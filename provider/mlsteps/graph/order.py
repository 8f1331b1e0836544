"""Which steps belong to a pipeline, and in which order they stand in its graph."""

from __future__ import annotations

import heapq
from typing import Any, Iterator

from mlsteps.errors import Fault
from mlsteps.graph.ports import Ports
from mlsteps.sdk.binding import OutputKey
from mlsteps.sdk.steps.base import PipelineStep


def reachable(given: list[PipelineStep], resolve_closure: bool) -> list[Ports]:
    """The given steps and, when ``resolve_closure``, all upstream of them by data or ``run_after``; each once.

    A step found on the way stands before the first that needs it; the given ones keep their order.
    """
    known = {id(step): Ports(step) for step in given}
    if not resolve_closure:
        return list(known.values())
    owned: dict[OutputKey, PipelineStep] = {}
    for ports in known.values():
        owned.update((request.key, ports.step) for _, request in ports.outputs)
    ordered: list[Ports] = []
    for start in list(known.values()):
        _place(start, known, owned, ordered)
    return ordered


def _place(start: Ports, known: dict[int, Ports], owned: dict[OutputKey, PipelineStep], ordered: list[Ports]) -> None:
    """Append ``start`` after everything new upstream of it; without recursion, for chains may be long."""
    waiting: list[tuple[Ports, Iterator[PipelineStep]]] = [(start, _upstream(start, owned))]
    while waiting:
        ports, upstream = waiting[-1]
        step = next((step for step in upstream if id(step) not in known), None)
        if step is None:
            waiting.pop()
            ordered.append(ports)
            continue
        new = known[id(step)] = Ports(step)
        for _, request in new.outputs:
            owned.setdefault(request.key, step)
        waiting.append((new, _upstream(new, owned)))


def _upstream(ports: Ports, owned: dict[OutputKey, PipelineStep]) -> Iterator[PipelineStep]:
    """Steps that ``ports`` waits for. An output declared by several steps belongs to one of this pipeline, else to the
    newest: in a notebook, a cell that makes steps may have run before with the same data objects."""
    for key in ports.keys_read():
        if key in owned:
            yield owned[key]
        elif key.producers:
            yield key.producers[-1]
    yield from ports.step.run_after_steps


def sorted_steps(found: list[Ports], faults: list[Fault]) -> list[Ports]:
    """``found`` with every step after those it waits for, otherwise in the order given; a cycle is a fault."""
    place = {id(ports.step): index for index, ports in enumerate(found)}
    owners = {request.key: index for index, ports in enumerate(found) for _, request in ports.outputs}
    before: list[set[int]] = []
    for ports in found:
        waits = {owners[key] for key in ports.keys_read() if key in owners}
        waits.update(place[id(step)] for step in ports.step.run_after_steps if id(step) in place)
        before.append(waits)
    order = _topological(before)
    if len(order) < len(found):
        left = sorted(set(range(len(found))) - set(order))
        faults.append(_cycle_fault(found, before, left))
        order += left
    return [found[index] for index in order]


def _topological(before: list[set[int]]) -> list[int]:
    """Kahn's algorithm; among those that are ready, the first given comes first."""
    after: list[list[int]] = [[] for _ in before]
    for index, waits in enumerate(before):
        for other in waits:
            after[other].append(index)
    missing = [len(waits) for waits in before]
    ready = [index for index, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for other in after[index]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, other)
    return order


def _cycle_fault(found: list[Ports], before: list[set[int]], left: list[int]) -> Fault:
    """Name the steps of one cycle, in the order they wait for each other."""
    among = set(left)
    path: list[int] = []
    index = left[0]
    while index not in path:
        path.append(index)
        index = min(before[index] & among)
    cycle = [*path[path.index(index) :], index][::-1]
    names: list[Any] = [repr(str(found[number].step.name)) for number in cycle]
    what = f"the steps wait for each other in a circle: {' -> '.join(names)}."
    return Fault("$.steps", what, "take away one of these inputs or one run_after")
