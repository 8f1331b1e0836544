"""Dataset outputs of steps: files, files read as a table, HDFS, and links to data that lies elsewhere."""

from __future__ import annotations

import copy
from typing import Any, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.dataset_types import PromoteHeadersBehavior
from mlsteps.sdk.output_base import (
    MountOptions,
    OutputDatasetConfig,
    UploadOptions,
    checked_destination,
    checked_globs,
)
from mlsteps.sdk.table_operations import checked_columns, delimited_reader, parquet_reader, split_operations
from mlsteps.sdk.unsupported import refuse


class TransformationMixin:
    """Turns an output of files into a table (SDK: TransformationMixin)."""

    def read_delimited_files(
        self,
        include_path: bool = False,
        separator: str = ",",
        header: Any = PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Mapping[str, Any] | None = None,
    ) -> OutputTabularDatasetConfig:
        """The same output, read as one table of delimited files.

        :param path_glob: which files below the output belong to it; None for all.
        """
        reader = delimited_reader(separator=separator, header=header, set_column_types=set_column_types)
        return self._read_as(reader, include_path, partition_format, path_glob)

    def read_parquet_files(
        self,
        include_path: bool = False,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Mapping[str, Any] | None = None,
    ) -> OutputTabularDatasetConfig:
        """The same output, read as one table of parquet files.

        :param path_glob: which files below the output belong to it; None for all.
        """
        return self._read_as(parquet_reader(set_column_types), include_path, partition_format, path_glob)

    def _read_as(
        self, reader: dict[str, Any], include_path: bool, partition_format: str | None, path_glob: str | None
    ) -> OutputTabularDatasetConfig:
        transform: dict[str, Any] = {"type": "tabular", "reader": reader}
        if path_glob:
            reader["path_glob"] = path_glob
        if include_path:
            transform["include_path"] = True
        if partition_format:
            transform["partition_format"] = partition_format
        return OutputTabularDatasetConfig(_files=self, _transform=transform)


class OutputFileDatasetConfig(OutputDatasetConfig, TransformationMixin):
    """A folder that a step writes and that becomes a FileDataset. It exists when the script starts.

    :param destination: ``(datastore, template)`` or a datastore; the template may hold ``{run-id}`` and
        ``{output-name}``. None: ``dataset/{run-id}/{output-name}`` in the default datastore.
    :param source: where the script writes; None for a fresh folder.
    :param partition_format: names parts of the paths, see ``FileDatasetFactory.from_files``.
    """

    def __init__(
        self,
        name: str | None = None,
        destination: Any = None,
        source: str | None = None,
        partition_format: str | None = None,
    ) -> None:
        super().__init__("mount", name)
        self.destination = destination
        self.source = source
        self._place = checked_destination(destination, self._name)
        self._partition_format = partition_format
        self._upload: UploadOptions | None = None
        self._mount: MountOptions | None = None

    def as_mount(self, disable_metadata_cache: bool = False) -> OutputFileDatasetConfig:
        """The same output, mounted (the default)."""
        other = copy.copy(self)
        other.mode, other._upload, other._mount = "mount", None, MountOptions(disable_metadata_cache)
        return other

    def as_upload(self, overwrite: bool = False, source_globs: Any = None) -> OutputFileDatasetConfig:
        """The same output, uploaded when the step has succeeded.

        :param overwrite: replace files that are there; otherwise such a file fails the step.
        :param source_globs: which files; None for all.
        """
        checked_globs(source_globs)
        other = copy.copy(self)
        other.mode, other._upload, other._mount = "upload", UploadOptions(overwrite, source_globs), None
        return other

    def _port_fields(self) -> dict[str, Any]:
        fields = super()._port_fields()
        fields["datastore"], fields["path"] = self._place
        fields["path_on_compute"] = self.source
        if self._upload is not None:
            fields["overwrite"] = bool(self._upload.overwrite)
            fields["globs"] = checked_globs(self._upload.source_globs)
        if self._partition_format:
            fields["transform"] = {"partition_format": self._partition_format}
        return fields


