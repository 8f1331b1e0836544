"""Wheels that an environment names as files.

Those of the workspace (``Environment.add_private_pip_wheel``) come to this machine, and all of them into the build of
an image, which sees no files of this machine.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Tuple
from urllib.parse import unquote, urlsplit

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput
from mlsteps.storage.places import home
from mlsteps.storage.workspace_store import WorkspaceStore

#: Where wheels lie in a workspace.
FOLDER = "wheels"
#: Where the build of an image has them.
IN_BUILD = "/build/packages/wheels"
_WHEEL = re.compile(r"(?P<start>^|@\s*)(?P<address>(?:[A-Za-z][A-Za-z0-9+.-]*:/)?/\S+?\.whl)(?=[\s;\[]|$)")


def brought(document: Mapping[str, Any] | None, ws: WorkspaceStore) -> Mapping[str, Any] | None:
    """The Environment document with the wheels of a workspace elsewhere as files of this machine, fetched once.

    :raises StoreError: when one cannot be had.
    """
    place = ws.store.url_of(FOLDER) + "/"
    if document is None or ws.store.local_path(FOLDER) is not None or place not in str(document):
        return document

    def local(address: str) -> str:
        return f"file://{_fetched(ws, address)}" if address.startswith(place) else address

    return _changed(document, lambda line: _replaced(line, local))  # type: ignore[no-any-return]


def _fetched(ws: WorkspaceStore, address: str) -> str:
    name = address.rpartition("/")[2]
    path = os.path.join(home(), "cache", "wheels", digest_of(address)[:32], name)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        ws.store.get_file(f"{FOLDER}/{name}", path)
    return path


def _changed(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, Mapping):
        return {key: _changed(value, change) for key, value in data.items()}
    return [_changed(item, change) for item in data] if isinstance(data, (list, tuple)) else data


def _replaced(line: str, change: Callable[[str], str]) -> str:
    return _WHEEL.sub(lambda found: found.group("start") + change(found.group("address")), line)


def carried(lines: Iterable[str]) -> Tuple[List[str], Dict[str, str]]:
    """Requirements for the build of an image, and the wheels that they name there: path below the build's folder of
    wheels, which says their content, and path on this machine.

    :raises InvalidInput: for a wheel that is not on this machine.
    """
    files: Dict[str, str] = {}

    def inside(address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme not in ("", "file"):
            return address
        path = unquote(parts.path)
        if not os.path.isfile(path):
            raise InvalidInput(f"The wheel {path} is not on this machine", mend="Environment.add_private_pip_wheel")
        name = f"{_digest(path)[:16]}/{os.path.basename(path)}"
        files[name] = path
        return f"file://{IN_BUILD}/{name}"

    return [_replaced(line, inside) for line in lines], files


def _digest(path: str) -> str:
    from mlsteps.storage.digests import file_digest

    return file_digest(path)
