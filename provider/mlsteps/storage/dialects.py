"""What databases differ in: drivers, addresses, how a query is held in check. Opened through SQLAlchemy.

Nothing is imported here but when it is used; SQLAlchemy comes with Airflow.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Callable, Dict, Mapping, NamedTuple, Tuple

from mlsteps.errors import InvalidInput, StoreError
from mlsteps.storage.addresses import database_address

#: Seconds to wait for a server to answer at all.
CONNECT = 30
_AZURE_SQL_DRIVER = "ODBC Driver 18 for SQL Server"


class Login(NamedTuple):
    """Where a database is and who asks; ``extra`` are the driver's own options."""

    host: str
    port: int | None
    user: str | None
    password: str | None
    database: str | None
    extra: Mapping[str, Any]


class Driver(NamedTuple):
    """A Python module, SQLAlchemy's name of it, and the package that brings it."""

    module: str
    name: str
    package: str


class Dialect(NamedTuple):
    """One kind of database.

    :param checks: statements before a query, so that it writes nothing.
    :param options: arguments of the driver's ``connect``, of a login and the seconds that a query may take.
    :param stop: the statement by which another connection ends what one does; it is given that one's identity.
    :param identity: a query for that identity.
    """

    title: str
    drivers: Tuple[Driver, ...]
    port: int
    checks: Tuple[str, ...]
    options: Callable[[Login, int | None], Dict[str, Any]]
    identity: str
    stop: str

    def driver(self, login: Login) -> Driver:
        """The driver to use: the first one that is installed.

        :raises StoreError: naming what to install.
        """
        able = [driver for driver in self.drivers if driver.module != "pymssql" or not _by_identity(login)]
        for driver in able:
            if importlib.util.find_spec(driver.module) is not None:
                return driver
        why = " with a service principal or an identity" if _by_identity(login) and self.title == "SQL Server" else ""
        raise StoreError(f"Reading {self.title}{why} needs a driver: pip install {able[0].package}.")

    def url(self, login: Login) -> Any:
        """SQLAlchemy's address; its text hides the password."""
        from sqlalchemy import URL

        driver = self.driver(login)
        query = _odbc_query(login) if driver.module == "pyodbc" else {}
        if driver.module == "pymysql":
            query["charset"] = "utf8mb4"
        user, password = login.user, login.password
        if driver.module == "pyodbc" and login.extra.get("client_secret"):
            user, password = login.extra.get("client_id"), login.extra["client_secret"]
        return URL.create(driver.name, user, password, login.host, login.port or self.port, login.database, query=query)


def login_of(document: Mapping[str, Any], credentials: Mapping[str, Any] | None) -> Login:
    """Who asks where: a connection's fields win over the datastore's own.

    :param credentials: driver options of a connection, or what ``Datastore.register_*`` was given.
    """
    known = dict(credentials or {})
    port = known.pop("port", None) or document.get("port_number")
    known.pop("conn_type", None)
    user = known.pop("username", None) or document.get("user_id") or document.get("username")
    password = known.pop("password", None) or known.pop("user_password", None)
    for name in ("client_id", "tenant_id"):
        if document.get(name):
            known.setdefault(name, document[name])
    if document.get("enforce_ssl") and document.get("type") == "AzurePostgreSql":
        known.setdefault("sslmode", "require" if known.get("host") is None else "prefer")
    host = str(known.pop("host", None) or database_address(document))
    if not host:
        raise InvalidInput(f"Datastore {document.get('name')!r} says no server", expected="server_name")
    database = known.pop("database", None) or document.get("database_name")
    return Login(host, int(port) if port else None, user, password, database, known)


def _by_identity(login: Login) -> bool:
    return bool(login.extra.get("client_secret")) or not login.user


def _odbc_query(login: Login) -> Dict[str, str]:
    """SQL Server by Entra ID: a service principal when a secret is known, else the identity of the machine."""
    principal = bool(login.extra.get("client_secret"))
    way = "ActiveDirectoryServicePrincipal" if principal else "ActiveDirectoryMsi"
    query = {"driver": str(login.extra.get("driver") or _AZURE_SQL_DRIVER), "Encrypt": "yes"}
    return query if login.user and not principal else {**query, "Authentication": way}


def _postgres_options(login: Login, timeout: int | None) -> Dict[str, Any]:
    passed = {
        name: login.extra[name] for name in ("sslmode", "sslrootcert", "sslcert", "sslkey") if login.extra.get(name)
    }
    return {"connect_timeout": CONNECT, "application_name": "mlsteps", **passed}


def _mysql_options(login: Login, timeout: int | None) -> Dict[str, Any]:
    options: Dict[str, Any] = {"connect_timeout": CONNECT}
    if login.extra.get("ssl"):
        options["ssl"] = login.extra["ssl"]
    elif login.host.endswith(".mysql.database.azure.com"):  # takes no connection without TLS
        import ssl

        options["ssl"] = ssl.create_default_context()
    return options


def _mssql_options(login: Login, timeout: int | None) -> Dict[str, Any]:
    if _by_identity(login):
        return {"timeout": CONNECT}
    options: Dict[str, Any] = {"login_timeout": CONNECT, "timeout": timeout or 0, "tds_version": "7.4"}
    if login.host.endswith(".database.windows.net"):  # takes no connection without TLS
        options["encryption"] = "require"
    return options


DIALECTS: Mapping[str, Dialect] = {
    "AzurePostgreSql": Dialect(
        "PostgreSQL",
        (
            Driver("psycopg", "postgresql+psycopg", "airflow-provider-mlsteps[postgres]"),
            Driver("psycopg2", "postgresql+psycopg2", "airflow-provider-mlsteps[postgres]"),
        ),
        5432,
        ("SET TRANSACTION READ ONLY",),
        _postgres_options,
        "SELECT pg_backend_pid()",
        "SELECT pg_cancel_backend({})",
    ),
    "AzureMySql": Dialect(
        "MySQL",
        (Driver("pymysql", "mysql+pymysql", "airflow-provider-mlsteps[mysql]"),),
        3306,
        # The server waits an hour for a reader that takes its time; 60 seconds are its own choice.
        ("SET SESSION TRANSACTION READ ONLY", "SET SESSION net_write_timeout = 3600"),
        _mysql_options,
        "SELECT CONNECTION_ID()",
        "KILL QUERY {}",
    ),
    "AzureSqlDatabase": Dialect(
        "SQL Server",
        (
            Driver("pymssql", "mssql+pymssql", "airflow-provider-mlsteps[mssql]"),
            Driver("pyodbc", "mssql+pyodbc", f"pyodbc, with Microsoft's {_AZURE_SQL_DRIVER!r}"),
        ),
        1433,
        (),  # knows no read-only transaction; what a query writes is rolled back
        _mssql_options,
        "SELECT @@SPID",
        "KILL {}",
    ),
}
