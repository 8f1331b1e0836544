"""Whether a record's outputs still are what they were when it was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Callable, Iterable

from mlsteps.contracts.record import OutputRecord, StepRecord
from mlsteps.registry.credentials import load_credentials
from mlsteps.registry.documents import get_datastore
from mlsteps.registry.records import get_manifest
from mlsteps.storage.base import Store
from mlsteps.storage.open import open_datastore
from mlsteps.storage.transfer import verify
from mlsteps.storage.workspace_store import WorkspaceStore

OpenByName = Callable[[str], Store]

_WORKERS = 8


def opener(ws: WorkspaceStore) -> OpenByName:
    """Opens a workspace's datastores by name, each once, with the credentials of the connections that they name."""

    @cache
    def open_by_name(name: str) -> Store:
        document = get_datastore(ws, name)
        return open_datastore(document, load_credentials(document.get("connection")))

    return open_by_name


def broken(ws: WorkspaceStore, record: StepRecord, open_by_name: OpenByName | None = None) -> list[str]:
    """What is wrong with the outputs of a record: [] when all are there and unaltered.

    Compares each manifest with a listing of the store (sizes and stamps), so it reads no data. What cannot be checked
    counts as wrong.

    :param open_by_name: opens a datastore; by default :func:`opener`.
    """
    opened = open_by_name or opener(ws)
    return [
        f"output {name!r}: {fault}" for name, output in record.outputs.items() for fault in _faults(ws, output, opened)
    ]


def broken_many(
    ws: WorkspaceStore, records: Iterable[StepRecord], open_by_name: OpenByName | None = None
) -> list[list[str]]:
    """:func:`broken` of each record, side by side."""
    opened = open_by_name or opener(ws)
    wanted = list(records)
    with ThreadPoolExecutor(max(1, min(_WORKERS, len(wanted)))) as pool:
        return list(pool.map(lambda record: broken(ws, record, opened), wanted))


def _faults(ws: WorkspaceStore, output: OutputRecord, open_by_name: OpenByName) -> list[str]:
    if output.kind.startswith("link") and not output.manifest:
        return []  # holds no files of its own; what it points to is part of its consumers' fingerprints
    try:
        manifest = get_manifest(ws, output.manifest)
        if manifest is None:
            return [f"its manifest {output.manifest} is gone"]
        if manifest.tree != output.tree:
            return [f"its manifest {output.manifest} belongs to other content"]
        return verify(manifest, open_by_name(output.datastore), output.path)
    except Exception as error:
        return [f"it cannot be checked: {error}"]
