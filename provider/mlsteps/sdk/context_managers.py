"""Datasets as folders of this machine for a while: what ``dataset.mount()`` gives."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from mlsteps.errors import InvalidInput, UserErrorException

if TYPE_CHECKING:
    from mlsteps.sdk.file_dataset import FileDataset

_log = logging.getLogger(__name__)


class DatasetContextManager:
    """The files of a FileDataset below a folder, between :meth:`start` and :meth:`stop`, or inside ``with``.

    :param config: the dataset.
    :param ignore_already_mounted_error: a second :meth:`start` is no error.
    :param force_mount_with_allow_other: accepted, without effect.
    """

    def __init__(
        self,
        config: FileDataset,
        ignore_already_mounted_error: bool = False,
        force_mount_with_allow_other: bool = False,
    ) -> None:
        self._dataset = config
        self._tolerant = ignore_already_mounted_error
        self._wanted: str | None = None
        self._folder: str | None = None
        self._made = False
        self._mount_point: str | None = None
        self._mount: Any = None

    @classmethod
    def _at(cls, dataset: FileDataset, mount_point: str | None) -> DatasetContextManager:
        context = cls(dataset)
        context._wanted = mount_point
        return context

    @property
    def mount_point(self) -> str:
        """Where the files are: a folder, or the file itself for a dataset of one file."""
        if self._mount_point is None:
            # The SDK answers before the start, too: scripts read it to make the folder.
            return os.path.abspath(self._wanted) if self._wanted else self._place()
        return self._mount_point

    def start(self) -> None:
        """Bring the files there.

        :raises UserErrorException: when it was started already, or the folder is not empty.
        """
        from mlsteps.storage.datasets import is_single_file

        if self._mount_point is not None:
            if self._tolerant:
                return
            raise UserErrorException(f"{self._mount_point} is mounted already. Call stop() first.")
        folder = self._place()
        if os.listdir(folder):
            raise UserErrorException(f"The mount point {folder} is not empty. Give another folder.")
        files = self._dataset._files()
        self._mount = _bring(files, folder)
        one = is_single_file(self._dataset._definition(), files)
        self._mount_point = os.path.join(folder, *files[0].relative.split("/")) if one else folder

    def stop(self) -> None:
        """Remove what :meth:`start` brought; the files in the store stay."""
        if self._folder is None:
            return
        if self._mount is not None:
            self._mount.stop()
            self._mount = None
        for name in os.listdir(self._folder):
            path = os.path.join(self._folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        if self._made:
            os.rmdir(self._folder)
        self._folder = self._mount_point = None

    def __enter__(self) -> DatasetContextManager:
        self.start()
        return self

    def __exit__(self, *exc_details: Any) -> None:
        self.stop()

    def _place(self) -> str:
        if self._folder is None:
            if self._wanted is None:
                self._folder, self._made = tempfile.mkdtemp(prefix="mlsteps-mount-"), True
            else:
                self._folder, self._made = os.path.abspath(self._wanted), not os.path.isdir(self._wanted)
                if os.path.isfile(self._folder):
                    raise InvalidInput(f"The mount point {self._folder} is a file", expected="a folder")
                os.makedirs(self._folder, exist_ok=True)
        return self._folder


class DatastoreContextManager(DatasetContextManager):
    """The same over a whole datastore; kept for imports."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)


def _bring(files: Any, folder: str) -> Any:
    """Have the files in a folder: links, a mount, or copies where there can be neither; the mount, if it is one."""
    from mlsteps.storage.mounting.mount import CannotMount
    from mlsteps.storage.transfer import download_files, link_files

    if not files or link_files(files, folder):
        return None
    try:
        return _mounted(files, folder)
    except CannotMount as error:
        _log.info("%s: downloaded instead of mounted: %s", folder, error.message)
    download_files(files, folder, overwrite=False)
    return None


def _mounted(files: Any, folder: str) -> Any:
    from mlsteps.storage.mounting.mount import MODE, CannotMount, mount
    from mlsteps.storage.mounting.relayed import RelayedMount
    from mlsteps.storage.relayed import relay

    if relay() is not None:
        return RelayedMount(files, folder)
    if os.environ.get(MODE) == "download":
        raise CannotMount(f"{MODE}=download")
    return mount(files, folder, _log.warning)
