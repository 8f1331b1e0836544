"""What the kernel asks of a mount, answered from the list of files and the blocks of the stores (for ``mfusepy``)."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from typing import Any, Callable, Dict, List, Sequence

from mlsteps.errors import AzureMLException, StoreError
from mlsteps.storage.base import Store
from mlsteps.storage.mounting.blocks import BLOCK, Blocks
from mlsteps.storage.mounting.tree import Tree
from mlsteps.storage.retry import with_retries

#: Bytes that the kernel may ask for at once; the same must be an option of the mount.
REQUEST = 1 << 20
#: Bytes that programs should read at once; Python's buffers are as large as this.
_BUFFER = 128 << 10
#: A file that was looked at is taken to be the same for so many seconds.
_TRUSTED = 30.0
#: Seconds in which the same trouble with the same file is told once.
_QUIET = 10.0


class FileSystem:
    """A file system of a fixed list of files, read-only.

    :param stores: by number; :param mounted: called when the kernel has taken it.
    :param trouble: told what went wrong with a store; whoever reads gets ``EIO``.
    """

    use_ns = True  # times are whole numbers of nanoseconds (mfusepy)

    def __init__(
        self, tree: Tree, stores: Sequence[Store], *, mounted: Callable[[], None], trouble: Callable[[str], None]
    ) -> None:
        self._tree = tree
        self._stores = stores
        self._mounted = mounted
        self._trouble = trouble
        self._blocks = Blocks(self._fetch)
        self._looked: Dict[str, float] = {}
        self._told: Dict[str, float] = {}
        self._lock = threading.Lock()
        self._made = time.time_ns()
        self._owner = {"st_uid": os.geteuid(), "st_gid": os.getegid()}

    def init_with_config(self, connection: Any, config: Any) -> None:
        """The kernel takes it: it may ask for much at once."""
        if connection is not None:
            connection.max_read = REQUEST
        self._mounted()

    def getattr(self, path: str, fh: int | None = None) -> Dict[str, int]:
        """What ``stat`` answers."""
        name = path[1:]
        leaf = self._tree.files.get(name)
        if leaf is not None:
            times = dict.fromkeys(("st_mtime", "st_ctime", "st_atime"), leaf.changed or self._made)
            size = {"st_size": leaf.size, "st_blocks": (leaf.size + 511) // 512, "st_blksize": _BUFFER}
            return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, **size, **times, **self._owner}
        if name in self._tree.folders:
            times = dict.fromkeys(("st_mtime", "st_ctime", "st_atime"), self._made)
            return {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 2, **times, **self._owner}
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    def readdir(self, path: str, fh: int) -> List[str]:
        """The names in a folder."""
        return [".", "..", *self._tree.folders[path[1:]]]

    def open(self, path: str, flags: int) -> int:
        """Files are opened for reading; the kernel has refused all else already, as the mount is read-only."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Bytes of a file; ``EIO`` when its store fails."""
        name = path[1:]
        try:
            return self._blocks.read(name, self._tree.files[name].size, offset, size)
        except Exception as error:  # whatever a driver raises
            self._tell(name, error)
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error

    def statfs(self, path: str) -> Dict[str, int]:
        """What ``df`` shows: all of it is in use."""
        return {"f_bsize": BLOCK, "f_frsize": 4096, "f_blocks": self._tree.size // 4096 + 1, "f_namemax": 255}

    def _fetch(self, name: str, number: int) -> bytes:
        leaf = self._tree.files[name]
        store = self._stores[leaf.store]
        start = number * BLOCK
        wanted = min(BLOCK, leaf.size - start)

        def work() -> bytes:
            data = store.read_range(leaf.path, start, wanted)
            if len(data) != wanted:
                raise ConnectionError(f"{store.url_of(leaf.path)}: {len(data)} of {wanted} bytes came")
            return data

        self._look(name)
        return with_retries(work)

    def _look(self, name: str) -> None:
        """See that a file still is what the list says.

        :raises StoreError: when it was written since.
        """
        leaf = self._tree.files[name]
        if not leaf.stamp or time.monotonic() - self._looked.get(name, -_TRUSTED) < _TRUSTED:
            return
        store = self._stores[leaf.store]
        found = with_retries(lambda: store.entry(leaf.path))
        if found is None or (found.size, found.stamp) != (leaf.size, leaf.stamp):
            raise StoreError(f"{store.url_of(leaf.path)} has changed since it was mounted.")
        self._looked[name] = time.monotonic()

    def _tell(self, name: str, error: Exception) -> None:
        with self._lock:
            if time.monotonic() - self._told.get(name, -_QUIET) < _QUIET:
                return
            self._told[name] = time.monotonic()
        text = error.message if isinstance(error, AzureMLException) else f"{type(error).__name__}: {error}"
        self._trouble(f"{name!r} cannot be read: {text}")
