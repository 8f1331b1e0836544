"""The files of two sources that differ, so that a person is told which of them has changed."""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.errors import AzureMLException
from mlsteps.storage import snapshots
from mlsteps.storage.workspace_store import WorkspaceStore

Preimage = Mapping[str, Any]


def with_files(ws: WorkspaceStore, old: Preimage, new: Preimage) -> tuple[Preimage, Preimage]:
    """Both preimages with those files as ``details["files"]`` that differ, when both sources are known file by file.

    Stored snapshots are asked only here, where somebody is told of a difference: most plans need none.
    """
    if old.get("source") == new.get("source"):
        return old, new
    before, after = _files(ws, old), _files(ws, new)
    if before is None or after is None:
        return old, new
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    return _naming(old, before, changed), _naming(new, after, changed)


def _files(ws: WorkspaceStore, preimage: Preimage) -> Mapping[str, str] | None:
    known: Mapping[str, str] | None = (preimage.get("details") or {}).get("files")
    if known is not None or not preimage.get("source"):
        return known
    try:
        return snapshots.files_of(str(preimage["source"]), ws)
    except AzureMLException:
        return None  # no longer, or not yet, in the workspace: then it is only said that the source differs


def _naming(preimage: Preimage, files: Mapping[str, str], changed: set[str]) -> Preimage:
    kept = {path: files[path] for path in sorted(changed & set(files))}
    return {**preimage, "details": {**(preimage.get("details") or {}), "files": kept}}
