"""Copies between this machine and a datastore, as ``datastore.upload`` and ``download`` of the SDK do it."""

from __future__ import annotations

import os
import posixpath
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from mlsteps.errors import InvalidInput, UserErrorException

if TYPE_CHECKING:
    from mlsteps.storage.base import Store

#: Copies at once; a store's latency, not its bandwidth, is what one copy after the other would wait for.
WORKERS = 8


def files_below(folder: Any) -> list[tuple[str, str]]:
    """Each file below a local folder with its path relative to it, sorted; links to files count, loops end.

    :raises UserErrorException: when there is no such folder.
    """
    root = os.fspath(folder)
    if not os.path.isdir(root):
        kind = "is a file; use upload_files for files" if os.path.exists(root) else "does not exist"
        raise UserErrorException(f"The folder to upload, {root!r}, {kind}.")
    found = []
    for at, folders, names in os.walk(root):
        folders.sort()
        below = os.path.relpath(at, root)
        for name in sorted(names):
            relative = name if below == os.curdir else f"{below.replace(os.sep, '/')}/{name}"
            found.append((os.path.join(at, name), relative))
    return found


def files_relative(files: Sequence[Any], root: Any = None) -> list[tuple[str, str]]:
    """Each local file with its path relative to ``root``, by default the folder that all of them have in common.

    :raises InvalidInput: for an empty list, a file that is absent, or one that does not lie below ``root``.
    """
    if isinstance(files, (str, os.PathLike)) or not files:
        raise InvalidInput(f"The files to upload are {files!r}", expected="a list of at least one path")
    paths = [os.path.abspath(os.fspath(item)) for item in files]
    absent = [item for item, path in zip(files, paths) if not os.path.isfile(path)]
    if absent:
        raise InvalidInput(f"{len(absent)} of the files to upload do not exist, such as {absent[0]!r}")
    top = os.path.abspath(os.fspath(root)) if root is not None else _common_folder(paths)
    outside = [path for path in paths if not path.startswith(top.rstrip(os.sep) + os.sep)]
    if outside:
        raise InvalidInput(f"{outside[0]!r} does not lie below the relative_root {top!r}")
    return [(path, os.path.relpath(path, top).replace(os.sep, "/")) for path in paths]


def upload(
    store: Store, pairs: Sequence[tuple[str, str]], target: str, overwrite: bool, show_progress: bool
) -> list[str]:
    """Copy local files to ``target`` in the store; answers the paths that were written.

    Files that are there are left alone unless ``overwrite``; one listing tells which.
    """
    there = set() if overwrite else {entry.path for entry in store.list(target)}
    wanted = [(local, posixpath.join(target, relative)) for local, relative in pairs]
    todo = [(local, path) for local, path in wanted if path not in there]
    say = _progress("Upload", len(wanted), len(wanted) - len(todo), show_progress)

    def put(pair: tuple[str, str]) -> str:
        store.put_file(*pair)
        say(pair[0])
        return pair[1]

    return _in_parallel(put, todo)


def download(store: Store, target: str, prefix: str | None, overwrite: bool, show_progress: bool) -> int:
    """Copy files whose path begins with ``prefix`` below ``target``; answers how many were copied."""
    wanted = []
    for path in _paths_with(store, prefix):
        local = os.path.join(target, *path.split("/"))
        if overwrite or not os.path.exists(local):
            wanted.append((path, local))
    say = _progress("Download", len(wanted), 0, show_progress)

    def get(pair: tuple[str, str]) -> str:
        os.makedirs(os.path.dirname(os.path.abspath(pair[1])), exist_ok=True)
        store.get_file(*pair)
        say(pair[0])
        return pair[1]

    os.makedirs(target, exist_ok=True)
    return len(_in_parallel(get, wanted))


def _paths_with(store: Store, prefix: str | None) -> list[str]:
    """A folder or file of that name; where there is none, every path that begins so, as with blob prefixes."""
    from mlsteps.sdk.dataset_paths import inside

    start = inside(prefix)
    found = [entry.path for entry in store.list(start)]
    if found or not start:
        return found
    return [entry.path for entry in store.list(posixpath.dirname(start)) if entry.path.startswith(start)]


def _common_folder(paths: Sequence[str]) -> str:
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError as error:  # other drives
        raise InvalidInput(f"The files have no folder in common ({error})", expected="a relative_root") from error


def _in_parallel(work: Callable[[tuple[str, str]], str], items: Iterable[tuple[str, str]]) -> list[str]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, items))


def _progress(verb: str, total: int, left_alone: int, show: bool) -> Callable[[str], None]:
    done = [left_alone]

    def say(name: str) -> None:
        done[0] += 1
        if show:
            print(f"{verb}ed {name}, {done[0]} files out of an estimated total of {total}")

    if show and left_alone:
        print(f"{left_alone} of {total} files are there already and were left alone (overwrite=False)")
    return say
