"""Datastore objects and the registry's documents: which class a type has, which properties it keeps."""

from __future__ import annotations

import os
from typing import Any, Mapping, NamedTuple

from mlsteps.errors import InvalidInput
from mlsteps.sdk.abstract_datastore import AbstractDatastore
from mlsteps.sdk.azure_data_lake_datastore import AzureDataLakeDatastore, AzureDataLakeGen2Datastore
from mlsteps.sdk.azure_storage_datastore import AzureBlobDatastore, AzureFileDatastore, UrlDatastore
from mlsteps.sdk.datastore_credentials import connection_id, keep, recall
from mlsteps.sdk.other_datastores import (
    AzureMySqlDatastore,
    AzurePostgreSqlDatastore,
    AzureSqlDatabaseDatastore,
    DBFSDatastore,
    HDFSDatastore,
)
from mlsteps.storage.addresses import holds_secret
from mlsteps.storage.base import redact


class Kind(NamedTuple):
    """A type of datastore: its class, the constructor's arguments that a document holds, and those that it must not."""

    cls: type
    kept: tuple[str, ...]
    secret: tuple[str, ...] = ()


_ACCESS = ("tenant_id", "client_id", "resource_url", "authority_url")

KINDS: Mapping[str, Kind] = {
    "AzureBlob": Kind(
        AzureBlobDatastore,
        ("container_name", "account_name", "protocol", "endpoint", "subscription_id", "resource_group"),
        ("account_key", "sas_token"),
    ),
    "AzureFile": Kind(
        AzureFileDatastore,
        ("container_name", "account_name", "protocol", "endpoint"),
        ("account_key", "sas_token"),
    ),
    "AzureDataLake": Kind(
        AzureDataLakeDatastore, ("store_name", *_ACCESS, "subscription_id", "resource_group"), ("client_secret",)
    ),
    "AzureDataLakeGen2": Kind(
        AzureDataLakeGen2Datastore,
        ("container_name", "account_name", *_ACCESS, "protocol", "endpoint"),
        ("client_secret",),
    ),
    "AzureSqlDatabase": Kind(
        AzureSqlDatabaseDatastore,
        ("server_name", "database_name", *_ACCESS, "username", "auth_type"),
        ("client_secret", "password"),
    ),
    "AzurePostgreSql": Kind(
        AzurePostgreSqlDatastore,
        ("server_name", "database_name", "user_id", "port_number", "enforce_ssl"),
        ("user_password",),
    ),
    "AzureMySql": Kind(
        AzureMySqlDatastore, ("server_name", "database_name", "user_id", "port_number"), ("user_password",)
    ),
    "DBFS": Kind(DBFSDatastore, ()),
    "Hdfs": Kind(
        HDFSDatastore,
        (
            "protocol",
            "namenode_address",
            "hdfs_server_certificate_data",
            "kerberos_realm",
            "kerberos_kdc_address",
            "kerberos_principal",
            "credential_type",
        ),
        ("credential_value",),
    ),
}


def datastore_of(workspace: Any, document: Mapping[str, Any]) -> AbstractDatastore:
    """The object of a registered datastore; a type the SDK does not know becomes a :class:`UrlDatastore`."""
    name, kind = document["name"], KINDS.get(document.get("type", ""))
    if kind is None:
        made: AbstractDatastore = UrlDatastore(workspace, name, document["url"], document.get("type") or "Url")
    else:
        known = recall(workspace, name, document.get("connection")) or {}
        values = {key: document.get(key) for key in kind.kept}
        values.update({key: known.get(key) for key in kind.secret})
        made = kind.cls(workspace=workspace, name=name, **values)
    made._saved = dict(document)
    return made


def check_url(name: str, url: str) -> None:
    """Refuse what cannot be the address of a datastore, or would bring a secret into the workspace's files."""
    if holds_secret(url):
        raise InvalidInput(
            f"The address {redact(url)} of datastore {name!r} holds a secret, and is stored and shown",
            mend="leave it out, and name the Airflow connection that has it: connection='my_connection'",
        )
    if "://" not in url and not os.path.isabs(url):
        raise InvalidInput(
            f"The address of datastore {name!r} is {url!r}",
            expected="a URL, or an absolute path: a relative one is another place in each process",
        )


def register(
    workspace: Any, name: str, type_: str, properties: Mapping[str, Any], secrets: Mapping[str, Any], overwrite: bool
) -> AbstractDatastore:
    """Write a datastore's document, without its secrets, and answer the object.

    :raises UserErrorException: when the name is taken and ``overwrite`` is off.
    """
    from mlsteps.registry.documents import put_datastore

    document = {"name": name, "type": type_, **{key: value for key, value in properties.items() if value is not None}}
    if any(value is not None for value in secrets.values()):
        document["connection"] = connection_id(workspace, name)
    saved = put_datastore(workspace._store(), document, overwrite)
    keep(workspace, name, secrets)
    return datastore_of(workspace, saved)