class OutputTabularDatasetConfig(OutputDatasetConfig):
    """An output of files that is read as a table; made by ``read_delimited_files`` and ``read_parquet_files``."""

    _KIND = "tabular"
    _data_kind = "tabular"

    def __init__(self, **kwargs: Any) -> None:
        files = kwargs.get("_files")
        if files is None:
            raise InvalidInput(
                "OutputTabularDatasetConfig is not made directly",
                expected="OutputFileDatasetConfig(...).read_delimited_files() or .read_parquet_files()",
            )
        # The same output as the files': one key, one name, and whatever registration was asked for.
        super().__init__(files.mode, files.name)
        self._key = files._key
        self._registration = files._registration
        self._files = files
        self._transform: dict[str, Any] = dict(kwargs["_transform"])

    def keep_columns(self, columns: Any) -> OutputTabularDatasetConfig:
        """The same table with these columns only."""
        return self._with({"op": "keep_columns", "columns": checked_columns(columns)})

    def drop_columns(self, columns: Any) -> OutputTabularDatasetConfig:
        """The same table without these columns."""
        return self._with({"op": "drop_columns", "columns": checked_columns(columns)})

    def random_split(
        self, percentage: float, seed: int | None = None
    ) -> tuple[OutputTabularDatasetConfig, OutputTabularDatasetConfig]:
        """Two tables that share the rows; their names end in ``_1`` and ``_2``.

        :param percentage: the first one's share, between 0 and 1.
        """
        first, second = split_operations(percentage, seed, self._transform)
        halves = self._with(first), self._with(second)
        for number, half in enumerate(halves, start=1):
            half._name = f"{self._name}_{number}"
        return halves

    def as_mount(self) -> OutputTabularDatasetConfig:
        """The same output, its files mounted (the default)."""
        return self._over(self._files.as_mount())

    def as_upload(self, overwrite: bool = False, source_globs: Any = None) -> OutputTabularDatasetConfig:
        """The same output, its files uploaded when the step has succeeded."""
        return self._over(self._files.as_upload(overwrite, source_globs))

    def _over(self, files: Any) -> OutputTabularDatasetConfig:
        other = copy.copy(self)
        other._files, other.mode = files, files.mode
        return other

    def _with(self, operation: dict[str, Any]) -> OutputTabularDatasetConfig:
        other = copy.copy(self)
        other._transform = {
            **self._transform,
            "operations": [*self._transform.get("operations", []), operation],
        }
        return other

    def _port_fields(self) -> dict[str, Any]:
        below = self._files._port_fields()
        return {**below, **super()._port_fields(), "transform": {**(below.get("transform") or {}), **self._transform}}


class HDFSOutputDatasetConfig(OutputDatasetConfig, TransformationMixin):
    """A folder that a Spark step writes by its URL.

    :param destination: as for :class:`OutputFileDatasetConfig`.
    """

    _KIND = "hdfs"

    def __init__(self, name: str | None = None, destination: Any = None) -> None:
        super().__init__("hdfs", name)
        self.destination = destination
        self.source = None
        self._place = checked_destination(destination, self._name)

    def as_mount(self) -> Any:
        """Not supported: Spark writes to the store itself."""
        return refuse("HDFSOutputDatasetConfig.as_mount", "", "OutputFileDatasetConfig")

    def as_upload(self, overwrite: bool = False, source_globs: Any = None) -> Any:
        """Not supported: Spark writes to the store itself."""
        return refuse("HDFSOutputDatasetConfig.as_upload", "", "OutputFileDatasetConfig")

    def _port_fields(self) -> dict[str, Any]:
        fields = super()._port_fields()
        fields["datastore"], fields["path"] = self._place
        return fields


class LinkFileOutputDatasetConfig(OutputDatasetConfig):
    """A FileDataset that the script names with ``run.output_datasets[name].link(dataset)``; nothing is copied."""

    _KIND = "link_file"

    def __init__(self, name: str | None = None) -> None:
        super().__init__("link", name)


class LinkTabularOutputDatasetConfig(OutputDatasetConfig):
    """A TabularDataset that the script names with ``run.output_datasets[name].link(dataset)``; nothing is copied."""

    _KIND = "link_tabular"
    _data_kind = "tabular"

    def __init__(self, name: str | None = None) -> None:
        super().__init__("link", name)
