"""Data that becomes a dataset: folders, dataframes, and the results of ``partition_by`` and ``to_csv_files``."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from mlsteps.contracts.codec import digest_of
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk import datastore_transfer as transfer
from mlsteps.sdk.dataset_access import opener
from mlsteps.sdk.dataset_paths import target_of
from mlsteps.sdk.file_dataset import FileDataset

if TYPE_CHECKING:
    from mlsteps.sdk.abstract_dataset import AbstractDataset
    from mlsteps.sdk.tabular_dataset import TabularDataset


def upload_directory(
    source: str, target: Any, pattern: str | None, overwrite: bool, show_progress: bool
) -> FileDataset:
    """See ``FileDatasetFactory.upload_directory``."""
    from mlsteps.sdk.dataset_factory import FileDatasetFactory
    from mlsteps.storage.globs import matches_any

    datastore, path = target_of(target, "target of upload_directory")
    globs = [pattern, f"**/{pattern}"] if pattern and "/" not in pattern else [pattern] if pattern else []
    pairs = [pair for pair in transfer.files_below(source) if matches_any(pair[1], globs)]
    if not pairs:
        raise UserErrorException(f"Nothing to upload: {source!r} holds no file that fits {pattern or '**'!r}.")
    store = datastore._open()
    if not overwrite:
        there = {entry.path for entry in store.list(path)}
        clash = [relative for _, relative in pairs if _joined(path, relative) in there]
        if clash:
            raise UserErrorException(
                f"{len(clash)} of {len(pairs)} files are in {datastore.name}:{path or '/'} already, such as {clash[0]}."
                " Give overwrite=True to replace them, or another target."
            )
    transfer.upload(store, pairs, path, True, show_progress)
    return FileDatasetFactory.from_files((datastore, _joined(path, "**")), validate=False)


def register_dataframe(
    dataframe: Any,
    target: Any,
    name: str,
    *,
    description: str | None,
    tags: Mapping[str, str] | None,
    show_progress: bool,
    row_group_size: int | None,
    unique: bool,
) -> TabularDataset:
    """See ``TabularDatasetFactory.register_pandas_dataframe``."""
    from mlsteps.sdk.dataset_factory import TabularDatasetFactory
    from mlsteps.tables.writing import write_parquet

    if not hasattr(dataframe, "to_parquet"):
        raise InvalidInput(f"The dataframe is a {type(dataframe).__name__}", expected="a pandas.DataFrame")
    datastore, path = target_of(target, "target of register_pandas_dataframe")
    place = _joined(path, str(uuid.uuid4())) if unique else path
    with _scratch() as folder:
        write_parquet(dataframe, os.path.join(folder, "part_00000.parquet"), row_group_size)
        transfer.upload(datastore._open(), transfer.files_below(folder), place, True, show_progress)
    made = TabularDatasetFactory.from_parquet_files((datastore, _joined(place, "*.parquet")), validate=False)
    return made.register(datastore.workspace, name, description, tags, create_new_version=True)


def partition(
    dataset: TabularDataset,
    keys: Sequence[str],
    target: Any,
    name: str | None,
    show_progress: bool,
    as_files: bool,
) -> AbstractDataset:
    """See ``TabularDataset.partition_by``."""
    from mlsteps.sdk.dataset_factory import FileDatasetFactory, TabularDatasetFactory
    from mlsteps.tables.frame import batches
    from mlsteps.tables.writing import write_partitions

    dataset._check_once(dataset._workspace)
    datastore, path = target_of(target, "target of partition_by")
    place = _joined(path, str(uuid.uuid4()))
    with _scratch() as folder:
        write_partitions(batches(dataset._definition(), opener(dataset._workspace)), keys, folder)
        transfer.upload(datastore._open(), transfer.files_below(folder), place, True, show_progress)
    form = "/".join([*(f"{{{key}}}" for key in keys), "*.parquet"])
    make = FileDatasetFactory.from_files if as_files else TabularDatasetFactory.from_parquet_files
    made: AbstractDataset = make(  # type: ignore[operator]
        path=(datastore, _joined(place, "**/*.parquet")), validate=False, partition_format=form
    )
    return made if name is None else made.register(datastore.workspace, name, create_new_version=True)


def materialise(dataset: TabularDataset, kind: str, separator: str) -> FileDataset:
    """The rows as a file in the default datastore, in a folder named by definition and content.

    The same data therefore lies there once, and changed data elsewhere; the rows of a query, whose content nobody knows
    before, in a new folder each time. Rows pass in pieces. There are several files only where columns differ.
    """
    from mlsteps.sdk.dataset_factory import FileDatasetFactory
    from mlsteps.sdk.datastore import Datastore
    from mlsteps.tables.frame import batches
    from mlsteps.tables.writing import write_parts

    if dataset._workspace is None:
        raise UserErrorException("The dataset belongs to no workspace to write its files to; register it first.")
    dataset._check_once(dataset._workspace)
    datastore = Datastore.get_default(dataset._workspace)
    place = f"managed-dataset/{_content_of(dataset, kind, separator)}"
    store = datastore._open()
    if store.entry(f"{place}/part_00000.{kind}") is None:
        with _scratch() as folder:
            names = write_parts(
                batches(dataset._definition(), opener(dataset._workspace)), folder, kind, separator=separator
            )
            for name in reversed(names):  # the first one last: where it is, all are
                store.put_file(os.path.join(folder, name), f"{place}/{name}", move=True)
    return FileDatasetFactory.from_files((datastore, f"{place}/*.{kind}"), validate=False)


def _content_of(dataset: TabularDataset, kind: str, separator: str) -> str:
    from mlsteps.storage.datasets import content_identity

    definition = dataset._definition()
    if "sql" in definition:
        return uuid.uuid4().hex
    return digest_of([definition, content_identity(definition, opener(dataset._workspace)).digest, kind, separator])


@contextmanager
def _scratch() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="mlsteps-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
