"""Credentials of package indexes and conda channels, by the host of their address: in Airflow's connections, nowhere
else.

Code that gives an address with a password (``--extra-index-url https://me:secret@packages.example.com/simple``) keeps
running: the password leaves the document (:func:`taken`) and stays in this process's memory, from where it goes to
Airflow as the connection ``mlsteps_index_packages_example_com`` when a pipeline is submitted. Whoever installs packages
puts it back (:func:`signed`), for the one process that needs it.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, Mapping
from urllib.parse import quote, unquote

from mlsteps.registry.credentials import given_credentials, load_credentials, store_credentials

#: An address as it stands in a line of text: what is before the login, the login, the host.
_ADDRESS = re.compile(r"(?P<scheme>\bhttps?://)(?:(?P<login>[^/@\s]+)@)?(?P<host>[A-Za-z0-9.\[\]:_-]+)", re.IGNORECASE)
_given: Dict[str, str] = {}


def connection_id(host: str) -> str:
    """Id of the connection for a host, with its port where the address names one: ``mlsteps_index_<host>``."""
    return "mlsteps_index_" + re.sub(r"[^a-z0-9]+", "_", host.lower()).strip("_")


def bare(text: str) -> str:
    """The text with the logins of its addresses taken out; one that names variables (``${TOKEN}``) is no secret."""
    return _ADDRESS.sub(lambda found: found.group("scheme") + _kept(found) + found.group("host"), text)


def taken(document: Any) -> Any:
    """The same JSON data without logins in addresses, which this process keeps from now on."""
    if isinstance(document, str):
        for found in _ADDRESS.finditer(document):
            if found.group("login") and not _kept(found):
                _keep(found.group("host"), found.group("login"))
        return bare(document)
    if isinstance(document, Mapping):
        return {key: taken(value) for key, value in document.items()}
    return [taken(item) for item in document] if isinstance(document, (list, tuple)) else document


def signed(text: str) -> str:
    """The text with the login of each address that has none put in, as the connection of its host says it."""
    return _ADDRESS.sub(lambda found: found.group("scheme") + _login(found) + found.group("host"), text)


def missing(lines: Iterable[str]) -> str:
    """What to add to the words of an installer that failed: the hosts whose login nobody has said; "" for none.

    Installers do not tell a package that is not there from an index that does not show it to strangers.
    """
    found = (match for line in lines for match in _ADDRESS.finditer(signed(line)) if not match.group("login"))
    hosts = dict.fromkeys(match.group("host") for match in found)
    if not hosts:
        return ""
    known = ", ".join(f"{connection_id(host)} ({host})" for host in hosts)
    return f"\nWhere a host wants a login, it stands in the Airflow connection with its id: {known}"


def given() -> Dict[str, Dict[str, Any]]:
    """The connections for what this process was given, by id."""
    made = {}
    for conn_id, host in _given.items():
        known = given_credentials(conn_id) or {}
        login, password = known.get("username"), known.get("password")
        made[conn_id] = {"conn_type": "http", "host": host, "login": login, "password": password}
    return made


def _keep(host: str, login: str) -> None:
    name, _, password = login.partition(":")
    conn_id = connection_id(host)
    store_credentials(conn_id, {"username": unquote(name), "password": unquote(password)})
    _given[conn_id] = host


def _kept(found: re.Match[str]) -> str:
    login = found.group("login") or ""
    return f"{login}@" if "${" in login else ""


def _login(found: re.Match[str]) -> str:
    if found.group("login"):
        return f"{found.group('login')}@"
    known = load_credentials(connection_id(found.group("host"))) or {}
    name, password = str(known.get("username") or ""), str(known.get("password") or "")
    if not name and not password:
        return ""
    return quote(name, safe="") + (f":{quote(password, safe='')}" if password else "") + "@"
