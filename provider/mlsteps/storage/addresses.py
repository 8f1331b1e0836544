"""Where an Azure storage account answers, from the SDK's properties of a datastore."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping
from urllib.parse import urlsplit

_DOMAIN = "core.windows.net"


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
