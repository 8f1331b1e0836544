"""``AbstractDatastore``: a named place that holds data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsteps.storage.base import Store


class AbstractDatastore:
    """What all datastores share (SDK: AbstractDatastore).

    :param datastore_type: ``AzureBlob``, ``AzureFile``, ``AzureDataLakeGen2``, ``AzureSqlDatabase``, ...
    """

    def __init__(self, workspace: Any, name: str, datastore_type: str) -> None:
        self.workspace = workspace
        self.name = name
        self.datastore_type = datastore_type
        self._saved: dict[str, Any] = {}

    def set_as_default(self) -> None:
        """Make this the workspace's default datastore."""
        from mlsteps.registry.documents import set_default_datastore

        set_default_datastore(self.workspace._store(), self.name)

    def unregister(self) -> None:
        """Forget the datastore; what it holds stays."""
        from mlsteps.registry.documents import delete_datastore

        delete_datastore(self.workspace._store(), self.name)

    def _document(self) -> dict[str, Any]:
        """The registry's document; holds no secret."""
        return dict(self._saved)

    def _open(self) -> Store:
        from mlsteps.sdk.datastore_credentials import recall
        from mlsteps.storage.open import open_datastore

        document = self._document()
        return open_datastore(document, recall(self.workspace, self.name, document.get("connection")))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"
