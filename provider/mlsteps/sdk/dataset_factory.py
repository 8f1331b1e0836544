"""``Dataset.File`` and ``Dataset.Tabular``: how datasets are made."""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk import table_operations as readers
from mlsteps.sdk.datapath import DataPath
from mlsteps.sdk.dataset_paths import places_of
from mlsteps.sdk.dataset_types import DataType, PromoteHeadersBehavior
from mlsteps.sdk.file_dataset import FileDataset
from mlsteps.sdk.tabular_dataset import TabularDataset

__all__ = ["DataType", "FileDatasetFactory", "PromoteHeadersBehavior", "TabularDatasetFactory"]


class FileDatasetFactory:
    """Makes FileDatasets (SDK: ``Dataset.File``)."""

    @staticmethod
    def from_files(
        path: Any, validate: bool = True, partition_format: str | None = None, is_file: bool = False
    ) -> FileDataset:
        """The files at a path.

        :param path: ``(datastore, path)``, a ``DataPath``, a URL, or a list of these; ``*`` and ``**`` are globs.
        :param validate: check that there are files, when it is registered or first read (never here: no I/O).
        :param partition_format: names parts of the paths: ``{year:yyyy}/{region}/*.csv``.
        :param is_file: accepted; whether one file was named is seen when it is read.
        """
        return FileDataset._create(*_file_parts("file", path, False, partition_format), validate=validate)

    @staticmethod
    def upload_directory(
        src_dir: str, target: Any, pattern: str | None = None, overwrite: bool = False, show_progress: bool = True
    ) -> FileDataset:
        """Upload a folder and answer a dataset of it, not registered.

        :param target: ``(datastore, path)`` or a ``DataPath``.
        :param pattern: glob of the files to upload, below ``src_dir``; None for all.
        :param overwrite: replace files that are there; otherwise one of them is an error and nothing is uploaded.
        """
        from mlsteps.sdk.dataset_writing import upload_directory

        return upload_directory(src_dir, target, pattern, overwrite, show_progress)


