"""Real databases for tests: a place of its own in each, with the datastore's document and credentials."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from tests.components.conftest import variable


class Place:
    """A database that a test has for itself; ``query`` speaks to it by another way than mlsteps does."""

    type: str
    #: Texts that differ: a text of any length, and how a statement sleeps.
    sleep: str
    numbers = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 1000) SELECT "

    def __init__(self, url: str) -> None:
        self.parts = urlsplit(url)
        self.name = f"t{uuid.uuid4().hex[:12]}"
        self.document = {
            "name": "db",
            "type": self.type,
            "server_name": self.parts.hostname,
            "port_number": self.parts.port,
            "database_name": self.parts.path[1:],
            "user_id": self.parts.username,
        }
        self.credentials = {"user_password": self.parts.password or "secretpassword"}
        self.make()

    def register(self, workspace: Any) -> Any:
        """The database as the datastore ``db`` of a workspace, as the SDK registers it."""
        from mlsteps.sdk.datastore import Datastore

        given = {name: self.document[name] for name in ("server_name", "database_name", "user_id", "port_number")}
        if self.type == "AzureMySql":
            return Datastore.register_azure_my_sql(workspace, "db", endpoint="", **given, **self.credentials)
        more = {"endpoint": "", "enforce_ssl": False}
        return Datastore.register_azure_postgre_sql(workspace, "db", **given, **more, **self.credentials)

    def make(self) -> None:
        """The place."""

    def query(self, text: str) -> list[Any]:
        raise NotImplementedError

    def drop(self) -> None:
        """Remove the place."""


class Postgres(Place):
    """A schema."""

    type, sleep = "AzurePostgreSql", "SELECT 1 FROM pg_sleep(30)"

    def make(self) -> None:
        import psycopg

        self.connection = psycopg.connect(variable("POSTGRES_URL"), autocommit=True)
        self.query(f"CREATE SCHEMA {self.name}")

    def query(self, text: str) -> list[Any]:
        cursor = self.connection.execute(text)
        return cursor.fetchall() if cursor.description else []

    def drop(self) -> None:
        self.query(f"DROP SCHEMA {self.name} CASCADE")
        self.connection.close()


class MariaDb(Place):
    """A database."""

    type, sleep = "AzureMySql", "SELECT SLEEP(30) FROM (SELECT 1 UNION SELECT 2) t"

    def make(self) -> None:
        import pymysql

        self.connection = pymysql.connect(
            host=self.parts.hostname,
            port=self.parts.port or 3306,
            user=self.parts.username,
            password=self.parts.password or "",
            autocommit=True,
        )
        self.query(f"CREATE DATABASE {self.name}")
        self.query(f"USE {self.name}")
        self.document["database_name"] = self.name

    def query(self, text: str) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def drop(self) -> None:
        self.query(f"DROP DATABASE {self.name}")
        self.connection.close()
