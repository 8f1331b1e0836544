"""Which workspace is meant, and where its root lies: ``config.json``, connections, variables. No store is touched."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Iterator, Mapping

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk import step_context

#: The workspace when nothing else is configured.
LOCAL_NAME = "mlsteps-local"
ROOT_VARIABLE = "MLSTEPS_WORKSPACE_ROOT"
CONNECTION_TYPE = "mlsteps"
_PREFIX = "AIRFLOW_CONN_MLSTEPS_"
_DEFAULT = "DEFAULT"
_FOLDERS = ("", ".azureml", "aml_config")
_KEYS = ("root", "root_conn_id", "subscription_id", "resource_group", "location", "airflow_url")


def find_config(path: str | os.PathLike[str] | None, file_name: str | None) -> str | None:
    """The ``config.json`` that the SDK would find: in the folder, below its ``.azureml`` or ``aml_config``, then in
    each folder above.

    :param path: a file, or the folder where the search begins; default the current one.
    :returns: None when there is none anywhere.
    :raises UserErrorException: for a path that does not exist.
    """
    start = os.path.abspath(os.fspath(path) if path is not None else os.curdir)
    if os.path.isfile(start):
        return start
    if not os.path.isdir(start):
        raise UserErrorException(
            f"The workspace configuration {os.fspath(path or os.curdir)!r} does not exist. "
            "Expected a config.json with subscription_id, resource_group and workspace_name, or a folder with one."
        )
    while True:
        for folder in _FOLDERS:
            candidate = os.path.join(start, folder, file_name or "config.json")
            if os.path.isfile(candidate):
                return candidate
        above = os.path.dirname(start)
        if above == start:
            return None
        start = above


def read_config(file: str) -> dict[str, Any]:
    """A config.json as a reference: ``name``, ``subscription_id``, ``resource_group``, and ``location``, ``root`` when
    they are there; a relative ``root`` is relative to the file. Other keys do not matter.

    :raises UserErrorException: when it is unreadable or incomplete; names what is missing.
    """
    try:
        with open(file, encoding="utf-8-sig") as stream:
            data = json.load(stream)
    except (OSError, ValueError) as error:
        raise UserErrorException(f"The workspace configuration {file} cannot be read as JSON: {error}.") from error
    if not isinstance(data, Mapping):
        raise UserErrorException(f"The workspace configuration {file} holds {data!r}; expected a JSON object.")
    missing = [key for key in ("subscription_id", "resource_group", "workspace_name") if not data.get(key)]
    if missing:
        raise UserErrorException(f"The workspace configuration {file} lacks {', '.join(missing)}.")
    reference = {"name": str(data["workspace_name"])}
    reference.update({key: str(data[key]) for key in _KEYS if data.get(key)})
    if "root" in reference:
        reference["root"] = absolute_root(reference["root"], os.path.dirname(file))
    return reference


def absolute_root(root: str, folder: str = os.curdir) -> str:
    """A root as a URL or an absolute path."""
    if "://" in root:
        return root
    return os.path.abspath(os.path.join(folder, os.path.expanduser(root)))


def connections() -> Iterator[tuple[str, dict[str, Any]]]:
    """The workspaces that Airflow connections in variables name: ``(connection id, reference)``."""
    for variable in sorted(os.environ):
        if variable.startswith(_PREFIX):
            conn_id = "mlsteps_" + variable[len(_PREFIX) :].lower()
            yield conn_id, _connection(variable, conn_id)


def configured(name: str | None) -> dict[str, Any]:
    """What the surroundings say of a workspace: keys as in a reference, empty when nothing is configured.

    The first of: the running step's workspace, connection ``mlsteps_<name>``, ``MLSTEPS_WORKSPACE_ROOT``, connection
    ``mlsteps_default``. One that names another workspace does not count.

    :param name: None for whichever workspace is the default.
    """
    step = step_context.current()
    if step is not None and _fits(step["workspace"], name):
        return dict(step["workspace"])
    if name:
        for suffix in (name.upper(), re.sub(r"\W", "_", name.upper())):
            if _PREFIX + suffix in os.environ:
                return _connection(_PREFIX + suffix, f"mlsteps_{name}")
    default = _connection(_PREFIX + _DEFAULT, "mlsteps_default") if _PREFIX + _DEFAULT in os.environ else {}
    default = default if _fits(default, name) else {}
    root = os.environ.get(ROOT_VARIABLE)
    if root:
        default = {**default, "root": absolute_root(root)}
        default.pop("conn_id", None)
    return default


def _fits(found: Mapping[str, Any], name: str | None) -> bool:
    return name is None or not found.get("name") or str(found["name"]).lower() == name.lower()


def _connection(variable: str, conn_id: str) -> dict[str, Any]:
    text = os.environ[variable].strip()
    extra = _json_extra(variable, text) if text.startswith("{") else _uri_extra(variable, text)
    reference = {key: str(extra[key]) for key in _KEYS if extra.get(key)}
    named = extra.get("workspace_name") or extra.get("name")
    if named:
        reference["name"] = str(named)
    if "root" in reference:
        reference["root"] = absolute_root(reference["root"])
    reference["conn_id"] = conn_id
    return reference


def _json_extra(variable: str, text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
        extra = data.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError as error:
        # The text may hold a password: it is not repeated.
        raise InvalidInput(f"The connection in {variable} is not valid JSON", expected='{"conn_type": ...}') from error
    _check_type(variable, data.get("conn_type"))
    return dict(extra)


def _uri_extra(variable: str, text: str) -> dict[str, Any]:
    from urllib.parse import parse_qsl, urlsplit

    parts = urlsplit(text)
    _check_type(variable, parts.scheme)
    extra = dict(parse_qsl(parts.query))
    whole = extra.pop("__extra__", None)
    if whole:
        try:
            extra.update(json.loads(whole))
        except ValueError as error:
            raise InvalidInput(f"__extra__ of the connection in {variable} is not valid JSON") from error
    return extra


def _check_type(variable: str, kind: Any) -> None:
    if kind not in (CONNECTION_TYPE, None):
        raise InvalidInput(f"The connection in {variable} is of type {kind!r}", expected=f"{CONNECTION_TYPE!r}")
