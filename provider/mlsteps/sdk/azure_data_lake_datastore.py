"""Data lake datastores: read and written through datasets and outputs; without ``upload``, as in the SDK."""

from __future__ import annotations

from typing import Any

from mlsteps.sdk.abstract_datastore import AbstractDatastore


class AbstractADLSDatastore(AbstractDatastore):
    """What both generations share. ``client_secret`` is what was given in this process; None otherwise."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        datastore_type: str,
        tenant_id: str | None,
        client_id: str | None,
        client_secret: str | None,
        resource_url: str | None,
        authority_url: str | None,
        service_data_access_auth_identity: Any,
    ) -> None:
        super().__init__(workspace, name, datastore_type)
        self.tenant_id = tenant_id
        self.client_id = client_id
        self.client_secret = client_secret
        self.resource_url = resource_url
        self.authority_url = authority_url
        self.service_data_access_auth_identity = service_data_access_auth_identity


class AzureDataLakeDatastore(AbstractADLSDatastore):
    """Azure Data Lake Storage Gen1; Azure retired the service on 2024-02-29."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        store_name: str,
        tenant_id: str | None,
        client_id: str | None,
        client_secret: str | None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        service_data_access_auth_identity: Any = None,
    ) -> None:
        super().__init__(
            workspace,
            name,
            "AzureDataLake",
            tenant_id,
            client_id,
            client_secret,
            resource_url,
            authority_url,
            service_data_access_auth_identity,
        )
        self.store_name = store_name
        self.subscription_id = subscription_id
        self.resource_group = resource_group


class AzureDataLakeGen2Datastore(AbstractADLSDatastore):
    """A file system of Azure Data Lake Storage Gen2."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        container_name: str,
        account_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        service_data_access_auth_identity: Any = None,
    ) -> None:
        super().__init__(
            workspace,
            name,
            "AzureDataLakeGen2",
            tenant_id,
            client_id,
            client_secret,
            resource_url,
            authority_url,
            service_data_access_auth_identity,
        )
        self.container_name = container_name
        self.account_name = account_name
        self.protocol = protocol or "https"
        self.endpoint = endpoint or "core.windows.net"
