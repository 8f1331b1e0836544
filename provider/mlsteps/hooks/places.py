"""A place in any store, as a DAG author writes it: a path, a URL, or a path of a workspace's datastore."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.hooks.connections import mask, use_airflow_connections
from mlsteps.hooks.mlsteps import resolve_reference
from mlsteps.registry.credentials import load_credentials
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.verify import opener
from mlsteps.storage.addresses import split_connection
from mlsteps.storage.base import Store
from mlsteps.storage.open import open_store

_DATASTORES = "azureml://datastores/"


class Place(NamedTuple):
    """A store and a path in it."""

    store: Store
    path: str


def open_place(text: str, conn_id: str | None = None, mlsteps_conn_id: str | None = None) -> Place:
    """The store of a place and the path in it. No request is made yet.

    :param text: a path of the worker; a URL such as ``s3://bucket/folder``, ``abfs://conn_id@container/a.csv``,
        ``smb://server/share/folder``; or ``azureml://datastores/<name>/paths/<path>``.
    :param conn_id: the Airflow connection with the credentials, unless the URL names one.
    :param mlsteps_conn_id: of the workspace whose datastores are meant.
    :raises UserErrorException: for a connection or a datastore that does not exist.
    """
    use_airflow_connections()
    if text.startswith(_DATASTORES):
        return _in_datastore(text, mlsteps_conn_id)
    url, named = split_connection(text)
    if "://" not in url:
        folder, name = os.path.split(os.path.abspath(os.path.expanduser(url)))
        return Place(open_store(folder), name)
    root, path = _split(url)
    return Place(open_store(root, _credentials(conn_id or named)), path)


def _in_datastore(text: str, mlsteps_conn_id: str | None) -> Place:
    name, separator, path = text[len(_DATASTORES) :].partition("/paths/")
    if not separator and "/" in name:
        raise InvalidInput(f"{text!r} is no place", expected="azureml://datastores/<name>/paths/<path>")
    ws = open_workspace(resolve_reference(None, mlsteps_conn_id))
    return Place(opener(ws)(name), path.strip("/"))


def _split(url: str) -> tuple[str, str]:
    """The folder above a place, which is opened, and its name; a bucket or a share itself has none above."""
    protocol, _, rest = url.partition("://")
    parts = rest.rstrip("/").split("/")
    least = 2 if protocol == "smb" else 1
    if len(parts) <= least:
        return url.rstrip("/"), ""
    return f"{protocol}://{'/'.join(parts[:-1])}", parts[-1]


def _credentials(conn_id: str | None) -> Mapping[str, Any] | None:
    if not conn_id:
        return None
    found = load_credentials(conn_id)
    if found is None:
        raise UserErrorException(f"There is no Airflow connection {conn_id!r}.")
    mask(found)
    return found
