"""``FileDataset``: files in datastores or on the web."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from mlsteps.errors import UserErrorException
from mlsteps.sdk import table_operations as operations
from mlsteps.sdk.abstract_dataset import AbstractDataset
from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.context_managers import DatasetContextManager
from mlsteps.sdk.expressions import Expression
from mlsteps.sdk.unsupported import refuse

_FILTER = "files are chosen by their paths"
_GLOBS = "a glob in from_files((datastore, 'folder/*.csv')), or take() and skip()"


class FileDataset(AbstractDataset):
    """A list of files; made by ``Dataset.File.from_files`` (SDK: FileDataset)."""

    _data_kind = "file"

    # -- reading

    def to_path(self) -> list[str]:
        """The files' paths below the dataset's folder, each with a leading ``/``."""
        return ["/" + item.relative for item in self._files()]

    def download(
        self, target_path: str | None = None, overwrite: bool = False, ignore_not_found: bool = False
    ) -> list[str]:
        """Copy the files to this machine.

        :param target_path: folder; None for a new temporary one.
        :param overwrite: replace files that are there; otherwise one of them is an error and nothing is copied.
        :param ignore_not_found: an empty dataset, or a file that has gone, is no error.
        :returns: the local paths.
        """
        from mlsteps.storage.transfer import download_files

        files = self._files(missing_ok=ignore_not_found)
        target = os.path.abspath(target_path or tempfile.mkdtemp(prefix="mlsteps-"))
        if not overwrite:
            _refuse_existing(target, [item.relative for item in files])
        if ignore_not_found:
            files = [item for item in files if item.store.entry(item.path) is not None]
        return list(download_files(files, target, overwrite=overwrite))

    def mount(self, mount_point: str | None = None, **kwargs: Any) -> DatasetContextManager:
        """The files as a folder on this machine while the context is open: ``with dataset.mount() as context``.

        ``context.mount_point`` is the folder, or the file itself for a dataset of one file. Files of local stores are
        linked, others are mounted (FUSE) where that can be, else downloaded.

        :param mount_point: an empty or new folder; None for a temporary one.
        """
        return DatasetContextManager._at(self, mount_point)

    # -- as an input

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """This dataset as a mounted input whose name does not matter."""
        return self._unnamed_input("mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """This dataset as a downloaded input whose name does not matter."""
        return self._unnamed_input("download", path_on_compute)

    def as_hdfs(self) -> DatasetConsumptionConfig:
        """This dataset as an input for Spark, by URL."""
        return self._unnamed_input("hdfs")

    # -- other datasets

    def skip(self, count: int) -> FileDataset:
        """Without the first ``count`` files."""
        return self._with({"op": "skip", "count": operations.checked_count(count, "skip")})

    def take(self, count: int) -> FileDataset:
        """The first ``count`` files only."""
        return self._with({"op": "take", "count": operations.checked_count(count, "take")})

    def take_sample(self, probability: float, seed: int | None = None) -> FileDataset:
        """Each file with this probability."""
        return self._with(operations.sample_operation(probability, seed, self._definition()))

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[FileDataset, FileDataset]:
        """Two datasets that share the files.

        :param percentage: the first one's share, between 0 and 1.
        """
        first, second = operations.split_operations(percentage, seed, self._definition())
        return self._with(first), self._with(second)

    def file_metadata(self, col: str) -> Expression:
        """Not supported."""
        return refuse("FileDataset.file_metadata", _FILTER, _GLOBS)  # type: ignore[no-any-return]

    def filter(self, expression: Expression) -> FileDataset:
        """Not supported."""
        return refuse("FileDataset.filter", _FILTER, _GLOBS)  # type: ignore[no-any-return]

    def as_cache(self, datacache_store: Any) -> Any:
        """Not supported."""
        return refuse("FileDataset.as_cache", "there is no cache service", "as_download(), which keeps files near")

    def hydrate(self, datacache_store: Any, replica_count: int | None = None) -> Any:
        """Not supported."""
        return refuse("FileDataset.hydrate", "there is no cache service", "as_download(), which keeps files near")


def _refuse_existing(target: str, relatives: list[str]) -> None:
    there = [name for name in relatives if os.path.exists(os.path.join(target, *name.split("/")))]
    if there:
        raise UserErrorException(
            f"{len(there)} of {len(relatives)} files are in {target} already, such as {there[0]}. "
            "Give overwrite=True to replace them, or another target_path."
        )
