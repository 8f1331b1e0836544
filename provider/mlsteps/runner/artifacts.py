"""What a run keeps beside its outputs: ``outputs/``, ``logs/`` and ``user_logs/std_log.txt``, as the SDK collects them.

``logs/`` and the log are brought up to date every few seconds while the script runs; ``outputs/`` is collected at the
end, also when the script has failed.
"""

from __future__ import annotations

import os
import threading
from typing import BinaryIO

from mlsteps.errors import AzureMLException
from mlsteps.runner.folders import Folders
from mlsteps.storage.base import Store

#: Where the script's output is kept; that of a node which is not the first beside it.
LOG, NODE_LOG = "user_logs/std_log.txt", "user_logs/std_log_node_{}.txt"


class Artifacts:
    """The artifacts of one attempt.

    :param store: the run's artifacts; :param seconds: between two looks at ``logs/``.
    :param log: where the script's output is kept there.
    """

    def __init__(self, store: Store, folders: Folders, seconds: float = 5.0, log: str = LOG) -> None:
        self._store = store
        self._code = folders.code
        self._seconds = seconds
        self._place = log
        self._log = store.local_path(log) or folders.log
        self._kept: dict[str, tuple[int, int]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="mlsteps-logs", daemon=True)

    def open_log(self) -> BinaryIO:
        """The log, opened for writing; in a local workspace the artifact itself, readable while it grows."""
        os.makedirs(os.path.dirname(self._log), exist_ok=True)
        return open(self._log, "wb", buffering=0)

    def follow(self) -> None:
        """Start to bring ``logs/`` up to date."""
        self._thread.start()

    def finish(self) -> None:
        """Collect everything; call it when the script has ended.

        :raises AzureMLException: when the store refuses.
        """
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._update()
        outputs = os.path.join(self._code, "outputs")
        if os.path.isdir(outputs) and os.listdir(outputs):
            from mlsteps.storage.transfer import upload_tree

            upload_tree(outputs, self._store, "outputs", overwrite=True, move=True)

    def _follow(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._update()
            except AzureMLException:
                pass  # a file that is being written, or a store that is away for a moment: the next look, or the last

    def _update(self) -> None:
        self._update_one(self._log, self._place)
        root = os.path.join(self._code, "logs")
        for parent, _, names in os.walk(root):
            for name in sorted(names):
                path = os.path.join(parent, name)
                self._update_one(path, "logs/" + os.path.relpath(path, root).replace(os.sep, "/"))

    def _update_one(self, local: str, path: str) -> None:
        try:
            found = os.stat(local)
        except FileNotFoundError:
            return
        stamp = (found.st_size, found.st_mtime_ns)
        if self._kept.get(path) == stamp or not os.path.isfile(local) or self._store.local_path(path) == local:
            return
        self._store.put_file(local, path)
        self._kept[path] = stamp
