"""A dataset's definition -> the files it stands for, and the identity of their content.

The form of a definition is told in :mod:`mlsteps.contracts.dataset`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Tuple
from urllib.parse import unquote

from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.dataset import Definition
from mlsteps.contracts.manifest import FileEntry, OutputManifest, tree_digest
from mlsteps.errors import DatasetValidationError, InvalidInput, StoreError
from mlsteps.storage.base import Entry, Store, safe_path
from mlsteps.storage.digests import tree_manifest
from mlsteps.storage.file_operations import apply_operations
from mlsteps.storage.files import digest_of_stream
from mlsteps.storage.globs import compile_glob, has_glob, split_glob
from mlsteps.storage.open import open_store

OpenByName = Callable[[str], Store]


class SourceFile(NamedTuple):
    """One file of a dataset.

    :param path: in ``store``; :param relative: below the dataset's common root: where it goes when the dataset is
        mounted or downloaded; :param size: bytes, -1 when a web server does not say; :param stamp: :param changed: as
        in ``Entry``.
    """

    store: Store
    path: str
    relative: str
    size: int
    stamp: str
    changed: int = 0


class Identity(NamedTuple):
    """What a dataset's content is: a digest, and ``[relative path, size, token]`` for each file.

    The token is ``sha256:`` and the content's digest where it could be had cheaply, else the store's stamp.
    """

    digest: str
    explanation: List[List[Any]]


class _Place(NamedTuple):
    """One path of a definition: where it is, the folder its names are relative to, and the files found."""

    label: str
    store: Store
    base: str
    entries: List[Entry]


def resolve_files(definition: Definition, open_by_name: OpenByName, *, missing_ok: bool = False) -> List[SourceFile]:
    """The files of a dataset, in the order of its paths and by name within each; each file once.

    A path is a file, a folder (all below it), or a pattern with ``*``, ``?`` and ``**``. Names are relative to the
    deepest folder that all paths share; with several stores they begin with the datastore's name
    or the web server's. The file operations of
    a file dataset (``take``, ``skip``, ``take_sample``, ``split``, ``filter``) are applied.

    :param open_by_name: gives the store of a datastore.
    :param missing_ok: a path without any file is empty, not an error. Object stores have no empty folders: an empty
        output of an earlier step cannot be told from a missing one.
    :raises DatasetValidationError: when a path holds nothing, naming the datastore and the path.
    :raises StoreError: for a query, which has no files, and when a store cannot be listed.
    """
    if "sql" in definition:
        datastore = definition["sql"].get("datastore")
        raise StoreError(f"The dataset is a query to {datastore!r}: it has no files.")
    items = definition.get("paths") or []
    if not items:
        raise DatasetValidationError("The dataset names no path. Expected at least one datastore path or URL.")
    stores: Dict[str, Store] = {}
    places = [_find(item, open_by_name, stores, missing_ok) for item in items]
    found = _with_names(places)
    if definition.get("type") == "file":
        return apply_operations(found, definition)
    return found


def content_identity(definition: Definition, open_by_name: OpenByName, *, missing_ok: bool = False) -> Identity:
    """The identity of what the dataset points to now: the same bytes under the same names have the same identity.

    On local stores it is the tree digest that an output of the same content has, so touching a file changes nothing.
    Elsewhere it is made of what the store says of each file: MD5, etag, or size and time.

    :raises StoreError: for a query, whose content cannot be known without running it, and when a store fails.
    :raises DatasetValidationError: when a path holds nothing.
    """
    if "sql" in definition:
        datastore = definition["sql"].get("datastore")
        raise StoreError(
            f"The dataset is a query to {datastore!r}: the identity of its content cannot be computed without running "
            "it, so a step that reads it always runs."
        )
    files = resolve_files(definition, open_by_name, missing_ok=missing_ok)
    known = _local_digests(files)
    entries = [known.get((item.store.url, item.path)) or _entry_by_store(item) for item in files]
    named = sorted(
        (replace(entry, path=item.relative) for item, entry in zip(files, entries)), key=lambda row: row.path
    )
    rows = [[row.path, row.size, f"sha256:{row.sha256}" if row.sha256 else row.stamp] for row in named]
    whole = all(row.sha256 for row in named)
    return Identity(tree_digest(named) if whole else digest_of(["mlsteps-listing-1", rows]), rows)


def is_single_file(definition: Definition, files: List[SourceFile]) -> bool:
    """Whether the dataset is one file, which is mounted as that file and not as a folder (SDK).

    True when its only path is the file's own; a folder or pattern that happens to hold one file stays a folder, or
    its consumers would see its form change with the number of files.
    """
    paths = definition.get("paths") or []
    if len(paths) != 1 or len(files) != 1:
        return False
    if "url" in paths[0]:
        return not has_glob(paths[0]["url"].partition("?")[0]) and _ends_with(paths[0]["url"], files[0].path)
    return _clean(paths[0].get("path") or "") == files[0].path


def files_of_manifest(manifest: OutputManifest, store: Store, path: str) -> List[SourceFile]:
    """The files of a committed output at ``path``, from its manifest: exactly those, whatever else lies there."""
    prefix = f"{safe_path(path)}/" if safe_path(path) else ""
    if manifest.is_file:
        name = safe_path(path).rpartition("/")[2]
        return [SourceFile(store, safe_path(path), name, item.size, item.stamp) for item in manifest.files]
    return [SourceFile(store, prefix + item.path, item.path, item.size, item.stamp) for item in manifest.files]


def _ends_with(url: str, path: str) -> bool:
    address = url.partition("?")[0] if url.startswith("http") else url
    return unquote(address).endswith("/" + path) or address.endswith("/" + path)


def _find(item: Mapping[str, Any], open_by_name: OpenByName, stores: Dict[str, Store], missing_ok: bool) -> _Place:
    label, store, path = _locate(item, open_by_name, stores)
    where = f"{label}/{path}" if "url" in item else f"path {path!r} of datastore {label!r}"
    base, entries = _list(store, path)
    if not entries and not missing_ok and (has_glob(path) or store.kind(path) != "directory"):
        raise DatasetValidationError(
            f"The dataset's {where} holds no file ({store.url_of(path)}). "
            "Expected a file, a folder or a pattern that matches one; check the spelling and that the data is there."
        )
    return _Place(label, store, base, entries)


def _locate(item: Mapping[str, Any], open_by_name: OpenByName, stores: Dict[str, Store]) -> Tuple[str, Store, str]:
    """The label of a path's store, the store, and the path in it."""
    if "url" in item:
        return _locate_url(item["url"], stores)
    if "datastore" not in item:
        raise DatasetValidationError(f"{dict(item)!r} is no dataset path. Expected a datastore and a path, or a URL.")
    name = item["datastore"]
    if name not in stores:
        stores[name] = open_by_name(name)
    return name, stores[name], _clean(item.get("path") or "")


