"""Files of an fsspec file system under hidden names: written so and then renamed where puts are not atomic."""

from __future__ import annotations

import posixpath
import secrets
from typing import Any, Callable

from mlsteps.storage.base import TEMPORARY


def put_hidden(fs: Any, at: str, send: Callable[[str], Any]) -> Any:
    """What ``send`` answers, called with a hidden name beside ``at``, which takes its place afterwards."""
    folder = posixpath.dirname(at)
    fs.makedirs(folder, exist_ok=True)
    temporary = f"{folder}/{TEMPORARY}{secrets.token_hex(8)}"
    try:
        answer = send(temporary)
        rename(fs, temporary, at)
    except BaseException:
        _discard(fs, temporary)
        raise
    return answer


def rename(fs: Any, temporary: str, at: str) -> None:
    """Give a file its name, which another one may have."""
    from fsspec import AbstractFileSystem

    if type(fs).mv is AbstractFileSystem.mv:
        # The general mv() takes its arguments for patterns; these two do not.
        fs.cp_file(temporary, at)
        fs.rm_file(temporary)
        return
    try:
        fs.mv(temporary, at)
    except OSError:
        if not fs.isfile(at):
            raise
        # SMB and others do not rename onto a file: for a moment there is none, but never half of one.
        fs.rm_file(at)
        fs.mv(temporary, at)


def remove_tree(fs: Any, at: str, *, has_folders: bool) -> None:
    """Remove a folder and all in it; one that is not there is fine."""
    fs.invalidate_cache()
    if not any(sign in at for sign in "*?["):
        try:
            fs.rm(at, recursive=True)
        except FileNotFoundError:
            pass  # which was wanted
        return
    # rm() takes its path for a pattern when it holds one of these, and could hit others' files.
    found = fs.find(at, detail=True, withdirs=True)
    for name, info in sorted(found.items(), reverse=True):
        if info.get("type") != "directory" and not name.endswith("/"):
            fs.rm_file(name)
        elif has_folders:
            fs.rmdir(name)


def _discard(fs: Any, temporary: str) -> None:
    try:
        fs.rm_file(temporary)
    except (OSError, NotImplementedError):
        pass  # never made, or the connection is gone; the hidden name shows in no listing
