"""Files of an fsspec file system whose puts are not atomic: written under a hidden name, then renamed."""

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
        _rename(fs, temporary, at)
    except BaseException:
        _discard(fs, temporary)
        raise
    return answer


def _rename(fs: Any, temporary: str, at: str) -> None:
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


def _discard(fs: Any, temporary: str) -> None:
    try:
        fs.rm_file(temporary)
    except (OSError, NotImplementedError):
        pass  # never made, or the connection is gone; the hidden name shows in no listing
