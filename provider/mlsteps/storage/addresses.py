"""Addresses: of an Azure storage account, from the SDK's properties of a datastore; with a connection's id in them."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Mapping, Tuple
from urllib.parse import urlsplit

from mlsteps.errors import StoreError

#: Variable that says which account of Gen2 holds what a store of Gen1 held: ``<store>=<url>;...``.
GEN1 = "MLSTEPS_ADLS_GEN1"
_DOMAIN = "core.windows.net"
#: Protocols whose addresses name no user, so that what stands there is a connection.
_WITHOUT_USERS = ("abfs", "abfss", "az", "wasb", "wasbs", "s3", "s3a", "gs", "gcs")

#: What to do with an address that opens a door.
NO_SECRET = "register its place as a datastore, with the secret or with a connection, and give (datastore, 'path')"
_PASSWORD = re.compile(r"(?i)^[a-z][\w+.-]*://[^/@\s]*:[^/@\s]+@")
_SIGNED = re.compile(r"(?i)[?&](?:sig|signature|sas_?token|x-(?:amz|goog)-signature)=[^&#\s]")


def has_password(url: str) -> bool:
    """Whether an address begins with a user and a password."""
    return _PASSWORD.match(url) is not None


def holds_secret(url: str) -> bool:
    """Whether an address has a password or a signature, so that whoever reads it gets in."""
    return has_password(url) or _SIGNED.search(url) is not None


def split_connection(url: str) -> Tuple[str, str | None]:
    """``s3://conn_id@bucket/folder`` as Airflow's ``ObjectStoragePath`` writes it: the address and the connection's id.

    ``abfss://container@account.dfs.core.windows.net`` is the address of a container and names no connection.
    """
    protocol, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    user, at, host = place.rpartition("@")
    is_container = bool(re.search(r"\.(blob|dfs)\.", host))
    if not separator or not at or not user or ":" in user or protocol not in _WITHOUT_USERS or is_container:
        return url, None
    return f"{protocol}://{host}{slash}{path}", user


def with_connection(url: str, conn_id: str | None) -> str:
    """An address that carries the id of its connection, where its protocol leaves room for one."""
    protocol, _, rest = url.partition("://")
    known = split_connection(url)[1]
    return f"{protocol}://{conn_id}@{rest}" if conn_id and not known and protocol in _WITHOUT_USERS else url


def account_address(document: Mapping[str, Any], service: str) -> str:
    """Address of an account's service.

    An endpoint with a port, ``localhost`` or an IP address is a server of its own (an emulator, a gateway): the account
    is the first part of the path then, as in Azurite.

    :param document: ``account_name`` and perhaps ``protocol`` and ``endpoint``; :param service: ``blob`` or ``file``.
    """
    protocol, account = document.get("protocol") or "https", document["account_name"]
    endpoint = str(document.get("endpoint") or _DOMAIN).strip("/")
    if is_own_server(endpoint):
        return f"{protocol}://{endpoint}/{account}" if service == "blob" else f"{protocol}://{endpoint}"
    return f"{protocol}://{account}.{service}.{endpoint}"


def gen2_of(store_name: str) -> str:
    """Where the data of a Data Lake Store Gen1 is now, as the variable ``MLSTEPS_ADLS_GEN1`` says.

    :raises StoreError: when it does not say: the service itself is gone.
    """
    for item in os.environ.get(GEN1, "").split(";"):
        name, _, url = item.strip().partition("=")
        if name == store_name and url:
            return url.rstrip("/")
    raise StoreError(
        f"adl://{store_name}: Azure retired Data Lake Storage Gen1 on 2024-02-29. Where its data was moved to an "
        f"account of Gen2, say so: {GEN1}={store_name}=abfss://<container>@<account>.dfs.core.windows.net, "
        "several with ';' between them, or register the account with Datastore.register_azure_data_lake_gen2."
    )


def database_address(document: Mapping[str, Any]) -> str:
    """The host of a database's server: its name within its domain, unless it is a whole one already.

    :param document: ``server_name`` and perhaps ``endpoint``.
    """
    server, end = str(document.get("server_name") or ""), str(document.get("endpoint") or "")
    return server if not end or "." in server or server == "localhost" else f"{server}.{end}"


def is_own_server(endpoint: str) -> bool:
    """Whether an endpoint is one server and not the domain of many accounts."""
    host, _, port = endpoint.partition("/")[0].rpartition(":")
    name = host if host and port.isdigit() else endpoint.partition("/")[0]
    return bool(host and port.isdigit()) or name == "localhost" or bool(re.fullmatch(r"[\d.]+|\[.*\]", name))


def address_parts(host: str) -> Dict[str, str]:
    """What a connection's host says of the account: a URL, a host name, or the account's name alone."""
    if "." not in host and "://" not in host and ":" not in host:
        return {"account_name": host}
    parts = urlsplit(host if "://" in host else f"https://{host}")
    own = is_own_server(parts.netloc)
    account = parts.path.strip("/").partition("/")[0] if own else parts.netloc.partition(".")[0]
    found = {"account_url": f"{parts.scheme}://{parts.netloc}{'/' + account if own and account else ''}"}
    if account:
        found["account_name"] = account
    return found
