"""Documents of a workspace on this machine, by digest: fetched once, whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlsteps.bundles import versions
from mlsteps.registry import graphs
from mlsteps.registry.workspaces import workspace_store
from mlsteps.storage.workspace_store import WorkspaceStore

#: Seconds that a document which is not needed any more is kept.
KEPT_FOR = 30 * 24 * 3600.0


class Cache:
    """A folder of documents.

    :param folder: where they lie; made when it is needed.
    :param root: the workspace's root, opened only when something is missing.
    """

    def __init__(self, folder: Path, root: str) -> None:
        self._folder = folder
        self._root = root
        self._opened: WorkspaceStore | None = None

    @property
    def workspace(self) -> WorkspaceStore:
        """The workspace's store."""
        if self._opened is None:
            from mlsteps.hooks.connections import use_airflow_connections

            use_airflow_connections()
            self._opened = workspace_store({"root": self._root})
        return self._opened

    def graph(self, digest: str) -> Any:
        """A graph's document.

        :raises StoreError: when the workspace does not have it, or not as its digest says.
        """
        return self._get(digest, graphs.graph_path(digest))

    def version(self, digest: str) -> Any:
        """An index or a shard (see :mod:`.versions`)."""
        return self._get(digest, versions.path_of(digest))

    def put(self, digest: str, document: Mapping[str, Any]) -> None:
        """Add a document that is known already."""
        if not self._file(digest).exists():
            write_file(self._file(digest), json.dumps(document))

    def fetch_graphs(self, digests: Iterable[str]) -> None:
        """Fetch the graphs that are missing, side by side; those that cannot be had are left out."""
        missing = [digest for digest in dict.fromkeys(digests) if not self._file(digest).exists()]
        for digest, document in graphs.get_graphs(self.workspace, missing).items():
            self.put(digest, document)

    def forget_others(self, needed: Iterable[str]) -> None:
        """Delete what is not ``needed`` and has not been for long; the workspace still has it."""
        kept = {f"{digest}.json" for digest in needed}
        for file in self._folder.glob("*.json") if self._folder.is_dir() else ():
            if file.name in kept:
                os.utime(file)
            elif file.stat().st_mtime + KEPT_FOR < time.time():
                file.unlink(missing_ok=True)

    def _get(self, digest: str, path: str) -> Any:
        try:
            return json.loads(self._file(digest).read_bytes())
        except FileNotFoundError:
            found = self.workspace.read_json(path)
        document = graphs.checked(found, digest, self.workspace.store.url_of(path))
        self.put(digest, document)
        return document

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"


def write_file(path: Path, text: str) -> None:
    """Write a file, whole or not at all, also when several do it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(prefix=".mlsteps-tmp-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
