"""An Airflow connection as plain data, and what a store's driver makes of it. Pure; no Airflow.

A connection is ``{"conn_type", "host", "login", "password", "schema", "port", "extra": {...}}``, every key optional.
The meaning of the fields is that of Airflow's own hooks (``wasb``, ``adls``, ``aws``, ``samba``,
``google_cloud_platform``, ``postgres``, ``mysql``, ``mssql``, ``sftp``), so a connection made for them opens a
datastore, and one made here works for them.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from mlsteps.errors import InvalidInput
from mlsteps.storage.addresses import account_address, address_parts, database_address

Connection = Mapping[str, Any]
Options = Dict[str, Any]

_FIELDS = ("host", "login", "password", "schema", "port")
#: Options that are no secret: masking them would blank out names and addresses in logs.
_PLAIN = frozenset((
    "account_host", "account_name", "account_url", "anon", "authority_url", "client_id", "database", "endpoint_url",
    "host", "instance", "login", "port", "profile", "project", "region_name", "role_arn", "role_session_name", "schema",
    "sslmode", "sts_endpoint_url", "tenant_id", "username",
    "managed_identity_client_id", "workload_identity_client_id", "workload_identity_tenant_id",
    # of a key file of Google's
    "auth_provider_x509_cert_url", "auth_uri", "client_email", "client_x509_cert_url", "project_id", "token_uri",
    "type", "universe_domain",
))  # fmt: skip

#: What gcsfs is told instead of a token where everyone may ask.
_NOBODY = "anon"


def parse(text: str, what: str = "The connection") -> Dict[str, Any]:
    """The connection that a text holds, JSON or URI, as in the variable ``AIRFLOW_CONN_<ID>``.

    :param what: names it in errors; the text itself may hold a password and is never repeated.
    :raises InvalidInput: when it is neither.
    """
    text = text.strip()
    try:
        found = json.loads(text) if text.startswith("{") else _of_uri(text)
        extra = found.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        port = int(found["port"]) if found.get("port") else None
    except (ValueError, AttributeError) as error:
        raise InvalidInput(
            f"{what} can be read neither as JSON nor as a URI",
            expected='{"conn_type": ...} or type://login:password@host',
        ) from error
    if not isinstance(extra, Mapping):
        raise InvalidInput(f"The extra of {what[:1].lower()}{what[1:]} is no JSON object", expected="{...}")
    return {**found, "port": port, "extra": dict(extra)}


def _of_uri(text: str) -> Dict[str, Any]:
    parts = urlsplit(text)
    if not parts.scheme:
        raise ValueError("no scheme")
    kind, host = parts.scheme.replace("-", "_"), unquote(parts.hostname or "")
    if "://" in parts.path:  # http://https://host: the host's own protocol stands before it
        inner = urlsplit(parts.path.lstrip("/"))
        host = f"{parts.netloc.rstrip(':')}://{inner.netloc}" if parts.netloc else inner.geturl()
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    whole = extra.pop("__extra__", None)
    return {
        "conn_type": "postgres" if kind == "postgresql" else kind,
        "host": host,
        "login": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "schema": unquote(parts.path[1:]) or None,
        "port": parts.port,
        "extra": json.loads(whole) if whole else extra,
    }


def driver_options(connection: Connection) -> Options:
    """What :func:`mlsteps.storage.open.open_datastore` takes as credentials.

    Extras of a type that is not known here are the driver's own options.
    """
    kind = str(connection.get("conn_type") or "")
    extra = _plain_extra(kind, connection.get("extra") or {})
    made = _READERS.get(kind, _other)(connection, extra)
    return {name: value for name, value in made.items() if value is not None and value != ""}


def _plain_extra(kind: str, extra: Mapping[str, Any]) -> Options:
    """Extras as older Airflows wrote them, ``extra__<type>__<name>``, by their names."""
    prefix = f"extra__{kind}__"
    return {name[len(prefix) :] if name.startswith(prefix) else name: value for name, value in extra.items()}


def _azure(connection: Connection, extra: Mapping[str, Any]) -> Options:
    """``wasb``, ``adls``: login and password are account and key, or client and secret when there is a tenant."""
    login, password = connection.get("login"), connection.get("password")
    named = (
        "connection_string",
        "sas_token",
        "account_key",
        "account_name",
        "account_host",
        "tenant_id",
        "anon",
        "client_id",
        "client_secret",
        "authority_url",
    )
    identities = ("managed_identity_client_id", "workload_identity_client_id", "workload_identity_tenant_id")
    options = {name: extra[name] for name in (*named, *identities) if name in extra}
    if extra.get("tenant_id") and login:
        options.update(client_id=login, client_secret=password)
    elif login or password:
        options.setdefault("account_name", login)
        options.setdefault("account_key", extra.get("shared_access_key") or password)
    if connection.get("host"):
        options.update(address_parts(str(connection["host"])))
    return options


def _s3(connection: Connection, extra: Mapping[str, Any]) -> Options:
    service = (extra.get("service_config") or {}).get("s3") or {}
    region = extra.get("region_name")
    return {
        "key": connection.get("login") or extra.get("aws_access_key_id"),
        "secret": connection.get("password") or extra.get("aws_secret_access_key"),
        "token": extra.get("aws_session_token"),
        "profile": extra.get("profile_name"),
        "anon": extra.get("anon"),
        "endpoint_url": service.get("endpoint_url") or extra.get("endpoint_url"),
        "client_kwargs": {"region_name": region} if region else None,
        **(_role(extra) if extra.get("role_arn") else {}),
    }


def _role(extra: Mapping[str, Any]) -> Options:
    more = extra.get("assume_role_kwargs") or {}
    return {
        "role_arn": extra["role_arn"],
        "external_id": more.get("ExternalId") or extra.get("external_id"),
        "role_session_name": more.get("RoleSessionName"),
        "sts_endpoint_url": ((extra.get("service_config") or {}).get("sts") or {}).get("endpoint_url"),
    }


def _smb(connection: Connection, extra: Mapping[str, Any]) -> Options:
    return {
        "host": connection.get("host"),
        "port": connection.get("port"),
        "username": connection.get("login"),
        "password": connection.get("password"),
        "encrypt": extra.get("encrypt"),
        "sas_token": extra.get("sas_token"),
    }


def _google(connection: Connection, extra: Mapping[str, Any]) -> Options:
    key = extra.get("keyfile_dict")
    token = json.loads(key) if isinstance(key, str) else key
    nobody = _NOBODY if str(extra.get("is_anonymous")).lower() == "true" else None
    return {
        "token": token or extra.get("key_path") or nobody,
        "project": extra.get("project"),
        "endpoint_url": extra.get("endpoint_url"),
    }


def _databricks(connection: Connection, extra: Mapping[str, Any]) -> Options:
    host = str(connection.get("host") or extra.get("host") or "")
    return {
        "instance": host.partition("://")[2].rstrip("/") if "://" in host else host,
        "token": extra.get("token") or connection.get("password"),
    }


def _database(connection: Connection, extra: Mapping[str, Any]) -> Options:
    names = {"login": "username", "schema": "database"}
    return {**extra, **{names.get(name, name): connection.get(name) for name in _FIELDS}}


def _other(connection: Connection, extra: Mapping[str, Any]) -> Options:
    known = {"host": connection.get("host"), "port": connection.get("port"), "username": connection.get("login")}
    return {**known, "password": connection.get("password"), **extra}


_READERS: Dict[str, Callable[[Connection, Mapping[str, Any]], Options]] = {
    **dict.fromkeys(("wasb", "adls", "azure_data_lake", "azure_blob_storage"), _azure),
    **dict.fromkeys(("aws", "s3"), _s3),
    **dict.fromkeys(("samba", "smb"), _smb),
    **dict.fromkeys(("google_cloud_platform", "gcpssh"), _google),
    "databricks": _databricks,
    **dict.fromkeys(("postgres", "mysql", "mssql", "odbc"), _database),
}


def connection_for(document: Mapping[str, Any], secrets: Mapping[str, Any]) -> Dict[str, Any]:
    """The connection that holds the secrets of a datastore or a machine, of the type that Airflow's own hook takes.

    Keys and passwords stand in the password, or in extras whose names Airflow masks.

    :param document: the datastore's; :param secrets: as given to ``Datastore.register_*``.
    """
    made = _WRITERS.get(str(document.get("type")), _generic)(document, dict(secrets))
    return {name: value for name, value in made.items() if value not in (None, "", {})}


def _as_azure(document: Mapping[str, Any], secrets: Options) -> Dict[str, Any]:
    account = document.get("account_name")
    made: Dict[str, Any] = {"conn_type": "wasb" if document.get("type") == "AzureBlob" else "adls"}
    made["host"] = account_address(document, "blob") if account else None
    if secrets.get("client_secret"):
        extra = {name: document.get(name) for name in ("tenant_id", "authority_url") if document.get(name)}
        extra["account_name"] = account
        return {**made, "login": document.get("client_id"), "password": secrets["client_secret"], "extra": extra}
    extra = {"sas_token": secrets["sas_token"]} if secrets.get("sas_token") else {}
    return {**made, "login": account, "password": secrets.get("account_key"), "extra": extra}


def _as_samba(document: Mapping[str, Any], secrets: Options) -> Dict[str, Any]:
    parts = urlsplit(account_address(document, "file"))
    return {
        "conn_type": "samba",
        "host": parts.hostname,
        "port": parts.port,
        "login": document.get("account_name"),
        "password": secrets.get("account_key"),
        "schema": document.get("container_name"),
        "extra": {"sas_token": secrets["sas_token"]} if secrets.get("sas_token") else {},
    }


def _as_database(kind: str) -> Callable[[Mapping[str, Any], Options], Dict[str, Any]]:
    def made(document: Mapping[str, Any], secrets: Options) -> Dict[str, Any]:
        extra: Dict[str, Any] = {"sslmode": "require"} if document.get("enforce_ssl") and kind == "postgres" else {}
        if secrets.get("client_secret"):
            extra.update(client_secret=secrets["client_secret"], client_id=document.get("client_id"))
            extra.update(tenant_id=document.get("tenant_id"))
        return {
            "conn_type": kind,
            "host": database_address(document),
            "port": int(document["port_number"]) if document.get("port_number") else None,
            "login": document.get("user_id") or document.get("username"),
            "password": secrets.get("user_password") or secrets.get("password"),
            "schema": document.get("database_name"),
            "extra": extra,
        }

    return made


def _as_machine(document: Mapping[str, Any], secrets: Options) -> Dict[str, Any]:
    """Of a ``RemoteCompute``, by its settings."""
    keys = ("private_key", "private_key_passphrase")
    return {
        "conn_type": "ssh",
        "host": document.get("address"),
        "port": int(document.get("ssh_port") or 22),
        "login": document.get("username"),
        "password": secrets.get("password"),
        "extra": {name: secrets[name] for name in keys if secrets.get(name)},
    }


def _generic(document: Mapping[str, Any], secrets: Options) -> Dict[str, Any]:
    return {"conn_type": "generic", "password": json.dumps(secrets, sort_keys=True) if secrets else None}


_WRITERS: Dict[str, Callable[[Mapping[str, Any], Options], Dict[str, Any]]] = {
    "AzureBlob": _as_azure,
    "AzureDataLakeGen2": _as_azure,
    "AzureDataLake": _as_azure,
    "AzureFile": _as_samba,
    "AzurePostgreSql": _as_database("postgres"),
    "AzureMySql": _as_database("mysql"),
    "AzureSqlDatabase": _as_database("mssql"),
    "VirtualMachine": _as_machine,
}


def secret_texts(options: Mapping[str, Any]) -> List[str]:
    """Every text among options that must not show in a log, the parts of connection strings and tokens too."""
    found: List[str] = []
    for name, value in options.items():
        if isinstance(value, Mapping):
            found += secret_texts(value)
        elif isinstance(value, str) and value and name not in _PLAIN and value != _NOBODY:
            found.append(value)
            found += _parts(value)
    return list(dict.fromkeys(found))


def _parts(text: str) -> List[str]:
    """Keys and signatures inside a connection string or a SAS token, as written and decoded."""
    found = []
    for piece in text.replace("&", ";").lstrip("?").split(";"):
        name, _, value = piece.partition("=")
        if name.lower() in ("accountkey", "sharedaccesssignature", "sig", "password", "pwd", "sharedaccesskey"):
            found += [value, unquote(value)]
    return [item for item in found if item]
