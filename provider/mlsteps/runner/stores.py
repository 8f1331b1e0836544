"""The stores of one attempt: each datastore opened once, with the credentials that came on standard input."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

from mlsteps.contracts.spec import StepSpec
from mlsteps.errors import AzureMLException
from mlsteps.runner.failure import StepFailure
from mlsteps.storage.base import Store
from mlsteps.storage.workspace_store import WorkspaceStore


class Stores:
    """Datastores by name, and the workspace's own store.

    :param credentials: ``{"datastores": {name: options}, "workspace": options}``; what a store needs is its driver's
        affair.
    """

    def __init__(self, spec: StepSpec, credentials: Mapping[str, Any]) -> None:
        self._documents = spec.datastores
        self._credentials = credentials.get("datastores") or {}
        self._opened: Dict[str, Store] = {}
        self.workspace = WorkspaceStore(str(spec.workspace["root"]), credentials.get("workspace"))

    def datastore(self, name: str) -> Store:
        """An open datastore.

        :raises StepFailure: when the spec does not hold it, or it cannot be opened.
        """
        if name not in self._opened:
            if name not in self._documents:
                raise StepFailure("input", f"The step knows no datastore {name!r}; it has {sorted(self._documents)}.")
            self._opened[name] = self._open(name, self._documents[name])
        return self._opened[name]

    def any_datastore(self, name: str) -> Store:
        """As :meth:`datastore`, but also one that only the workspace knows: a script may open whatever it has.

        :raises UserErrorException: when the workspace has none of that name.
        """
        from mlsteps.registry.documents import get_datastore

        if name not in self._opened:
            document = self._documents.get(name) or get_datastore(self.workspace, name)
            self._opened[name] = self._open(name, document)
        return self._opened[name]

    def _open(self, name: str, document: Mapping[str, Any]) -> Store:
        from mlsteps.storage.open import open_datastore

        try:
            return open_datastore(document, self._credentials.get(name))
        except AzureMLException as error:
            raise StepFailure("infrastructure", f"Datastore {name!r} cannot be opened: {error.message}") from error


OpenByName = Callable[[str], Store]
