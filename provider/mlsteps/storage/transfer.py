"""Trees and lists of files between this machine and a store: several at once, verified, each file whole or not at all.

Digests are computed while bytes pass. What is at the destination already, with the same content, is not moved again,
so an interrupted call can be repeated.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Dict, List, Sequence, Set

from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.errors import StoreError
from mlsteps.storage import files
from mlsteps.storage.base import Entry, Store, safe_path
from mlsteps.storage.concurrent import each
from mlsteps.storage.datasets import SourceFile
from mlsteps.storage.digests import file_digest, rows_of
from mlsteps.storage.globs import matches_any
from mlsteps.storage.verify import content_of, verify
from mlsteps.storage.walk import Row

__all__ = ["download_files", "link_files", "upload_tree", "verify"]

#: Below this mean size in bytes local files are copied one after the other: threads would wait for Python's own lock.
_SMALL = 128 << 10


def upload_tree(
    local: str,
    store: Store,
    path: str,
    *,
    overwrite: bool,
    globs: Sequence[str] = (),
    move: bool = False,
    workers: int = 4,
    manifest: OutputManifest | None = None,
) -> OutputManifest:
    """Bring a local folder, or one file, to ``path`` of a store.

    Links are followed and their content is copied.

    :param overwrite: False: a file of another content at the destination is an error, found before anything is moved.
    :param globs: paths below ``local`` to take (``*``, ``?``, ``**``); none takes all.
    :param move: the local files are no longer needed: a local store takes them without copying.
    :param manifest: of an earlier call: files there that it knows are not read again to see whether they are the same.
    :returns: the manifest, paths relative to ``path`` (``""`` for a single file).
    :raises StoreError: naming the file; also for links that lead round in a circle or to nothing.
    """
    path = safe_path(path)
    if os.path.isfile(local):
        return _upload_file(local, store, path, overwrite=overwrite, move=move, manifest=manifest)
    rows = [row for row in rows_of(local) if matches_any(row[0], globs)]
    prefix = f"{path}/" if path else ""
    there = {entry.path[len(prefix) :]: entry for entry in store.list(path)} if rows else {}
    known = {item.path: item for item in manifest.files} if manifest else {}

    def present(name: str) -> FileEntry | None:
        """The entry of a file that is at the destination already; None when it must be moved."""
        return _present(os.path.join(local, name), store, there[name], known.get(name), overwrite)

    def send(name: str) -> FileEntry:
        source = os.path.join(local, name)
        return store.put_file(source, prefix + name, move=move, stamp=store.local_path("") is not None)

    old = [row[0] for row in rows if row[0] in there]
    entries = {name: entry for name, entry in zip(old, each(present, old, _useful(workers, rows, store))) if entry}
    new = [row[0] for row in rows if row[0] not in entries]
    if move:
        _remove_moved(local, store, prefix, entries)
    entries.update(zip(new, each(send, new, _useful(workers, rows, store))))
    if store.local_path("") is not None:
        os.makedirs(store.local_path(path) or "", exist_ok=True)  # an empty output is a folder, too
        if not globs:
            copy_empty_folders(local, store.local_path(path) or "")
    elif new:
        _stamp(entries, store, path)
    return OutputManifest.of(replace(entry, path=name) for name, entry in entries.items())


def copy_empty_folders(source: str, target: str) -> None:
    """Make the folders of ``source`` that hold nothing below ``target``, too: no list of files tells of them."""
    for parent, folders, names in os.walk(source):
        if not folders and not names:
            os.makedirs(os.path.join(target, os.path.relpath(parent, source)), exist_ok=True)


def _upload_file(
    local: str, store: Store, path: str, *, overwrite: bool, move: bool, manifest: OutputManifest | None
) -> OutputManifest:
    there = store.entry(path)
    known = manifest.files[0] if manifest and manifest.is_file else None
    entry = _present(local, store, there, known, overwrite) if there else None
    if entry is None:
        (entry,) = each(lambda name: store.put_file(name, path, move=move), [local], 1)
    elif move:
        _remove_moved(
            os.path.dirname(local), store, path[: -len(os.path.basename(path))], {os.path.basename(local): entry}
        )
    return OutputManifest.of([replace(entry, path="")], is_file=True)


def _present(local: str, store: Store, there: Entry, known: FileEntry | None, overwrite: bool) -> FileEntry | None:
    """The entry of a file that the store holds already, with the same content; None when it must be sent.

    :raises StoreError: when it holds another content and must not be overwritten.
    """
    same_size = os.path.getsize(local) == there.size
    trusted = known is not None and (known.size, known.stamp) == (there.size, there.stamp) and known.stamp
    is_cheap = trusted or store.local_path("") is not None
    if same_size and (is_cheap or not overwrite):
        digest = file_digest(local)
        if digest == (known.sha256 if trusted and known else content_of(store, there.path)):
            return FileEntry(there.path, there.size, digest, there.stamp)
    if not overwrite:
        raise StoreError(
            f"{store.url_of(there.path)} exists already, with another content, and overwrite is off. "
            "Choose another destination, or allow it to be overwritten."
        )
    return None


def _remove_moved(local: str, store: Store, prefix: str, entries: Dict[str, FileEntry]) -> None:
    """Remove local files that were to be moved and lie at the destination already, unless they are the same file."""
    for name in entries:
        target = store.local_path(prefix + name)
        source = os.path.join(local, name)
        if target is None or not os.path.samefile(source, target):
            files.remove_quietly(source)


def _stamp(entries: Dict[str, FileEntry], store: Store, path: str) -> None:
    """Fill in stamps from one listing, and see that every file arrived whole."""
    prefix = f"{path}/" if path else ""
    there = {entry.path[len(prefix) :]: entry for entry in store.list(path)}
    for name, entry in entries.items():
        found = there.get(name)
        if found is None or found.size != entry.size:
            held = "nothing" if found is None else f"{found.size} bytes"
            raise StoreError(f"{store.url_of(prefix + name)}: {entry.size} bytes were sent and the store holds {held}.")
        entries[name] = replace(entry, stamp=found.stamp)


def _useful(workers: int, rows: Sequence[Row], store: Store) -> int:
    """How many threads help."""
    size = sum(row[1] for row in rows)
    return 1 if store.local_path("") is not None and size < _SMALL * len(rows) else workers


def download_files(
    found: List[SourceFile],
    target: str,
    *,
    overwrite: bool = False,
    workers: int = 4,
    manifest: OutputManifest | None = None,
) -> List[str]:
    """Bring files to a folder of this machine, under their relative names.

    :param overwrite: False: a file of another content at the destination is an error, found before anything is moved.
    :param manifest: what the files must hold, by relative name: those that are there already are not moved again, and
        every other is checked when it arrives.
    :returns: the local paths, in the order of ``found``.
    :raises StoreError: naming the file.
    """
    places = places_of(found, target)
    known = {item.path: item for item in manifest.files} if manifest else {}

    def get(item: SourceFile) -> None:
        entry = item.store.get_file(item.path, places[item.relative])
        wanted = known.get(item.relative)
        if wanted is not None and wanted.sha256 != entry.sha256:
            files.remove_quietly(places[item.relative])
            raise StoreError(f"{item.store.url_of(item.path)} is no longer what its manifest says.")

    missing = wanting(found, places, overwrite=overwrite, manifest=manifest)
    rows = [(item.path, item.size, 0, 0, 0) for item in missing]
    each(get, missing, _useful(workers, rows, missing[0].store) if missing else 1)
    return [places[item.relative] for item in found]


def wanting(
    found: List[SourceFile], places: Dict[str, str], *, overwrite: bool, manifest: OutputManifest | None = None
) -> List[SourceFile]:
    """The files that are not at their places already; StoreError when another one is in the way of one."""
    known = {item.path: item for item in manifest.files} if manifest else {}
    return [item for item in found if not _is_there(item, places[item.relative], known.get(item.relative), overwrite)]


def places_of(found: List[SourceFile], target: str) -> Dict[str, str]:
    """Local path by relative name; InvalidInput for a name that leaves the folder, StoreError for one that repeats."""
    places: Dict[str, str] = {}
    for item in found:
        if item.relative in places:
            raise StoreError(
                f"Two files of the dataset have the name {item.relative!r}: {item.store.url_of(item.path)}"
            )
        places[item.relative] = os.path.join(os.path.abspath(target), safe_path(item.relative))
    return places


def _is_there(item: SourceFile, local: str, known: FileEntry | None, overwrite: bool) -> bool:
    """Whether a file need not be moved; StoreError when another one is in its way."""
    if not os.path.lexists(local):
        return False
    if os.path.isfile(local) and not os.path.islink(local):
        wanted = known.size if known else item.size
        if os.path.getsize(local) == wanted and (known or item.store.local_path("") is not None):
            digest = known.sha256 if known else content_of(item.store, item.path)
            if file_digest(local) == digest:
                return True
    if overwrite and not os.path.isdir(local):
        return False
    raise StoreError(
        f"{local} exists already and is not the same as {item.store.url_of(item.path)}. "
        "Remove it, choose another folder, or give overwrite=True."
    )


def link_files(found: List[SourceFile], target: str) -> bool:
    """Make ``target`` a folder of links to the files; False, and nothing done, when a store is not local.

    Folders are real and files are links, so that a script may add to the folder without touching the datastore.

    :raises StoreError: when something else is in the way of a link.
    """
    reals = [item.store.local_path(item.path) for item in found]
    if any(real is None for real in reals):
        return False
    os.makedirs(target, exist_ok=True)
    made: Set[str] = set()
    places = places_of(found, target)
    for item, real in zip(found, reals):
        place = places[item.relative]
        folder = os.path.dirname(place)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        _link(str(real), place)
    return True


def _link(real: str, place: str) -> None:
    try:
        os.symlink(real, place)
    except FileExistsError as error:
        if not os.path.islink(place) or os.readlink(place) != real:
            raise StoreError(
                f"{place} is in the way of a link to {real}. Remove it, or choose another folder."
            ) from error
