"""Snapshots of the source directories that a run works with: taken once, by ``plan`` where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import PipelineGraph, StepNode

if TYPE_CHECKING:
    from mlsteps.storage.workspace_store import WorkspaceStore


def take_all(graph: PipelineGraph, ws: WorkspaceStore) -> dict[str, Any]:
    """The snapshot of each step's source, by step id; steps that share a directory share its snapshot.

    A node that carries a snapshot already (a published pipeline) keeps it.

    :raises SnapshotException: when a directory is missing or too large.
    """
    from mlsteps.storage.snapshots import take

    taken: dict[str, Any] = {}
    for node in graph.steps:
        if node.snapshot is None and node.source_directory and node.source_directory not in taken:
            taken[node.source_directory] = take(node.source_directory, ws)
    return {node.id: node.snapshot or taken.get(node.source_directory or "") for node in graph.steps}


class Source:
    """A source directory that is looked at and not stored."""

    def __init__(self, directory: str) -> None:
        from mlsteps.storage.snapshots import digest

        self._directory = directory
        self.digest = digest(directory)

    @cached_property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of each file by path: no stored snapshot could tell what has changed."""
        from mlsteps.storage.snapshots import files

        return files(self._directory)


def sources_of(graph: PipelineGraph) -> dict[str, Any]:
    """As :func:`take_all`, but nothing is stored: to see what a run would do."""
    known: dict[str, Source] = {}
    for node in graph.steps:
        if node.snapshot is None and node.source_directory and node.source_directory not in known:
            known[node.source_directory] = Source(node.source_directory)
    return {node.id: node.snapshot or known.get(node.source_directory or "") for node in graph.steps}


def take_one(node: StepNode, ws: WorkspaceStore) -> str | None:
    """The snapshot of one step's source; for operators without a plan."""
    from mlsteps.storage.snapshots import take

    if node.snapshot is not None or not node.source_directory:
        return node.snapshot
    return str(take(node.source_directory, ws).digest)


def digest_of(snapshot: Any) -> str | None:
    """The digest of what :func:`take_all` gives: a digest, or an object that has one."""
    return snapshot if snapshot is None or isinstance(snapshot, str) else str(snapshot.digest)


def git_properties(graph: PipelineGraph) -> dict[str, str]:
    """What git says of the first source directory, as the SDK notes it on a run (``azureml.git.*``)."""
    from mlsteps.storage.snapshots import git_properties as read

    folder = next((node.source_directory for node in graph.steps if node.source_directory), None)
    return read(folder) if folder else {}


def bundle_properties(ti: Any) -> dict[str, str]:
    """What a run's DAG bundle says of the sources: its version, and as the SDK notes it when that is a Git commit.

    Airflow checks a commit out without its ``.git``, so that :func:`git_properties` finds nothing there.

    :param ti: the task instance.
    """
    bundle: Any = getattr(ti, "bundle_instance", None)
    version = getattr(bundle, "version", None)
    if not version:
        return {}
    found = {"mlsteps.bundle": str(bundle.name), "mlsteps.bundle_version": str(version)}
    if type(bundle).__name__ == "GitDagBundle":
        from mlsteps.storage.git import without_credentials

        place = without_credentials(str(getattr(bundle, "repo_url", None) or ""))
        for prefix, key in (("azureml.git", "repository_uri"), ("mlflow.source.git", "repoURL")):
            found[f"{prefix}.commit"] = str(version)
            found.update({f"{prefix}.{key}": place} if place else {})
    return found
