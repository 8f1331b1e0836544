"""Credentials as each driver takes them. Third-party packages are imported only where a credential needs them."""

from __future__ import annotations

import logging
import os
from typing import Any, Callable, Dict, Mapping, Tuple
from urllib.parse import urlsplit

from mlsteps.errors import StoreError

Options = Dict[str, Any]
_AZURE = ("abfs", "abfss", "az", "adl")
_GOOGLE = ("gs", "gcs")
#: What azure-identity finds an identity by, besides the metadata service of virtual machines.
_IDENTITY_VARIABLES = ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT")
_TALKATIVE = ("azure", "smbprotocol", "botocore", "aiobotocore", "s3fs", "paramiko")
_IDENTITIES = ("managed_identity_client_id", "workload_identity_client_id", "workload_identity_tenant_id")


def for_driver(protocol: str, options: Mapping[str, Any], url: str = "") -> Options:
    """Options as the driver of a protocol takes them.

    :param options: credentials in the form of ``registry.connections.driver_options``, mixed with the driver's own
        options, which pass unchanged.
    :param url: may name the account.
    """
    if protocol in _AZURE and url:
        from mlsteps.storage.azure_blob import account_in

        options = {**account_in(url), **options}
    adapt = _ADAPTERS.get(protocol)
    return adapt(dict(options)) if adapt else dict(options)


def quieten() -> None:
    """Drivers tell of every request at the level of information, which would fill a task's log; warnings stay.

    A level that somebody has set is left alone.
    """
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)


def open_file_system(protocol: str, url: str, options: Options) -> Tuple[Any, str]:
    """An fsspec file system, and where the URL leads in it.

    :raises ImportError: when its driver is not installed.
    """
    from fsspec.core import url_to_fs

    if protocol in _AZURE:
        from mlsteps.storage.azure_blob import open_blobs

        return open_blobs(url, options)
    if protocol == "dbfs":
        from mlsteps.storage.databricks import open_dbfs

        return open_dbfs(url, options)
    if protocol in ("sftp", "ssh"):
        from mlsteps.storage.sftp import open_sftp

        return open_sftp(url, options)
    if protocol in _GOOGLE:
        found = file_system(protocol, options)
        return found, found._strip_protocol(url)
    opened, root = url_to_fs(url, **options)
    return opened, root


def file_system(protocol: str, options: Options) -> Any:
    """An fsspec file system of its own class, as anybody opens it.

    :raises ImportError: when its driver is not installed.
    """
    import fsspec

    if protocol in _GOOGLE and _is_own_google(options):
        from gcsfs.core import GCSFileSystem

        # The usual class asks Google's control plane, over gRPC and for a minute, of what kind each bucket is.
        return GCSFileSystem(**options)
    return fsspec.filesystem(protocol, **options)


def _is_own_google(options: Mapping[str, Any]) -> bool:
    """Whether Google's storage is a server of one's own, such as an emulator."""
    address = str(options.get("endpoint_url") or os.environ.get("STORAGE_EMULATOR_HOST") or "")
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    return bool(host) and not host.endswith(".googleapis.com")


def _azure(options: Options) -> Options:
    """adlfs.

    Without any credential a container is opened with the machine's identity when it has one (or when
    ``AZURE_STORAGE_ANON=false`` says so), else as everyone may, which is enough for public data.
    Keys and tokens become a connection string: it alone carries an address with another protocol than https, and it
    alone wins over an ``AZURE_STORAGE_CONNECTION_STRING`` that the machine has for something else.
    """
    url = str(options.pop("account_url", "")).rstrip("/")
    identities = {name: options.pop(name) for name in _IDENTITIES if name in options}
    name = options.get("account_name")
    if options.get("connection_string") or options.get("credential") is not None:
        return options
    if name and (options.get("account_key") or options.get("sas_token")):
        return {**_without_secrets(options), "connection_string": _connection_string(str(name), url, options)}
    if url:
        options.setdefault("account_host", url.partition("://")[2])
    if options.get("client_secret"):
        options = _principal(options)
    elif identities and not options.get("client_id"):
        options["credential"] = _identity(identities)
    elif not options.get("client_id") and "AZURE_STORAGE_ANON" not in os.environ:
        options.setdefault("anon", not _has_identity())
    if url.startswith("http://") and name and options.get("anon"):
        return {**_without_secrets(options), "connection_string": _connection_string(str(name), url, {})}
    return options


