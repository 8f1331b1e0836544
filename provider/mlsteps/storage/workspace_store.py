"""JSON documents below a workspace's root."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterable, List, Mapping

from mlsteps.errors import StoreError
from mlsteps.storage.addresses import split_connection, with_connection
from mlsteps.storage.base import MissingFile, Store
from mlsteps.storage.open import open_store

#: Requests under way at once in :meth:`WorkspaceStore.read_many`, on stores that are not local.
READERS = 16


class WorkspaceStore:
    """The documents of one workspace. Each is written whole or not at all; ``store`` gives its files.

    :param root: a path or any URL that :func:`open_store` takes; ``s3://conn_id@bucket/folder`` names a connection.
    :param credentials: driver options that open the root; kept in memory only.
    :param connection: id of the connection that they come from: datastores inside the root are opened with it, too.
        ``root`` then carries it, so that whoever is handed the root knows it.
    """

    def __init__(self, root: str, credentials: Mapping[str, Any] | None = None, connection: str | None = None) -> None:
        address, named = split_connection(root)
        self.connection = connection or named
        self.root = (
            os.path.abspath(os.path.expanduser(root)) if "://" not in root else with_connection(root, connection)
        )
        self.store: Store = open_store(address, credentials)

    def read_json(self, path: str) -> Any | None:
        """A document; None when there is none.

        :raises StoreError: when it is no JSON, naming it.
        """
        try:
            data = self.store.read(path)
        except MissingFile:
            return None
        try:
            return json.loads(data.decode("utf-8", "surrogatepass"))
        except ValueError as error:
            raise StoreError(f"{self.store.url_of(path)} is damaged, it holds no JSON: {error}", error) from error

    def write_json(self, path: str, data: Any) -> None:
        """Make or replace a document."""
        self.store.write(path, _encode(data))

    def create_json(self, path: str, data: Any) -> bool:
        """Make a document unless it exists; False when it does."""
        return self.store.create(path, _encode(data))

    def read_many(self, paths: Iterable[str]) -> Dict[str, Any]:
        """Several documents at once, by path; absent ones are left out."""
        wanted = list(dict.fromkeys(paths))
        if len(wanted) < 2 or self.store.local_path("") is not None:  # threads cost more than a local read
            found = [self.read_json(path) for path in wanted]
        else:
            with ThreadPoolExecutor(min(READERS, len(wanted))) as pool:
                found = list(pool.map(self.read_json, wanted))
        return {path: document for path, document in zip(wanted, found) if document is not None}

    def names(self, folder: str) -> List[str]:
        """Names immediately below a folder, sorted: documents without ``.json``, sub-folders, other files as named."""
        names = set()
        for child in self.store.children(folder):
            is_document = not child.is_folder and child.name.endswith(".json")
            names.add(child.name[: -len(".json")] if is_document else child.name)
        return sorted(names)

    def delete(self, path: str) -> None:
        """Remove a document or a folder; an absent one is fine."""
        self.store.delete(path)


def _encode(data: Any) -> bytes:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")
