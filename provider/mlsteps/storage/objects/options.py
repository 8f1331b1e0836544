"""What a driver was told, in obstore's words. None where that cannot be said: the driver then does it alone."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Mapping, Tuple
from urllib.parse import urlsplit

Settings = Dict[str, Any]

_S3 = {"key", "secret", "token", "endpoint_url", "client_kwargs", "anon"}
_BLOB = {"connection_string", "account_name", "account_key", "sas_token", "account_host", "anon"} | {
    "client_id",
    "client_secret",
    "tenant_id",
}
#: Files of certificates that people name for their drivers.
AUTHORITIES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def settings_of(protocol: str, options: Mapping[str, Any]) -> Settings | None:
    """Settings of an obstore store without its bucket; None when these options mean more than it can be told."""
    known, make = _MAKERS.get(protocol, (set(), None))
    given = {name: value for name, value in options.items() if value not in (None, "", {})}
    return make(given) if make is not None and not set(given) - known else None


def _s3(options: Mapping[str, Any]) -> Settings | None:
    client = dict(options.get("client_kwargs") or {})
    region, endpoint = client.pop("region_name", None), client.pop("endpoint_url", options.get("endpoint_url"))
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    if client or not (region or endpoint):
        return None  # the driver finds out where a bucket lies
    found: Settings = {"region": region or "us-east-1", "virtual_hosted_style_request": False}
    if endpoint:
        found["endpoint"] = endpoint
    if options.get("anon"):
        found["skip_signature"] = True
    elif options.get("key") and options.get("secret"):
        found.update(access_key_id=options["key"], secret_access_key=options["secret"])
        if options.get("token"):
            found["session_token"] = options["token"]
    else:
        return None  # a profile, or an identity of the machine
    return _with_client(found, str(endpoint or "https://"))


def _blob(options: Mapping[str, Any]) -> Settings | None:
    if options.get("connection_string"):
        parts = str(options["connection_string"]).split(";")
        account = dict(part.split("=", 1) for part in parts if "=" in part)
        name, key, sas = (account.get(part) for part in ("AccountName", "AccountKey", "SharedAccessSignature"))
        endpoint = account.get("BlobEndpoint") or _address(account)
    else:
        name, key, sas = (options.get(part) for part in ("account_name", "account_key", "sas_token"))
        host = options.get("account_host") or (f"{name}.blob.core.windows.net" if name else "")
        endpoint = f"https://{host}" if host else ""
    identity = _identity(key, sas, options)
    name = name or urlsplit(endpoint or "").netloc.partition(".")[0]
    if identity is None or not endpoint or not name:
        return None
    return _with_client({"account_name": name, "endpoint": endpoint.rstrip("/"), **identity}, endpoint)


def _address(account: Mapping[str, str]) -> str:
    if not account.get("AccountName"):
        return ""
    suffix = account.get("EndpointSuffix", "core.windows.net")
    return f"{account.get('DefaultEndpointsProtocol', 'https')}://{account['AccountName']}.blob.{suffix}"


def _identity(key: str | None, sas: str | None, options: Mapping[str, Any]) -> Settings | None:
    if key:
        return {"account_key": key}
    if sas:
        return {"sas_key": str(sas).lstrip("?")}
    secret = {name: options.get(name) for name in ("client_id", "client_secret", "tenant_id")}
    if all(secret.values()):
        return secret
    return {"skip_signature": True} if options.get("anon") is True else None


def _with_client(found: Settings, address: str) -> Settings:
    client: Dict[str, Any] = {"timeout": "10 min", "connect_timeout": "20 s", "read_timeout": "2 min"}
    if address.startswith("http://"):
        client["allow_http"] = True
    bundle = next((os.environ[name] for name in AUTHORITIES if os.path.isfile(os.environ.get(name, ""))), None)
    if bundle and not client.get("allow_http"):
        with open(bundle, "rb") as file:
            client["root_certificate"] = file.read()
    return {**found, "client_options": client}


_Maker = Callable[[Mapping[str, Any]], "Settings | None"]
_MAKERS: Dict[str, Tuple[set, _Maker]] = {  # type: ignore[type-arg]
    **dict.fromkeys(("s3", "s3a"), (_S3, _s3)),
    **dict.fromkeys(("abfs", "abfss", "az"), (_BLOB, _blob)),
}
