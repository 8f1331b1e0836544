"""Datastores of files: ``AzureBlobDatastore``, ``AzureFileDatastore``, and any other place by URL."""

from __future__ import annotations

from typing import Any, Sequence

from mlsteps.sdk import datastore_transfer as transfer
from mlsteps.sdk.abstract_datastore import AbstractDatastore
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.dataset_paths import inside


class AbstractAzureStorageDatastore(AbstractDatastore):
    """A place of files that can be uploaded to, downloaded from and referred to.

    ``account_key`` and ``sas_token`` are what was given in this process; None otherwise: mlsteps keeps secrets in
    Airflow connections, never in a workspace.
    """

    def __init__(
        self,
        workspace: Any,
        name: str,
        datastore_type: str,
        container_name: str | None,
        account_name: str | None,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        super().__init__(workspace, name, datastore_type)
        self.container_name = container_name
        self.account_name = account_name
        self.sas_token = sas_token
        self.account_key = account_key
        self.credential_type = "AccountKey" if account_key else "Sas" if sas_token else "None"
        self.protocol = protocol or "https"
        self.endpoint = endpoint or "core.windows.net"

    @property
    def is_sas(self) -> bool:
        """Whether it is opened with a SAS token."""
        return self.sas_token is not None

    # -- references

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A reference to a place in this datastore; None for its root."""
        return DataReference(self, data_reference_name, path)

    def as_download(self, path_on_compute: str | None = None) -> DataReference:
        """A reference to the root, downloaded before the step starts."""
        return self.path().as_download(path_on_compute)

    def as_upload(self, path_on_compute: str | None = None) -> DataReference:
        """A reference to the root, filled when the step has ended."""
        return self.path().as_upload(path_on_compute)

    def as_mount(self) -> DataReference:
        """A reference to the root, mounted."""
        return self.path()

    def __str__(self) -> str:
        return repr(self)

    # -- transfer

    def download(
        self, target_path: str, prefix: str | None = None, overwrite: bool = False, show_progress: bool = True
    ) -> int:
        """Copy files to this machine; each keeps its whole path in the datastore below ``target_path``.

        :param prefix: a folder or file, or the beginning of paths; None for everything.
        :param overwrite: replace files that are there; otherwise they are left as they are.
        :returns: number of files copied.
        """
        return transfer.download(self._open(), target_path, prefix, overwrite, show_progress)

    def upload(
        self, src_dir: str, target_path: str | None = None, overwrite: bool = False, show_progress: bool = True
    ) -> DataReference:
        """Copy what a local folder holds, with its sub-folders.

        :param target_path: folder in the datastore; None for its root.
        :param overwrite: replace files that are there; otherwise they are left as they are.
        """
        pairs = transfer.files_below(src_dir)
        return self._send(pairs, target_path, overwrite, show_progress)

    def upload_files(
        self,
        files: Sequence[str],
        relative_root: str | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Copy local files.

        :param relative_root: each file keeps its path below this folder; None for the folder they have in common.
        :param target_path: folder in the datastore; None for its root.
        :param overwrite: replace files that are there; otherwise they are left as they are.
        :raises InvalidInput: when a file does not exist or does not lie below ``relative_root``.
        """
        pairs = transfer.files_relative(files, relative_root)
        return self._send(pairs, target_path, overwrite, show_progress)

    def _send(
        self, pairs: Sequence[tuple[str, str]], target_path: str | None, overwrite: bool, show_progress: bool
    ) -> DataReference:
        target = inside(target_path)
        transfer.upload(self._open(), pairs, target, overwrite, show_progress)
        return self.path(target or None)


class AzureBlobDatastore(AbstractAzureStorageDatastore):
    """A blob container; in a local workspace the folder ``stores/workspaceblobstore``."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        container_name: str | None,
        account_name: str | None,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        request_session: Any = None,
        workspace_msi_has_access: bool = False,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        service_data_access_auth_identity: Any = None,
    ) -> None:
        super().__init__(
            workspace, name, "AzureBlob", container_name, account_name, sas_token, account_key, protocol, endpoint
        )
        self.blob_service = None
        self.workspace_msi_has_access = workspace_msi_has_access
        self.service_data_access_auth_identity = service_data_access_auth_identity
        self.subscription_id = subscription_id
        self.resource_group = resource_group


class AzureFileDatastore(AbstractAzureStorageDatastore):
    """A file share; in a local workspace the folder ``stores/workspacefilestore``."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        container_name: str | None,
        account_name: str | None,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str = "core.windows.net",
        request_session: Any = None,
    ) -> None:
        super().__init__(
            workspace, name, "AzureFile", container_name, account_name, sas_token, account_key, protocol, endpoint
        )
        self.file_service = None


class UrlDatastore(AbstractAzureStorageDatastore):
    """Any place that fsspec can open, by its URL: S3, GCS, a folder, HTTP. Not in the SDK."""

    def __init__(self, workspace: Any, name: str, url: str, datastore_type: str = "Url") -> None:
        super().__init__(workspace, name, datastore_type, None, None)
        self.url = url