def _locate_url(url: str, stores: Dict[str, Store]) -> Tuple[str, Store, str]:
    protocol, separator, rest = url.partition("://")
    if not separator or protocol.lower() in ("file", "local"):
        root, label, path = "/", "file", os.path.abspath(rest if separator else url)
    elif protocol.lower() in ("http", "https"):
        from mlsteps.storage.public_blobs import web_store

        address, _, query = rest.partition("?")
        label, _, path = address.partition("/")
        key = f"{protocol}://{label}?{query}"
        return label, stores.setdefault(key, web_store(f"{protocol}://{label}", query)), _clean(unquote(path))
    else:
        label, _, path = rest.partition("/")
        root = f"{protocol}://{label}"
    if root not in stores:
        stores[root] = open_store(root)
    return label, stores[root], _clean(path)


def _clean(path: str) -> str:
    """A path as a dataset may name it: it may begin with a slash, which means the datastore's root (SDK)."""
    try:
        return safe_path(path.lstrip("/"))
    except InvalidInput as error:
        raise DatasetValidationError(error.message, error) from error


def _list(store: Store, path: str) -> Tuple[str, List[Entry]]:
    """The folder that names are relative to, and the files a path stands for."""
    if not has_glob(path):
        entries = list(store.list(path))
        single = len(entries) == 1 and entries[0].path == path
        return (path.rpartition("/")[0] if single else path), entries
    literal = store.entry(path)
    if literal is not None:  # a file whose own name holds a sign
        return path.rpartition("/")[0], [literal]
    base, _ = split_glob(path)
    below = list(store.list(base))
    pattern = compile_glob(path)
    entries = [entry for entry in below if pattern.fullmatch(entry.path)]
    if not entries:  # a pattern of folders, such as ``year=*``
        pattern = compile_glob(path + "/**")
        entries = [entry for entry in below if pattern.fullmatch(entry.path)]
    return base, entries


def _with_names(places: List[_Place]) -> List[SourceFile]:
    several = len({place.label for place in places}) > 1
    root = _common([place.base for place in places]) if not several else ""
    found: Dict[Tuple[int, str], SourceFile] = {}
    for place in places:
        for entry in place.entries:
            relative = entry.path[len(root) :].lstrip("/") if root else entry.path
            relative = f"{place.label}/{relative}" if several else relative
            item = SourceFile(place.store, entry.path, relative, entry.size, entry.stamp, entry.changed)
            found.setdefault((id(place.store), entry.path), item)
    return list(found.values())


def _common(folders: Iterable[str]) -> str:
    """The deepest folder that holds all of these."""
    split = [folder.split("/") if folder else [] for folder in folders]
    shared = []
    for parts in zip(*split):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)


def _local_digests(files: List[SourceFile]) -> Dict[Tuple[str, str], FileEntry]:
    """Digests of the files that lie in local stores, by store and path; unchanged ones are not read again."""
    by_store: Dict[str, List[SourceFile]] = {}
    for item in files:
        if item.store.local_path("") is not None:
            by_store.setdefault(item.store.url, []).append(item)
    found = {}
    for url, items in by_store.items():
        root = _common([item.path.rpartition("/")[0] for item in items])
        skip = len(root) + 1 if root else 0
        manifest = tree_manifest(items[0].store.local_path(root) or "", [item.path[skip:] for item in items])
        found.update({(url, f"{root}/{entry.path}" if root else entry.path): entry for entry in manifest.files})
    return found


def _entry_by_store(item: SourceFile) -> FileEntry:
    """What the store says of a file; its digest when the store says nothing that changes with the content."""
    if item.stamp:
        return FileEntry(item.relative, item.size, "", item.stamp)
    with item.store.open(item.path) as file:
        passed = digest_of_stream(file)
    return FileEntry(item.relative, passed.size, passed.sha256)
