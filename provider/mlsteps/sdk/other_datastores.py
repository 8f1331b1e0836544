"""Datastores that hold no files of their own: databases, DBFS, HDFS. Passwords are what was given in this process."""

from __future__ import annotations

from typing import Any

from mlsteps.sdk.abstract_datastore import AbstractDatastore


class AzureSqlDatabaseDatastore(AbstractDatastore):
    """An Azure SQL database or SQL Server, for queries and DataTransferStep."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        server_name: str,
        database_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        username: str | None = None,
        password: str | None = None,
        auth_type: str | None = None,
        service_data_access_auth_identity: Any = None,
    ) -> None:
        super().__init__(workspace, name, "AzureSqlDatabase")
        self.server_name = server_name
        self.database_name = database_name
        self.tenant_id = tenant_id
        self.client_id = client_id
        self.client_secret = client_secret
        self.resource_url = resource_url
        self.authority_url = authority_url
        self.username = username
        self.password = password
        self.auth_type = auth_type
        self.service_data_access_auth_identity = service_data_access_auth_identity


class AzurePostgreSqlDatastore(AbstractDatastore):
    """A PostgreSQL database, for queries and DataTransferStep."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        server_name: str,
        database_name: str,
        user_id: str | None,
        user_password: str | None,
        port_number: Any = None,
        enforce_ssl: bool = True,
    ) -> None:
        super().__init__(workspace, name, "AzurePostgreSql")
        self.server_name = server_name
        self.database_name = database_name
        self.user_id = user_id
        self.user_password = user_password
        self.port_number = port_number
        self.enforce_ssl = enforce_ssl


class AzureMySqlDatastore(AbstractDatastore):
    """A MySQL database, an end of DataTransferStep."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        server_name: str,
        database_name: str,
        user_id: str | None,
        user_password: str | None,
        port_number: Any = None,
    ) -> None:
        super().__init__(workspace, name, "AzureMySql")
        self.server_name = server_name
        self.database_name = database_name
        self.user_id = user_id
        self.user_password = user_password
        self.port_number = port_number


class DBFSDatastore(AbstractDatastore):
    """The file system of Databricks, for DatabricksStep."""

    def __init__(self, workspace: Any, name: str) -> None:
        super().__init__(workspace, name, "DBFS")


class HDFSDatastore(AbstractDatastore):
    """A Hadoop file system; kept for imports (experimental in the SDK)."""

    def __init__(
        self,
        workspace: Any,
        name: str,
        protocol: str,
        namenode_address: str,
        hdfs_server_certificate_data: Any,
        kerberos_realm: str,
        kerberos_kdc_address: str,
        kerberos_principal: str,
        credential_value: Any,
        credential_type: Any,
    ) -> None:
        super().__init__(workspace, name, "Hdfs")
        self.protocol = protocol
        self.namenode_address = namenode_address
        self.hdfs_server_certificate_data = hdfs_server_certificate_data
        self.kerberos_realm = kerberos_realm
        self.kerberos_kdc_address = kerberos_kdc_address
        self.kerberos_principal = kerberos_principal
        self.credential_value = credential_value
        self.credential_type = credential_type
