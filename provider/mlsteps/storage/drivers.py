"""Credentials as each driver takes them. Third-party packages are imported only where a credential needs them."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Tuple
from urllib.parse import urlsplit

from mlsteps.errors import StoreError

Options = Dict[str, Any]
_IDENTITIES = ("managed_identity_client_id", "workload_identity_client_id", "workload_identity_tenant_id")


def for_driver(protocol: str, rest: str, options: Mapping[str, Any]) -> Tuple[str, Options]:
    """The URL behind its protocol, and the options, as the driver of a protocol takes them.

    :param rest: the URL without its protocol; :param options: credentials in the form of
        ``registry.connections.driver_options``, mixed with the driver's own options, which pass unchanged.
    """
    adapt = _ADAPTERS.get(protocol)
    return adapt(rest, dict(options)) if adapt else (rest, dict(options))


def _azure(rest: str, options: Options) -> Tuple[str, Options]:
    """adlfs.

    Keys and tokens become a connection string: it alone carries an address with another protocol than https, and it
    alone wins over an ``AZURE_STORAGE_CONNECTION_STRING`` that the machine has for something else.
    """
    url = str(options.pop("account_url", "")).rstrip("/")
    identities = {name: options.pop(name) for name in _IDENTITIES if name in options}
    name = options.get("account_name")
    if options.get("connection_string") or options.get("credential") is not None:
        return rest, options
    if name and (options.get("account_key") or options.get("sas_token")):
        return rest, {**_without_secrets(options), "connection_string": _connection_string(str(name), url, options)}
    if url:
        options.setdefault("account_host", url.partition("://")[2])
    if identities and not options.get("client_id"):
        options["credential"] = _identity(identities)
    return rest, options


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
    else:
        parts.append(f"SharedAccessSignature={str(options['sas_token']).lstrip('?')}")
    return ";".join(parts)


def _identity(identities: Mapping[str, Any]) -> Any:
    try:
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        raise StoreError(
            f"A managed identity needs azure-identity: pip install airflow-provider-mlsteps[azure] ({error}).", error
        ) from error
    return DefaultAzureCredential(
        managed_identity_client_id=identities.get("managed_identity_client_id"),
        workload_identity_client_id=identities.get("workload_identity_client_id"),
        workload_identity_tenant_id=identities.get("workload_identity_tenant_id"),
    )


def _s3(rest: str, options: Options) -> Tuple[str, Options]:
    region = options.pop("region_name", None)
    if region:
        options["client_kwargs"] = {**(options.get("client_kwargs") or {}), "region_name": region}
    return rest, options


def _smb(rest: str, options: Options) -> Tuple[str, Options]:
    """fsspec takes the server from the URL alone; a connection's own host and port win over the datastore's."""
    host, port = options.pop("host", None), options.pop("port", None)
    options.pop("account_key", None)
    if options.pop("sas_token", None) and not options.get("password"):
        raise StoreError(
            f"smb://{rest} was registered with a SAS token, which SMB does not know. Register it with an account key."
        )
    server, slash, path = rest.partition("/")
    if host:
        server = f"{host}:{port}" if port else str(host)
    # Without it each open file is locked for every other reader, in this process too.
    options.setdefault("share_access", "rwd")
    return f"{server}{slash}{path}", options


_ADAPTERS: Dict[str, Callable[[str, Options], Tuple[str, Options]]] = {
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), _azure),
    **dict.fromkeys(("s3", "s3a"), _s3),
    "smb": _smb,
}
