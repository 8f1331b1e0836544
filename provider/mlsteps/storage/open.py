"""A store for a URL or for a datastore's document."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping
from urllib.parse import urlsplit

from mlsteps.errors import AzureMLException, InvalidInput, StoreError
from mlsteps.storage.addresses import account_address, gen2_of
from mlsteps.storage.base import Store, redact
from mlsteps.storage.drivers import for_driver, open_file_system, quieten
from mlsteps.storage.local import LocalStore
from mlsteps.storage.relayed import RelayedStore, relay

#: What brings each protocol, for the error when it is missing.
_PACKAGES = {
    **dict.fromkeys(("abfs", "abfss", "az"), "airflow-provider-mlsteps[azure]"),
    **dict.fromkeys(("s3", "s3a"), "airflow-provider-mlsteps[s3]"),
    **dict.fromkeys(("gs", "gcs"), "airflow-provider-mlsteps[gcs]"),
    "sftp": "paramiko",
    "ssh": "paramiko",
    "smb": "smbprotocol",
    "dbfs": "requests",
}
#: The SDK's own spelling of Azure Blob addresses.
_SPELLINGS = {"wasb": "abfs", "wasbs": "abfs"}

_DATABASES = ("AzureSqlDatabase", "AzurePostgreSql", "AzureMySql")


def open_store(url: str, credentials: Mapping[str, Any] | None = None) -> Store:
    """The store at a URL. No request is made yet.

    In a step's own process a remote one without credentials of the script's own is opened by the step's runner.

    :param url: a path of this machine, ``file://``, ``http(s)://`` (read-only) or any URL that fsspec knows.
    :param credentials: the driver's own options (``account_key``, ``key``, ``secret``, ``endpoint_url`` ...).
    :raises StoreError: when the protocol's driver is missing, naming what to install.
    :raises InvalidInput: for an empty URL.
    """
    url = os.fspath(url)
    if not url.strip():
        raise InvalidInput("A store needs an address and got none", expected="a path or a URL")
    if "://" not in url:
        return LocalStore(os.path.expanduser(url))
    protocol, _, rest = url.partition("://")
    protocol = protocol.lower()
    if protocol == "adl":
        store_name, _, path = rest.partition("/")
        return open_store(f"{gen2_of(store_name.partition('.')[0])}/{path}", credentials)
    if protocol in ("file", "local"):
        return LocalStore("/" + rest[len("localhost") :].lstrip("/") if rest.startswith("localhost/") else rest)
    if protocol in ("http", "https"):
        from mlsteps.storage.public_blobs import web_store

        address, _, query = url.partition("?")
        return web_store(address, query)
    socket_path = relay()
    if socket_path and not credentials:
        return RelayedStore(socket_path, {"url": url}, redact(url))
    store = _open_with_driver(_SPELLINGS.get(protocol, protocol), rest, dict(credentials or {}))
    store.opened_with = {"url": url, "credentials": dict(credentials or {})}
    return store


def package_of(protocol: str) -> str:
    """What to install for a protocol."""
    return _PACKAGES.get(protocol, "fsspec")


def is_remote(url: str) -> bool:
    """Whether a URL needs a driver: it is neither a path of this machine nor a web address."""
    protocol, separator, _ = url.partition("://")
    return bool(separator) and protocol.lower() not in ("file", "local", "http", "https")


def _open_with_driver(protocol: str, rest: str, options: Dict[str, Any]) -> Store:
    url = f"{protocol}://{rest}"
    options = for_driver(protocol, options, url)
    quieten()
    try:
        if protocol == "smb":
            from mlsteps.storage.smb import open_share

            return open_share(url, options)
        from mlsteps.storage.objects.client import open_objects
        from mlsteps.storage.remote import FsspecStore

        file_system, root = open_file_system(protocol, url, options)
        objects = open_objects(protocol, options, file_system)
    except ImportError as error:
        package = package_of(protocol)
        raise StoreError(f"{redact(url)} needs a driver: pip install {package} ({error}).", error) from error
    except AzureMLException:
        raise
    except Exception as error:  # some drivers connect at once, and raise classes of their own
        if isinstance(error, ValueError) and "rotocol not known" in str(error):
            raise StoreError(f"{redact(url)}: fsspec knows no protocol {protocol!r}.", error) from error
        reason = redact(str(error) or type(error).__name__)
        raise StoreError(f"{redact(url)} cannot be opened: {reason}", error) from error
    return FsspecStore(redact(url), file_system, root, protocol, objects)


def open_datastore(document: Mapping[str, Any], credentials: Mapping[str, Any] | None = None) -> Store:
    """The store of a registered datastore.

    :param document: ``{"name", "type", "url"?, ...the SDK's properties}``. Without a URL it is made of the SDK's
        properties: container or filesystem or share, and account. ``options`` are passed to the driver.
    :param credentials: ``account_key``, ``sas_token``, ``client_id`` ... and anything else the driver takes; they win
        over the document's own. Kept in memory only.
    :returns: a database's store has rows and refuses whatever is about files.
    """
    name, kind = document.get("name", "?"), document.get("type", "")
    if kind in _DATABASES:
        return _open_database(document, credentials)
    if kind == "AzureDataLake" and not document.get("url"):
        document = {**document, "url": gen2_of(str(document.get("store_name") or "?"))}
    url = document.get("url") or _sdk_url(document)
    if not url:
        raise StoreError(f"Datastore {name!r} of type {kind or 'unknown'} says neither its URL nor its container.")
    socket_path = relay()
    if socket_path and not credentials and is_remote(url):
        return RelayedStore(socket_path, {"datastore": name}, redact(url))
    options = {**document.get("options", {}), **(credentials or {})}
    if document.get("account_name") and not document.get("url"):
        options = _account_options(document, options)
    elif kind == "AzureDataLake" and options.get("client_secret"):
        options = {**{name: document.get(name) for name in ("client_id", "tenant_id", "authority_url")}, **options}
    return open_store(url, options)


def _open_database(document: Mapping[str, Any], credentials: Mapping[str, Any] | None) -> Store:
    from mlsteps.storage.databases import DatabaseStore

    store, socket_path = DatabaseStore(document, credentials), relay()
    if socket_path and not credentials:
        return RelayedStore(socket_path, {"datastore": store.name}, store.url)
    return store


def _sdk_url(document: Mapping[str, Any]) -> str | None:
    kind, account = document.get("type"), document.get("account_name")
    if kind in ("AzureBlob", "AzureDataLakeGen2"):
        container = document.get("container_name") or document.get("filesystem")
        return f"abfs://{container}" if container and account else None
    if kind == "AzureFile":
        share = document.get("file_share_name") or document.get("container_name")
        return f"smb://{urlsplit(account_address(document, 'file')).netloc}/{share}" if share and account else None
    return "dbfs:///" if kind == "DBFS" else None


def _account_options(document: Mapping[str, Any], options: Mapping[str, Any]) -> Dict[str, Any]:
    """Where the account answers, and who asks: over SMB (Azure Files) the account is the user, its key the password."""
    if document.get("type") == "AzureFile":
        if options.get("sas_token") and not (options.get("account_key") or options.get("password")):
            raise StoreError(
                f"Datastore {document.get('name')!r} was registered with a SAS token, which a file share does not take "
                "over SMB. Register it with the account's key."
            )
        known = {"username": document["account_name"], "password": options.get("account_key")}
    else:
        known = {"account_name": document["account_name"]}
        if document.get("protocol") or document.get("endpoint"):
            known["account_url"] = account_address(document, "blob")
        if options.get("client_secret"):
            known.update({name: document.get(name) for name in ("client_id", "tenant_id", "authority_url")})
    return {**{name: value for name, value in known.items() if value}, **options}