def _has_identity() -> bool:
    """Whether this machine says who it is. Looking for an identity that is not there takes azure-identity minutes."""
    signed_in = os.path.join(os.environ.get("AZURE_CONFIG_DIR") or os.path.expanduser("~/.azure"), "azureProfile.json")
    return any(os.environ.get(name) for name in _IDENTITY_VARIABLES) or os.path.exists(signed_in)


def _without_secrets(options: Options) -> Options:
    left_out = ("account_key", "sas_token", "account_name", "account_host", "client_id", "client_secret", "tenant_id")
    return {name: value for name, value in options.items() if name not in left_out}


def _connection_string(name: str, url: str, options: Options) -> str:
    host = options.get("account_host")
    address = url or (f"https://{host}" if host else f"https://{name}.blob.core.windows.net")
    protocol = urlsplit(address).scheme
    parts = [f"DefaultEndpointsProtocol={protocol}", f"AccountName={name}", f"BlobEndpoint={address}"]
    if options.get("account_key"):
        parts.append(f"AccountKey={options['account_key']}")
    elif options.get("sas_token"):
        parts.append(f"SharedAccessSignature={str(options['sas_token']).lstrip('?')}")
    return ";".join(parts)


def _principal(options: Options) -> Options:
    """A service principal, which signs in where its cloud has it done (SDK: ``authority_url``)."""
    missing = [name for name in ("tenant_id", "client_id") if not options.get(name)]
    if missing:
        raise StoreError(f"A service principal needs {' and '.join(missing)} beside its secret.")
    authority = str(options.pop("authority_url", None) or _AUTHORITIES[0]).rstrip("/")
    if authority.endswith(_AUTHORITIES[0]):
        return options  # the drivers know how
    try:
        from azure.identity.aio import ClientSecretCredential
    except ImportError as error:
        raise _needs_identity("A service principal", error) from error
    # Clouds of one's own are not among those that Microsoft's discovery knows.
    where: Dict[str, Any] = {"authority": authority, "disable_instance_discovery": not authority.endswith(_AUTHORITIES)}
    secrets = [options.pop(name) for name in ("tenant_id", "client_id", "client_secret")]
    return {**options, "credential": ClientSecretCredential(*secrets, **where)}


_AUTHORITIES = ("login.microsoftonline.com", "login.windows.net", "login.microsoftonline.us", "login.chinacloudapi.cn")


def _needs_identity(what: str, error: BaseException) -> StoreError:
    return StoreError(f"{what} needs azure-identity: pip install airflow-provider-mlsteps[azure] ({error}).", error)


def _identity(identities: Mapping[str, Any]) -> Any:
    try:
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        raise _needs_identity("A managed identity", error) from error
    return DefaultAzureCredential(
        managed_identity_client_id=identities.get("managed_identity_client_id"),
        workload_identity_client_id=identities.get("workload_identity_client_id"),
        workload_identity_tenant_id=identities.get("workload_identity_tenant_id"),
    )


_ROLE = ("role_arn", "external_id", "role_session_name", "sts_endpoint_url")


def _s3(options: Options) -> Options:
    if options.get("role_arn"):
        try:
            from mlsteps.storage.aws_roles import assuming

            region = (options.get("client_kwargs") or {}).get("region_name")
            session = assuming(options["role_arn"], {"region_name": region, **options})
        except ImportError as error:
            raise StoreError(
                f"A role needs s3fs: pip install airflow-provider-mlsteps[s3] ({error}).", error
            ) from error
        left_out = (*_ROLE, "key", "secret", "token", "profile")
        options = {name: value for name, value in options.items() if name not in left_out}
        options["session"] = session
    region = options.pop("region_name", None)
    if region:
        options["client_kwargs"] = {**(options.get("client_kwargs") or {}), "region_name": region}
    return options


_ADAPTERS: Dict[str, Callable[[Options], Options]] = {
    **dict.fromkeys(_AZURE, _azure),
    **dict.fromkeys(("s3", "s3a"), _s3),
}
