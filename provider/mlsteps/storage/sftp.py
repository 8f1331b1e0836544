"""SFTP: fsspec's file system, quicker, and large files in it that a later process goes on with."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import Any, BinaryIO, Callable, Mapping, Tuple

from mlsteps.storage.growing import Ground, gone, grown
from mlsteps.storage.hidden import rename
from mlsteps.storage.objects.uploads import Sent
from mlsteps.storage.parts import Coming, Kept, Remarks

#: Bytes for one call of paramiko, which copies what is left of them for each request.
_AT_ONCE = 1 << 20


def open_sftp(url: str, options: Mapping[str, Any]) -> Tuple[Any, str]:
    """The file system, and where the URL leads in it.

    :raises ImportError: when paramiko is not installed.
    """
    kind = _kind()
    given = {name: value for name, value in kind._get_kwargs_from_urls(url).items() if value is not None}
    return kind(**{**given, **options}), kind._strip_protocol(url)


@lru_cache(maxsize=None)
def _kind() -> Any:
    from fsspec.implementations.sftp import SFTPFileSystem

    class Pipelined(SFTPFileSystem):  # type: ignore[misc]
        """What is written does not wait for an answer to each 32 KB of it: that takes 40 ms on most machines."""

        def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
            opened = super()._open(path, mode, **kwargs)
            opened.set_pipelined(mode.startswith("w"))  # closing it tells of what failed
            return opened

    return Pipelined


class GrowingFiles:
    """Files that are written at any place of theirs, under a hidden name. ``at`` is a path of the file system."""

    def __init__(self, file_system: Any) -> None:
        self._fs = file_system
        self._ground = _Ground(file_system)

    def takes(self, at: str) -> bool:
        """Any name."""
        return True

    def send(self, at: str, coming: Coming, remarks: Remarks, passing: Callable[[int], Any], kept: Kept) -> Sent:
        """Make or replace a file."""
        hidden, sha256 = grown(self._ground, at, coming, remarks, passing, kept)
        rename(self._fs, hidden, at)
        gone(self._ground, at, hidden)
        return Sent(sha256, "")

    def give_up(self, at: str, remark: str) -> None:
        """Remove what such a call has left: the remark that it made."""
        gone(self._ground, at, remark)


class _Ground(Ground):
    def __init__(self, file_system: Any) -> None:
        self._fs = file_system

    def open(self, path: str) -> BinaryIO:
        try:
            opened: BinaryIO = self._fs.open(path, "r+b")
        except FileNotFoundError:
            self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
            self._fs.open(path, "wb").close()
            opened = self._fs.open(path, "r+b")
        return opened

    def write(self, file: Any, piece: Any) -> None:
        """Many requests at once; the last one waits for the answers to all of them."""
        data = bytes(piece)
        file.set_pipelined(True)
        for start in range(0, len(data) - 1, _AT_ONCE):
            file.write(data[start : min(start + _AT_ONCE, len(data) - 1)])
        file.set_pipelined(False)
        file.write(data[-1:])

    def remove(self, path: str) -> None:
        try:
            self._fs.rm_file(path)
        except FileNotFoundError:
            pass  # which was wanted
