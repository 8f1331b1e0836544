"""``MlstepsDagBundle``: what a workspace serves, as a versioned DAG bundle of Airflow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersion

from mlsteps.bundles import folder, versions
from mlsteps.bundles.cache import Cache
from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput, StoreError
from mlsteps.registry.workspaces import workspace_store
from mlsteps.storage.workspace_store import WorkspaceStore


class MlstepsDagBundle(BaseDagBundle):
    """Serves the stored pipelines of a workspace: submitted, published, endpoints.

    A version is the digest of all that is served; a run keeps the version it began with. Nothing but the workspace's
    store is shared between the machines of an Airflow: the DAG processor keeps each version there
    (:mod:`.versions`), a worker fetches what its task needs.

    :param root: root of the workspace: a path or any fsspec URL (``s3://conn_id@bucket/folder`` names the connection
        that opens it); or
    :param conn_id: a connection of type ``mlsteps`` that names it. Not both.
    :raises InvalidInput: without exactly one of them.
    """

    supports_versioning = True

    def __init__(self, *, root: str | None = None, conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if bool(root) == bool(conn_id):
            raise InvalidInput(
                f"The DAG bundle {self.name!r} is given {'both' if root else 'neither'} a root and a conn_id",
                expected='kwargs {"root": "<path or URL>"} or {"conn_id": "<connection of type mlsteps>"}',
            )
        self._given_root = root
        self._conn_id = conn_id
        self._store: WorkspaceStore | None = None
        self._served: versions.Served | None = None

    @property
    def workspace(self) -> WorkspaceStore:
        """The workspace's store, opened when first asked for."""
        if self._store is None:
            self._store = workspace_store(self._reference())
        return self._store

    @property
    def path(self) -> Path:
        """The folder of this bundle's version; the one that follows the workspace when it has none."""
        return self.versions_dir / self.version if self.version else self.base_dir / "tracking"

    def initialize(self) -> None:
        """Bring the version, or what is served now, into the bundle's folder."""
        if self.version:
            if folder.read(self.path) is None:
                self._lay_out_version(self.version)
        else:
            self.refresh()
        super().initialize()

    def get_current_version(self) -> BundleVersion | None:
        """The version that :attr:`path` holds."""
        if self.version:
            return BundleVersion(self.version)
        found = folder.read(self.path)
        return None if found is None else BundleVersion(found.version)

    def refresh(self) -> None:
        """Look at the workspace with two listings, and bring in what has changed.

        :raises StoreError: when the workspace cannot be read; what was there stays.
        """
        if self.version:
            raise InvalidInput(f"Version {self.version} of the DAG bundle {self.name!r} cannot change")
        with self.lock():
            now = time.time()
            if self._served is None:
                self._served = versions.Served(self.workspace)
            if self._served.look(now) or folder.read(self.path) is None:
                self._follow(self._served.shards(now), self._served.scheduling())

    def _follow(self, shards: versions.Shards, scheduling: dict[str, dict[str, str]]) -> None:
        """Keep the version in the workspace before anything here speaks of it: a worker may need it at once."""
        cache, known = self._cache(), folder.read(self.path)
        before = set(known.shards.values()) if known and known.root == self.workspace.root else set()
        digests = {}
        for name, documents in shards.items():
            digest = digests[name] = digest_of(documents)
            if digest not in before:
                versions.put(self.workspace, documents)
            cache.put(digest, documents)
        placed = {"scheduling": scheduling} if scheduling else {}
        version = versions.put(self.workspace, {"shards": digests, **placed})
        graphs = {item["graph"] for documents in shards.values() for item in documents.values() if "graph" in item}
        cache.fetch_graphs(graphs)
        self._write(folder.Description(self.workspace.root, str(self._cache_folder), version, digests, scheduling))
        cache.forget_others([*digests.values(), *graphs])

    def _lay_out_version(self, version: str) -> None:
        with self.lock():
            index = self._cache().version(version)
            if "shards" not in index:
                raise StoreError(f"{version} is no version of the workspace at {self.workspace.root}.")
            said = dict(index["shards"]), dict(index.get("scheduling") or {})
            self._write(folder.Description(self.workspace.root, str(self._cache_folder), version, *said))

    def _write(self, description: folder.Description) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        folder.write(self.path, description)

    @property
    def _cache_folder(self) -> Path:
        return self.base_dir / "documents"

    def _cache(self) -> Cache:
        return Cache(self._cache_folder, self.workspace.root)

    def _reference(self) -> dict[str, Any]:
        from mlsteps.hooks.connections import use_airflow_connections
        from mlsteps.hooks.mlsteps import MlstepsHook

        use_airflow_connections()
        return MlstepsHook(self._conn_id).reference() if self._conn_id else {"root": str(self._given_root)}
