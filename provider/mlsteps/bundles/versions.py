"""Versions of what a workspace serves, content-addressed in its store: ``bundles/<aa>/<digest>.json``.

A version is the digest of an index; the index names shards by digest, a shard holds the documents of its DAGs (see
:mod:`mlsteps.registry.dags`), and each of these names its graph by digest. So a new pipeline adds one index and one
shard whatever the number of pipelines, and whoever knows a version can find all that belongs to it. The index also says
which pool, queue and executor the tasks of each compute target get, if the workspace's placements name any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from mlsteps.compute.placement import scheduling_of
from mlsteps.contracts.codec import digest_of
from mlsteps.registry import dags, graphs, placements
from mlsteps.storage.base import Entry
from mlsteps.storage.workspace_store import WorkspaceStore

FOLDER = "bundles"
#: DAGs are spread over this many files, so that a thousand cost Airflow this many processes and not a thousand, and
#: none of them takes long.
SHARDS = 64

Shards = dict[str, dict[str, Any]]


def path_of(digest: str) -> str:
    """Where an index or a shard of a digest lies."""
    graphs.graph_path(digest)  # refuses what is no digest
    return f"{FOLDER}/{digest[:2]}/{digest}.json"


def shard_of(dag_id: str) -> str:
    """The shard of a DAG: it follows from its id, so that the DAG always stays in the same file."""
    return f"{int(hashlib.sha256(dag_id.encode()).hexdigest()[:8], 16) % SHARDS:02d}"


def put(ws: WorkspaceStore, document: Mapping[str, Any]) -> str:
    """Keep an index or a shard; answers its digest."""
    digest = digest_of(document)
    ws.create_json(path_of(digest), dict(document))
    return digest


class Served:
    """What a workspace serves now, read again only where a listing shows a change. Not safe for threads."""

    def __init__(self, ws: WorkspaceStore) -> None:
        self._ws = ws
        self._stamps: dict[str, str] | None = None
        self._documents: dict[str, dict[str, Any]] = {}
        self._until: float | None = None

    def look(self, now: float) -> bool:
        """List DAGs and placements; whether anything has changed since the last look, or this is the first. What is
        new is read.

        :param now: in seconds since the epoch; DAGs that have been retired for long are left out.
        """
        found = {entry.path: f"{entry.size}/{entry.stamp}" for entry in self._listing()}
        known = self._stamps or {}
        changed = [path for path, stamp in found.items() if known.get(path) != stamp]
        if found == self._stamps and (self._until is None or now <= self._until):
            return False
        read = self._ws.read_many(changed)
        kept = {path: document for path, document in self._documents.items() if path in found}
        self._documents = {**kept, **{path: dict(document) for path, document in read.items()}}
        # One that was replaced between the listing and the reading has another stamp the next time: read once more.
        self._stamps = found
        ends = [float(item["retired"]) + dags.RETIRED_FOR for item in self._documents.values() if item.get("retired")]
        self._until = min((end for end in ends if end > now), default=None)
        return True

    def shards(self, now: float) -> Shards:
        """``{shard: {dag_id: document}}`` of the last look; shards without DAGs are left out."""
        made: Shards = {}
        for document in self._documents.values():
            if "dag_id" in document and not dags.is_over(document, now):
                made.setdefault(shard_of(document["dag_id"]), {})[document["dag_id"]] = document
        return {name: dict(sorted(made[name].items())) for name in sorted(made)}

    def scheduling(self) -> dict[str, dict[str, str]]:
        """``{compute target: {"pool", "queue", "executor"}}`` of the last look; nothing when no placement names any."""
        found = [item for path, item in sorted(self._documents.items()) if path.startswith(f"{placements.FOLDER}/")]
        said = {str(item["name"]): scheduling_of(item) for item in found}
        return said if any(said.values()) else {}

    def _listing(self) -> list[Entry]:
        found = (entry for folder in (dags.FOLDER, placements.FOLDER) for entry in self._ws.store.list(folder))
        return [entry for entry in found if entry.path.endswith(".json")]
