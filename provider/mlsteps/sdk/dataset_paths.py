"""The ``path`` argument of dataset factories: datastore paths, URLs and lists of them, as a definition's ``paths``."""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any, NamedTuple

from mlsteps.errors import InvalidInput
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.datapath import DataPath
from mlsteps.storage.addresses import NO_SECRET, has_password
from mlsteps.storage.base import redact

_EXPECTED = "(datastore, 'path'), a DataPath, a URL, or a list of these"


class Places(NamedTuple):
    """Entries of a definition's ``paths``, and the workspace their datastores belong to (None for URLs alone)."""

    entries: list[dict[str, Any]]
    workspace: Any


def places_of(path: Any) -> Places:
    """What a factory's ``path`` argument names. No I/O.

    :param path: ``(datastore, path)``, ``(datastore, [paths])``, a ``DataPath``, a ``DataReference``, a URL, an
        absolute path of this machine, or a list of these.
    :raises InvalidInput: for anything else, an empty list, and paths that leave their datastore.
    """
    items = list(path) if isinstance(path, (list, set)) else [path]
    if not items:
        raise InvalidInput("The path of a dataset is an empty list", expected=_EXPECTED)
    entries: list[dict[str, Any]] = []
    workspace = None
    for item in items:
        for datastore, text in _pairs(item):
            workspace = workspace or getattr(datastore, "workspace", None)
            entries.append({"url": text} if datastore is None else {"datastore": datastore.name, "path": text})
    return Places(entries, workspace)


def target_of(target: Any, what: str) -> tuple[Any, str]:
    """``(datastore, relative path)`` of a place to write to.

    :param target: ``(datastore, path)``, a ``DataPath``, a ``DataReference`` or a datastore (its root).
    :raises InvalidInput: for anything else.
    """
    if getattr(target, "name", None) is not None and hasattr(target, "_document"):
        return target, ""
    pairs = _pairs(target) if isinstance(target, (tuple, DataPath, DataReference)) else []
    if len(pairs) != 1 or pairs[0][0] is None:
        raise InvalidInput(f"The {what} is {target!r}", expected="(datastore, 'path') or a DataPath")
    return pairs[0]


def _pairs(item: Any) -> list[tuple[Any, str]]:
    if isinstance(item, DataReference):
        return [(item.datastore, inside(item.path_on_datastore or ""))]
    if isinstance(item, DataPath):
        return [(item._required_datastore(), inside(item.path_on_datastore or ""))]
    if isinstance(item, tuple) and len(item) == 2 and hasattr(item[0], "name"):
        below = item[1] if isinstance(item[1], (list, tuple)) else [item[1]]
        return [(item[0], inside(part)) for part in below]
    if isinstance(item, (str, pathlib.PurePath)):
        return [(None, _url(str(item)))]
    raise InvalidInput(f"The path of a dataset is {item!r}", expected=_EXPECTED)


def inside(path: Any) -> str:
    """A path relative to a datastore's root: posix, no leading or trailing slash; globs stay.

    :raises InvalidInput: when it is no text or leaves the datastore.
    """
    if path is None:
        return ""
    if not isinstance(path, (str, pathlib.PurePath)):
        raise InvalidInput(f"The path in a datastore is {path!r}", expected="a relative path as text")
    parts = [part for part in str(path).replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in str(path):
        raise InvalidInput(f"The path {str(path)!r} leaves its datastore", expected="a path without '..'")
    return "/".join(parts)


def _url(text: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        if has_password(text):
            raise InvalidInput(f"The path of a dataset, {redact(text)}, holds a secret", mend=NO_SECRET)
        return text
    if os.path.isabs(text):
        return "file://" + pathlib.Path(text).as_posix()
    raise InvalidInput(
        f"The path of a dataset is the text {text!r}, which is neither a URL nor an absolute path",
        expected=_EXPECTED,
        mend="upload the file to a datastore first and give (datastore, 'path'): a relative path means another place "
        "in each step",
    )