class TabularDatasetFactory:
    """Makes TabularDatasets (SDK: ``Dataset.Tabular``)."""

    @staticmethod
    def from_parquet_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, DataType] | None = None,
        partition_format: str | None = None,
    ) -> TabularDataset:
        """The rows of parquet files; parameters as in :meth:`from_delimited_files`."""
        return _table(readers.parquet_reader(set_column_types), path, validate, include_path, partition_format)

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: Mapping[str, DataType] | None = None,
        separator: str = ",",
        header: Any = True,
        partition_format: str | None = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """The rows of delimited files.

        :param path: ``(datastore, path)``, a ``DataPath``, a URL, or a list of these; ``*`` and ``**`` are globs.
        :param validate: check that there are files, when it is registered or first read (never here: no I/O).
        :param include_path: a first column ``Path`` with each row's file.
        :param infer_column_types: types from the first 200 rows; otherwise every column is text.
        :param set_column_types: ``{column: DataType}``, before inference.
        :param header: True (each file has the same headers), False (none has), or a ``PromoteHeadersBehavior``.
        :param partition_format: columns from the paths: ``{year:yyyy}/{region}/*.csv``.
        :param support_multi_line: accepted; quoted line breaks are always understood.
        :param empty_as_string: an empty field of a text column is an empty text rather than null.
        :param encoding: one of :data:`mlsteps.sdk.table_operations.ENCODINGS`.
        """
        reader = readers.delimited_reader(
            separator=separator,
            header=header,
            infer_column_types=infer_column_types,
            set_column_types=set_column_types,
            support_multi_line=support_multi_line,
            empty_as_string=empty_as_string,
            encoding=encoding,
        )
        return _table(reader, path, validate, include_path, partition_format)

    @staticmethod
    def from_json_lines_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, DataType] | None = None,
        partition_format: str | None = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> TabularDataset:
        """The rows of files with one JSON object a line.

        :param invalid_lines: ``error``, or ``drop`` lines that are no JSON object.
        """
        reader = readers.json_lines_reader(set_column_types, invalid_lines, encoding)
        return _table(reader, path, validate, include_path, partition_format)

    @staticmethod
    def from_sql_query(
        query: Any,
        validate: bool = True,
        set_column_types: Mapping[str, DataType] | None = None,
        query_timeout: int = 30,
    ) -> TabularDataset:
        """The rows of a query.

        :param query: ``(sql datastore, "select ...")`` or a ``DataPath``.
        :param query_timeout: seconds that the database may leave the reader without an answer.
        """
        if isinstance(query, DataPath):
            query = (query._required_datastore(), query.path_on_datastore)
        if not isinstance(query, tuple) or len(query) != 2 or not isinstance(query[1], str) or not query[1].strip():
            raise InvalidInput(f"The query is {query!r}", expected="(datastore, 'select ...')")
        if isinstance(query_timeout, bool) or not isinstance(query_timeout, int) or query_timeout <= 0:
            raise InvalidInput(f"query_timeout is {query_timeout!r}", expected="a whole number of seconds, above zero")
        definition = {
            "type": "tabular",
            "sql": {"datastore": query[0].name, "query": query[1], "timeout": query_timeout},
            "reader": {"format": "sql", "set_column_types": readers.column_types(set_column_types)},
        }
        return TabularDataset._create(definition, query[0].workspace, validate=validate)

    @staticmethod
    def register_pandas_dataframe(
        dataframe: Any,
        target: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        show_progress: bool = True,
        row_group_size: int | None = None,
        make_target_path_unique: bool = True,
    ) -> TabularDataset:
        """Write a dataframe as parquet and register it, as a new version where the name is taken.

        :param target: ``(datastore, path)``, a ``DataPath`` or a datastore.
        :param row_group_size: rows in a row group of the file.
        :param make_target_path_unique: into a new folder below ``target`` rather than into ``target`` itself.
        """
        from mlsteps.sdk.dataset_writing import register_dataframe

        return register_dataframe(
            dataframe,
            target,
            name,
            description=description,
            tags=tags,
            show_progress=show_progress,
            row_group_size=row_group_size,
            unique=make_target_path_unique,
        )

    @staticmethod
    def register_spark_dataframe(
        dataframe: Any,
        target: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        show_progress: bool = True,
    ) -> TabularDataset:
        """As :meth:`register_pandas_dataframe`, by way of ``dataframe.toPandas()``: it must fit into memory."""
        return TabularDatasetFactory.register_pandas_dataframe(
            dataframe.toPandas(), target, name, description, tags, show_progress
        )

    @staticmethod
    def register_dask_dataframe(
        dataframe: Any,
        target: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        show_progress: bool = True,
    ) -> TabularDataset:
        """As :meth:`register_pandas_dataframe`, by way of ``dataframe.compute()``: it must fit into memory."""
        return TabularDatasetFactory.register_pandas_dataframe(
            dataframe.compute(), target, name, description, tags, show_progress
        )


def _file_parts(kind: str, path: Any, include_path: bool, partition_format: str | None) -> tuple[dict[str, Any], Any]:
    """Definition without a reader, and the workspace it belongs to."""
    from mlsteps.tables.partitions import partition_keys

    places = places_of(path)
    definition: dict[str, Any] = {"type": kind, "paths": places.entries}
    if partition_format is not None:
        partition_keys(partition_format)  # a format that cannot be read is an error here, not in a step
        definition["partition_format"] = partition_format
    if include_path:
        definition["include_path"] = True
    return definition, places.workspace


def _table(
    reader: dict[str, Any], path: Any, validate: bool, include_path: bool, partition_format: str | None
) -> TabularDataset:
    definition, workspace = _file_parts("tabular", path, include_path, partition_format)
    return TabularDataset._create({**definition, "reader": reader}, workspace, validate=validate)
