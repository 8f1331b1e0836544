"""Whether a store still holds what a manifest says."""

from __future__ import annotations

import os
from typing import List

from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.storage import files
from mlsteps.storage.base import MissingFile, Store, safe_path
from mlsteps.storage.digests import file_digest, tree_manifest

#: A remote file whose stamp differs is read again to compare it, up to this size in bytes.
READ_AGAIN = 8 << 20


def verify(manifest: OutputManifest, store: Store, path: str, *, extras: bool = False) -> List[str]:
    """What of an output is missing or altered, one sentence each; empty when all of it is there.

    One listing; a file of the same size and stamp counts as unchanged. With the same size and another stamp (touched,
    or written again) it is read and compared when the store is local or the file small, else it counts as altered.

    :param extras: name files that the manifest does not know, too.
    """
    path = safe_path(path)
    prefix = "" if manifest.is_file else f"{path}/" if path else ""
    if manifest.is_file:
        single = store.entry(path)
        there = {"": single} if single else {}
    else:
        there = {entry.path[len(prefix) :]: entry for entry in store.list(path)} if manifest.files or extras else {}
    found = []
    doubtful = []
    for item in manifest.files:
        entry = there.get(item.path)
        if entry is None:
            found.append(f"{store.url_of(_below(path, item))} is missing")
        elif entry.size != item.size:
            found.append(f"{store.url_of(_below(path, item))} has {entry.size} bytes instead of {item.size}")
        elif not item.stamp or entry.stamp != item.stamp:
            doubtful.append(item)
    found += [f"{store.url_of(_below(path, item))} has another content" for item in _altered(doubtful, store, path)]
    if extras:
        known = {item.path for item in manifest.files}
        found += [f"{store.url_of(prefix + name)} was added" for name in sorted(there) if name not in known]
    return found


def content_of(store: Store, path: str) -> str:
    """SHA-256 (hex) of a file's content."""
    local = store.local_path(path)
    if local is not None:
        return file_digest(local)
    with store.open(path) as file:
        return files.digest_of_stream(file).sha256


def _altered(doubtful: List[FileEntry], store: Store, path: str) -> List[FileEntry]:
    """Those whose content is not what their entry says. Digests of unchanged local files are remembered."""
    local = store.local_path(path)
    if local is None:
        return [item for item in doubtful if item.size > READ_AGAIN or not _holds(store, _below(path, item), item)]
    if not os.path.isdir(local) or not doubtful:
        return [item for item in doubtful if not _holds(store, _below(path, item), item)]
    present = [item.path for item in doubtful if os.path.isfile(os.path.join(local, item.path))]
    there = {item.path: item.sha256 for item in tree_manifest(local, present).files}
    return [item for item in doubtful if there.get(item.path) != item.sha256]


def _holds(store: Store, path: str, item: FileEntry) -> bool:
    try:
        return content_of(store, path) == item.sha256
    except MissingFile:
        return False


def _below(path: str, item: FileEntry) -> str:
    return "/".join(part for part in (path, item.path) if part)
