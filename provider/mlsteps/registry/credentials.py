"""Credentials by the id of their connection: what ``Datastore.register_*`` was given here, variables, other sources.

Nothing of it is ever written to a workspace. Inside Airflow the operators add Airflow itself as a source; in a step's
own process there is none, because the runner opens remote stores on its behalf.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, Mapping

from mlsteps.registry.connections import driver_options, parse

#: Answers the driver options of a connection, or None when it does not know the connection.
Source = Callable[[str], "Mapping[str, Any] | None"]

_given: Dict[str, Dict[str, Any]] = {}
_sources: List[Source] = []


def store_credentials(conn_id: str, options: Mapping[str, Any]) -> None:
    """Keep credentials in the memory of this process, in place of older ones of that id."""
    _given[_key(conn_id)] = dict(options)


def forget_credentials(conn_id: str) -> None:
    """Drop what :func:`store_credentials` has kept; unknown ids are fine."""
    _given.pop(_key(conn_id), None)


def forget_all() -> None:
    """Drop everything that this process was given, and its sources: a fork that must know only what it is handed."""
    _given.clear()
    _sources.clear()


def given_credentials(conn_id: str) -> Dict[str, Any] | None:
    """What :func:`store_credentials` has kept, or None."""
    found = _given.get(_key(conn_id))
    return None if found is None else dict(found)


def load_credentials(conn_id: str | None) -> Dict[str, Any] | None:
    """The driver options of a connection: given in this process, else of the variable ``AIRFLOW_CONN_<ID>``, else of
    the first source that knows it; None when nothing does.

    :param conn_id: None, a datastore without a connection, has no credentials.
    :raises InvalidInput: for a variable that holds no connection; its value is not repeated.
    """
    if not conn_id:
        return None
    found = given_credentials(conn_id)
    if found is None:
        variable = variable_of(conn_id)
        if os.environ.get(variable):
            return driver_options(parse(os.environ[variable], f"The connection in {variable}"))
        found = next((dict(answer) for answer in (source(conn_id) for source in _sources) if answer is not None), None)
    return found


def variable_of(conn_id: str) -> str:
    """The environment variable in which Airflow looks for a connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def add_source(source: Source) -> None:
    """Have :func:`load_credentials` ask this, too; once, however often it is added."""
    if source not in _sources:
        _sources.append(source)


def connection_id(workspace: str, datastore: str) -> str:
    """Id of the connection that holds a datastore's secrets: ``mlsteps_<workspace>_<datastore>``."""
    return re.sub(r"[^a-z0-9_]+", "_", f"mlsteps_{workspace}_{datastore}".lower())


def _key(conn_id: str) -> str:
    return conn_id.lower()
