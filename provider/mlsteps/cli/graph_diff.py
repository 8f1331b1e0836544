"""What differs between two graphs, by step and field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlsteps.contracts.graph import PipelineGraph, StepNode

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore

_ABSENT = object()


class Difference(NamedTuple):
    """One field. ``step`` is empty for what belongs to the whole pipeline; ``before`` or ``after`` is None for what is
    not there."""

    step: str
    field: str
    before: Any
    after: Any


def differences(before: PipelineGraph, after: PipelineGraph, ws: WorkspaceStore) -> list[Difference]:
    """What differs, the whole pipeline first, then step by step.

    A step is the same step when its id is the same. Where its source lies does not count, only what is in it; so, too,
    an environment's content and not what it is called in the graph.

    :param ws: has the snapshots of stored graphs.
    """
    found = list(_of_values("", _whole(before), _whole(after)))
    steps = {node.id: node for node in before.steps}, {node.id: node for node in after.steps}
    for id in dict.fromkeys([*steps[0], *steps[1]]):
        old, new = steps[0].get(id), steps[1].get(id)
        if old is None or new is None:
            found.append(Difference(id, "step", None if old is None else old.name, None if new is None else new.name))
            continue
        found += _of_values(id, _step(old, before), _step(new, after))
        found += _of_sources(id, old, new, ws)
    return found


def _whole(graph: PipelineGraph) -> dict[str, Any]:
    return {
        "description": graph.description,
        "default_datastore": graph.default_datastore,
        "parameters": {item.name: item.to_json() for item in graph.parameters},
    }


def _step(node: StepNode, graph: PipelineGraph) -> dict[str, Any]:
    facts = node.to_json()
    for name in ("id", "source_directory", "snapshot", "environment"):
        facts.pop(name, None)
    for name in ("inputs", "outputs"):
        facts[name] = {port["name"]: port for port in facts.get(name, ())}
    document = dict(graph.environments.get(node.environment or "") or {})
    return {**facts, "environment": document}


def _of_values(step: str, old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Every leaf that differs; a mapping or list that is on one side only is one difference."""
    if old == new:
        return
    keys: list[Any] = []
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new})
        left, right = dict(old), dict(new)
    elif isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        keys = list(range(max(len(old), len(new))))
        left, right = dict(enumerate(old)), dict(enumerate(new))
    if not keys:
        yield Difference(step, path, _shown(old), _shown(new))
        return
    for key in keys:
        name = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}".lstrip(".")
        yield from _of_values(step, left.get(key, _ABSENT), right.get(key, _ABSENT), name)


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else value


def _of_sources(step: str, old: StepNode, new: StepNode, ws: WorkspaceStore) -> Iterator[Difference]:
    """The files of two sources that differ, each by its digest."""
    digests = [_digest(node) for node in (old, new)]
    if digests[0] == digests[1]:
        return
    files = [_files(node, ws) for node in (old, new)]
    if files[0] is None or files[1] is None:
        yield Difference(step, "source", digests[0], digests[1])
        return
    for name in sorted({*files[0], *files[1]}):
        pair = files[0].get(name), files[1].get(name)
        if pair[0] != pair[1]:
            yield Difference(step, f"source/{name}", *(None if digest is None else digest[:12] for digest in pair))


def _digest(node: StepNode) -> str | None:
    from mlsteps.storage.snapshots import digest

    return digest(node.source_directory) if node.source_directory and node.snapshot is None else node.snapshot


def _files(node: StepNode, ws: WorkspaceStore) -> Mapping[str, str] | None:
    from mlsteps.errors import AzureMLException
    from mlsteps.storage import snapshots

    try:
        if node.snapshot is None:
            return snapshots.files(node.source_directory) if node.source_directory else {}
        return snapshots.files_of(node.snapshot, ws)
    except AzureMLException:
        return None  # a snapshot that is gone: its digest is all that is known
