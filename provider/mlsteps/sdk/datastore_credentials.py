"""Secrets given to ``Datastore.register_*``: never written to a workspace.

They stay in this process, so that a script can use what it has just registered, and are handed to
``mlsteps.registry.credentials.store_credentials`` where an installation has that module (an Airflow secrets backend).
Otherwise a warning names the Airflow connection that steps and other processes will look for.
"""

from __future__ import annotations

import importlib
import re
import warnings
from typing import Any, Mapping

_HOOK = "mlsteps.registry.credentials"
_in_this_process: dict[tuple[str, str], dict[str, Any]] = {}


def connection_id(workspace: Any, datastore: str) -> str:
    """Id of the Airflow connection that holds a datastore's secrets: ``mlsteps_<workspace>_<datastore>``."""
    return re.sub(r"[^a-z0-9_]+", "_", f"mlsteps_{workspace.name}_{datastore}".lower())


def keep(workspace: Any, datastore: str, secrets: Mapping[str, Any]) -> None:
    """Keep the secrets of a datastore for this process, and beyond it where a hook is installed.

    :param secrets: driver options such as ``account_key``; None values do not count.
    """
    given = {name: value for name, value in secrets.items() if value is not None}
    if not given:
        return
    _in_this_process[_key(workspace, datastore)] = given
    connection = connection_id(workspace, datastore)
    hook = _hook("store_credentials")
    if hook is not None:
        hook(connection, given)
        return
    warnings.warn(
        f"The {', '.join(sorted(given))} of datastore {datastore!r} is kept in this process only: a workspace holds no "
        f"secrets. For steps and other processes add an Airflow connection {connection!r} "
        f"(airflow connections add, a secrets backend, or the variable AIRFLOW_CONN_{connection.upper()}).",
        stacklevel=4,
    )


def recall(workspace: Any, datastore: str) -> dict[str, Any] | None:
    """The secrets of a datastore: those kept in this process, else the hook's, else None."""
    if workspace is None:
        return None
    known = _in_this_process.get(_key(workspace, datastore))
    if known is not None:
        return dict(known)
    hook = _hook("load_credentials")
    found = hook(connection_id(workspace, datastore)) if hook is not None else None
    return dict(found) if found else None


def forget(workspace: Any, datastore: str) -> None:
    """Drop what this process keeps."""
    _in_this_process.pop(_key(workspace, datastore), None)


def _key(workspace: Any, datastore: str) -> tuple[str, str]:
    return str(workspace._store().root), datastore.lower()


def _hook(name: str) -> Any:
    try:
        module = importlib.import_module(_HOOK)
    except ModuleNotFoundError as error:
        if error.name == _HOOK:
            return None
        raise
    return getattr(module, name, None)
