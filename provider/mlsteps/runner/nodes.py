"""One node of several: each is a machine with a runner of its own, and what the first of them answers is the step's."""

from __future__ import annotations

import json
import os
import select
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.runner.cancel import Cancel
from mlsteps.runner.failure import StepFailure
from mlsteps.storage.base import Store

#: Addresses of the nodes, by commas, where each is a machine with a runner of its own; and which of them this one is.
NODES, INDEX = "MLSTEPS_NODES", "JOB_COMPLETION_INDEX"
#: The path of the file in which the first node finds what the others have made, once they have.
OTHERS = "MLSTEPS_NODES_OTHERS"
#: The first port there, which nobody else has: a pod's ports are its own.
PORT = 29500
_PAUSE = 0.2

#: Manifests by output name, by the number of the node that has written them.
Made = Mapping[int, Mapping[str, OutputManifest]]


class Node(NamedTuple):
    """Which node this is; ``addresses`` are those of all, by number."""

    number: int
    addresses: List[str]

    def others(self, cancel: Cancel) -> Made:
        """Wait until all other nodes have brought their outputs to the stores; what these are.

        :raises Canceled: when the step shall end before.
        """
        while True:
            cancel.check()
            try:
                with open(os.environ[OTHERS], encoding="utf-8", errors="surrogatepass") as file:
                    return made_of(json.load(file))
            except FileNotFoundError:
                select.select([cancel.fd], [], [], _PAUSE)


def this_node() -> Optional[Node]:
    """None where all nodes are this machine."""
    said = os.environ.get(NODES)
    return Node(int(os.environ[INDEX]), said.split(",")) if said else None


def made_of(data: Mapping[str, Mapping[str, Any]]) -> Made:
    """What whoever looks after all nodes has written for the first."""
    return {
        int(number): {name: OutputManifest.from_json(item) for name, item in outputs.items()}
        for number, outputs in data.items()
    }


def merged(name: str, own: Optional[OutputManifest], made: Made, store: Store, path: str) -> OutputManifest:
    """One output as all nodes have written it. Where the first node has a file, too, its own counts: it came last.

    :param own: what the first node has brought to ``path`` of the store.
    :raises StepFailure: ``output``, where two of the others have written different things under one name.
    """
    parts = {number: outputs[name] for number, outputs in sorted(made.items()) if name in outputs}
    mine = {entry.path: entry for entry in own.files} if own is not None else {}
    found: Dict[str, Tuple[int, FileEntry]] = {}
    for number, part in parts.items():
        for entry in part.files:
            first, other = found.setdefault(entry.path, (number, entry))
            if other.sha256 != entry.sha256 and entry.path not in mine:
                raise StepFailure("output", _conflict(name, entry.path, first, number))
            if first != number and entry.path not in mine:
                found[entry.path] = (first, _as_stored(entry, store, path))
    entries = {**{key: entry for key, (_, entry) in found.items()}, **mine}
    if "" in entries and len(entries) > 1:
        raise StepFailure(
            "output", f"Output {name!r}: one node has written a file there, and another one a folder with files."
        )
    return OutputManifest.of(entries.values(), is_file="" in entries)


def _conflict(name: str, path: str, first: int, second: int) -> str:
    return (
        f"Output {name!r}: nodes {first} and {second} have both written {path or 'it'}, with different content. Have "
        "one process write it (where RANK is 0), or give the files names with the rank in them."
    )


def _as_stored(entry: FileEntry, store: Store, path: str) -> FileEntry:
    """With the stamp of whoever was last to write it."""
    there = store.entry("/".join(filter(None, (path, entry.path))))
    return entry if there is None else FileEntry(entry.path, entry.size, entry.sha256, there.stamp)
