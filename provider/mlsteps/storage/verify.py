"""Whether a store still holds what a manifest says."""

from __future__ import annotations

from typing import List

from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.storage import files
from mlsteps.storage.base import Entry, MissingFile, Store, safe_path
from mlsteps.storage.digests import tree_manifest

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
            found.append(f"{_named(store, path, item)} is missing")
        elif entry.size != item.size:
            found.append(f"{_named(store, path, item)} has {entry.size} bytes instead of {item.size}")
        elif not item.stamp or entry.stamp != item.stamp:
            doubtful.append((item, entry))
    found += [
        f"{_named(store, path, item)} has another content" for item, entry in doubtful if not _same(item, entry, store)
    ]
    if extras:
        known = {item.path for item in manifest.files}
        found += [f"{store.url_of(prefix + name)} was added" for name in sorted(there) if name not in known]
    return found


def content_of(store: Store, path: str) -> str:
    """SHA-256 (hex) of a file's content, without reading it when the store is local and its digest is remembered."""
    local = store.local_path(path)
    if local is not None:
        folder, _, name = local.rpartition("/")
        return tree_manifest(folder, [name]).files[0].sha256
    with store.open(path) as file:
        return files.digest_of_stream(file).sha256


def _same(item: FileEntry, entry: Entry, store: Store) -> bool:
    if store.local_path("") is None and entry.size > READ_AGAIN:
        return False
    try:
        return content_of(store, entry.path) == item.sha256
    except MissingFile:
        return False


def _named(store: Store, path: str, item: FileEntry) -> str:
    return store.url_of(f"{path}/{item.path}" if item.path else path)
