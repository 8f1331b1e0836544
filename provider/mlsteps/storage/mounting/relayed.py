"""A mount that the step's runner makes for the script, which has neither FUSE's library nor the stores' drivers.

The runner makes it at a folder that the script names, and ends it with the script at the latest.
"""

from __future__ import annotations

from typing import Any, Dict, List

from mlsteps.storage.base import Store
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.mounting.mount import CannotMount
from mlsteps.storage.relayed import RelayedStore, ask_relay


class RelayedMount:
    """A mount of the runner's, until :meth:`stop`.

    :param point: a folder, which is there and empty.
    :raises CannotMount: when the runner cannot; the message says why.
    """

    def __init__(self, found: List[SourceFile], point: str) -> None:
        self.point = point
        rows: List[List[Any]] = []
        for item in found:
            rows.append([_place(item.store), item.path, item.relative, item.size, item.stamp, item.changed])
        answer = ask_relay({"do": "mount", "point": point, "files": rows})
        if answer.get("value") is not None:
            raise CannotMount(answer["value"])

    def stop(self) -> None:
        """Unmount."""
        ask_relay({"do": "unmount", "point": self.point})


def _place(store: Store) -> Dict[str, Any]:
    """How the runner finds a store."""
    if isinstance(store, RelayedStore):
        return store.place
    opened_with = store.opened_with or {}
    if not opened_with or opened_with.get("credentials"):
        raise CannotMount(f"{store.url} was opened by the script itself")
    return {"url": opened_with["url"]}
