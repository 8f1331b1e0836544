"""SFTP: fsspec's file system, quicker and for many threads, and large files in it that a later process goes on with."""

from __future__ import annotations

import posixpath
import threading
from functools import lru_cache
from typing import Any, BinaryIO, Callable, List, Mapping, Tuple

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
    from paramiko import SSHException  # type: ignore[import-untyped]

    class OfManyThreads(SFTPFileSystem):  # type: ignore[misc]
        """Each thread has a channel of its own: of two that ask by one, either takes the other's answer.

        What is written does not wait for an answer to each 32 KB of it: that takes 40 ms on most machines.
        """

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._own = threading.local()
            self._lock = threading.RLock()
            self._ended: List[Any] = []  # connections go when nobody refers to them
            super().__init__(*arguments, **options)

        @property
        def ftp(self) -> Any:
            """The channel of this thread."""
            found = getattr(self._own, "channel", None)
            if found is None or found.get_channel().closed:
                found = self._own.channel = self._opened()
            return found

        @ftp.setter
        def ftp(self, made: Any) -> None:
            self._own.channel = made

        def _opened(self) -> Any:
            with self._lock:
                try:
                    return self.client.open_sftp()
                except (SSHException, OSError):  # it has ended, or has as many channels as the server allows
                    self._ended.append(self.client)
                    self._connect()
                    return self._own.channel

        def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
            opened = super()._open(path, mode, **kwargs)
            opened.set_pipelined(mode.startswith("w"))  # closing it tells of what failed
            return opened

    return OfManyThreads


def piece_of(file: Any, start: int, end: int) -> bytes:
    """The bytes between of a file that is open; fewer only where it ends."""
    file.seek(start)
    return bytes(file.read(end - start))


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
