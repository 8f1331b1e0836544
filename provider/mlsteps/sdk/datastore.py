"""``Datastore``: the SDK's door to datastores."""

from __future__ import annotations

import warnings
from typing import Any

from mlsteps.errors import InvalidInput
from mlsteps.sdk.abstract_datastore import AbstractDatastore
from mlsteps.sdk.datastore_documents import check_url, datastore_of, register


class Datastore:
    """A registered datastore; making one gives an object of the concrete class (SDK: azureml.core.Datastore).

    :param name: None for the workspace's default.
    :raises UserErrorException: when there is none of that name; names those that exist.
    """

    def __new__(cls, workspace: Any, name: str | None = None) -> Any:
        from mlsteps.registry.documents import get_datastore

        return datastore_of(workspace, get_datastore(workspace._store(), name))

    def __init__(self, workspace: Any, name: str | None = None) -> None:
        # Never reached: __new__ answers an object of another class. Kept for its signature.
        self.workspace = workspace
        self.name = name

    def set_as_default(self) -> None:
        """See ``AbstractDatastore.set_as_default``."""

    def unregister(self) -> None:
        """See ``AbstractDatastore.unregister``."""

    @staticmethod
    def get(workspace: Any, datastore_name: str) -> Any:
        """A registered datastore by its name."""
        return Datastore(workspace, datastore_name)

    @staticmethod
    def get_default(workspace: Any) -> Any:
        """The workspace's default datastore."""
        return Datastore(workspace)

    @staticmethod
    def register_azure_blob_container(
        workspace: Any,
        datastore_name: str,
        container_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        skip_validation: bool = False,
        blob_cache_timeout: int | None = None,
        grant_workspace_access: bool = False,
        subscription_id: str | None = None,
        resource_group: str | None = None,
    ) -> Any:
        """Register a blob container.

        Without ``sas_token`` and ``account_key`` it is opened with the identity of who reads. Nothing is checked and
        no container is made now: registering does no network I/O.

        :param overwrite: replace a datastore of that name; otherwise it is an error.
        """
        own = _own_container(workspace, "AzureBlob", container_name, account_name, account_key, sas_token)
        properties = {
            **own,
            "container_name": container_name,
            "account_name": account_name,
            "protocol": protocol,
            "endpoint": endpoint,
            "subscription_id": subscription_id,
            "resource_group": resource_group,
        }
        secrets = {"sas_token": sas_token, "account_key": account_key}
        return register(workspace, datastore_name, "AzureBlob", properties, secrets, overwrite)

    @staticmethod
    def register_azure_file_share(
        workspace: Any,
        datastore_name: str,
        file_share_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        skip_validation: bool = False,
    ) -> Any:
        """Register a file share; parameters as for :meth:`register_azure_blob_container`."""
        properties = {
            **_own_container(workspace, "AzureFile", file_share_name, account_name, account_key, sas_token),
            "container_name": file_share_name,
            "account_name": account_name,
            "protocol": protocol,
            "endpoint": endpoint,
        }
        secrets = {"sas_token": sas_token, "account_key": account_key}
        return register(workspace, datastore_name, "AzureFile", properties, secrets, overwrite)

    @staticmethod
    def register_azure_data_lake(
        workspace: Any,
        datastore_name: str,
        store_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        overwrite: bool = False,
        grant_workspace_access: bool = False,
    ) -> Any:
        """Register a Data Lake Storage Gen1 store. Azure retired the service: it warns.

        What was in it is read where the variable ``MLSTEPS_ADLS_GEN1`` says that it was moved to:
        ``<store_name>=abfss://<container>@<account>.dfs.core.windows.net``.
        """
        warnings.warn(
            f"Datastore {datastore_name!r}: Azure Data Lake Storage Gen1 was retired on 2024-02-29. Say where its data "
            f"is now (MLSTEPS_ADLS_GEN1={store_name}=abfss://<container>@<account>.dfs.core.windows.net), or register "
            "the migrated account with Datastore.register_azure_data_lake_gen2.",
            stacklevel=2,
        )
        properties = {
            "store_name": store_name,
            **_access(tenant_id, client_id, resource_url, authority_url),
            "subscription_id": subscription_id,
            "resource_group": resource_group,
        }
        secrets = {"client_secret": client_secret}
        return register(workspace, datastore_name, "AzureDataLake", properties, secrets, overwrite)

    @staticmethod
    def register_azure_data_lake_gen2(
        workspace: Any,
        datastore_name: str,
        filesystem: str,
        account_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        grant_workspace_access: bool = False,
    ) -> Any:
        """Register a file system of Data Lake Storage Gen2; without a client secret the reader's identity opens it."""
        properties = {
            "container_name": filesystem,
            "account_name": account_name,
            **_access(tenant_id, client_id, resource_url, authority_url),
            "protocol": protocol,
            "endpoint": endpoint,
            "subscription_id": subscription_id,
            "resource_group": resource_group,
        }
        secrets = {"client_secret": client_secret}
        return register(workspace, datastore_name, "AzureDataLakeGen2", properties, secrets, overwrite)

    @staticmethod
    def register_azure_sql_database(
        workspace: Any,
        datastore_name: str,
        server_name: str,
        database_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        username: str | None = None,
        password: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        grant_workspace_access: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Register an Azure SQL database, by user and password, service principal, or the reader's identity."""
        auth_type = "SqlAuthentication" if username is not None else "ServicePrincipal" if client_id else None
        properties = {
            "server_name": server_name,
            "database_name": database_name,
            **_access(tenant_id, client_id, resource_url, authority_url),
            "endpoint": endpoint or "database.windows.net",
            "username": username,
            "auth_type": auth_type,
            "subscription_id": subscription_id,
            "resource_group": resource_group,
        }
        secrets = {"client_secret": client_secret, "password": password}
        return register(workspace, datastore_name, "AzureSqlDatabase", properties, secrets, overwrite)

    @staticmethod
    def register_azure_postgre_sql(
        workspace: Any,
        datastore_name: str,
        server_name: str,
        database_name: str,
        user_id: str,
        user_password: str,
        port_number: Any = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        enforce_ssl: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Register a PostgreSQL database.

        :param port_number: None for 5432.
        :param endpoint: domain of the server; None for ``postgres.database.azure.com``.
        """
        properties = {
            "server_name": server_name,
            "database_name": database_name,
            "user_id": user_id,
            "port_number": port_number,
            "endpoint": endpoint or "postgres.database.azure.com",
            "enforce_ssl": enforce_ssl,
        }
        secrets = {"user_password": user_password}
        return register(workspace, datastore_name, "AzurePostgreSql", properties, secrets, overwrite)

    @staticmethod
    def register_azure_my_sql(
        workspace: Any,
        datastore_name: str,
        server_name: str,
        database_name: str,
        user_id: str,
        user_password: str,
        port_number: Any = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Register a MySQL database, an end of DataTransferStep.

        :param port_number: None for 3306.
        :param endpoint: domain of the server; None for ``mysql.database.azure.com``.
        """
        properties = {
            "server_name": server_name,
            "database_name": database_name,
            "user_id": user_id,
            "port_number": port_number,
            "endpoint": endpoint or "mysql.database.azure.com",
        }
        secrets = {"user_password": user_password}
        return register(workspace, datastore_name, "AzureMySql", properties, secrets, overwrite)

    @staticmethod
    def register_dbfs(workspace: Any, datastore_name: str) -> Any:
        """Register the file system of Databricks, for DatabricksStep and as a place of files.

        Host and token are those of Airflow's connection ``databricks_default``.
        """
        return register(workspace, datastore_name, "DBFS", {"connection": "databricks_default"}, {}, False)

    @staticmethod
    def register_hdfs(
        workspace: Any,
        datastore_name: str,
        protocol: str,
        namenode_address: str,
        hdfs_server_certificate: str,
        kerberos_realm: str,
        kerberos_kdc_address: str,
        kerberos_principal: str,
        kerberos_keytab: str | None = None,
        kerberos_password: str | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Register a Hadoop file system (experimental in the SDK); exactly one of keytab and password."""
        if (kerberos_keytab is None) == (kerberos_password is None):
            raise InvalidInput("register_hdfs", expected="exactly one of kerberos_keytab and kerberos_password")
        properties = {
            "protocol": protocol,
            "namenode_address": namenode_address,
            "hdfs_server_certificate_data": hdfs_server_certificate,
            "kerberos_realm": kerberos_realm,
            "kerberos_kdc_address": kerberos_kdc_address,
            "kerberos_principal": kerberos_principal,
            "credential_type": "KerberosKeytab" if kerberos_keytab else "KerberosPassword",
        }
        secrets = {"credential_value": kerberos_keytab or kerberos_password}
        return register(workspace, datastore_name, "Hdfs", properties, secrets, overwrite)

    @staticmethod
    def register_url(
        workspace: Any, datastore_name: str, url: str, *, connection: str | None = None, overwrite: bool = False
    ) -> Any:
        """Register any place that fsspec can open. Not in the SDK.

        :param url: ``s3://bucket/folder``, ``gs://...``, an absolute path, ...; without secrets.
        :param connection: id of the Airflow connection that holds its secrets.
        :raises InvalidInput: for an address that holds a secret, and for a relative path.
        """
        check_url(datastore_name, url)
        properties = {"url": url, "connection": connection}
        return register(workspace, datastore_name, "Url", properties, {}, overwrite)


def _access(
    tenant_id: str | None, client_id: str | None, resource_url: str | None, authority_url: str | None
) -> dict[str, str | None]:
    return {
        "tenant_id": tenant_id,
        "client_id": client_id,
        "resource_url": resource_url,
        "authority_url": authority_url,
    }


def _own_container(
    workspace: Any, type_: str, container: str, account: str, account_key: str | None, sas_token: str | None
) -> dict[str, Any]:
    """The place of one of the workspace's own datastores, when that is what is registered under a second name.

    Scripts read ``account_name`` and ``container_name`` of the default datastore and register them again; in a local
    workspace that container is a folder, and the new name must lead to the same one.
    """
    from mlsteps.registry.documents import list_datastores

    if account_key is not None or sas_token is not None:
        return {}
    for document in list_datastores(workspace._store()).values():
        same = (document.get("type"), document.get("container_name"), document.get("account_name"))
        if same == (type_, container, account) and "url" in document:
            return {key: document[key] for key in ("url", "connection") if document.get(key)}
    return {}


__all__ = ["AbstractDatastore", "Datastore"]
