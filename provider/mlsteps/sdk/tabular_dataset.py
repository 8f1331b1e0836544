"""``TabularDataset``: rows read from files or from a database."""

from __future__ import annotations

import datetime
from typing import Any

from mlsteps.errors import DatasetTimestampMissingError, InvalidInput
from mlsteps.sdk import dataset_access as access
from mlsteps.sdk import table_operations as operations
from mlsteps.sdk.abstract_dataset import AbstractDataset
from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.expressions import Expression, filter_tree
from mlsteps.sdk.file_dataset import FileDataset
from mlsteps.sdk.unsupported import refuse


class TabularDataset(AbstractDataset):
    """A table; made by ``Dataset.Tabular.from_...`` (SDK: TabularDataset).

    Reading needs pandas, and pyarrow for parquet, in the Python that reads.
    """

    _data_kind = "tabular"

    # -- reading

    def to_pandas_dataframe(self, on_error: str = "null", out_of_range_datetime: str = "null") -> Any:
        """All rows as a ``pandas.DataFrame``.

        :param on_error: what a value becomes that does not fit its column's type: ``null``, or ``fail``.
        :param out_of_range_datetime: the same for points in time outside the years 1677 to 2262.
        :raises DatasetExecutionError: when the data cannot be read.
        """
        from mlsteps.tables.frame import read

        self._check_once(self._workspace)
        return read(
            self._definition(),
            access.opener(self._workspace),
            on_error=_null_or_fail(on_error, "on_error"),
            out_of_range_datetime=_null_or_fail(out_of_range_datetime, "out_of_range_datetime"),
        )

    def to_dask_dataframe(
        self, sample_size: int = 10000, dtypes: Any = None, on_error: str = "null", out_of_range_datetime: str = "null"
    ) -> Any:
        """Not supported."""
        return refuse("TabularDataset.to_dask_dataframe", "", "to_pandas_dataframe() and dask.dataframe.from_pandas")

    def to_spark_dataframe(self) -> Any:
        """Not supported."""
        return refuse("TabularDataset.to_spark_dataframe", "", "to_pandas_dataframe() and spark.createDataFrame")

    def to_parquet_files(self) -> FileDataset:
        """The rows as parquet files: a FileDataset, written to the default datastore now."""
        return self._as_files("parquet")

    def to_csv_files(self, separator: str = ",") -> FileDataset:
        """The rows as delimited files with a header: a FileDataset, written to the default datastore now."""
        return self._as_files("csv", separator=separator)

    def partition_by(
        self,
        partition_keys: Any,
        target: Any,
        name: str | None = None,
        show_progress: bool = True,
        partition_as_file_dataset: bool = False,
    ) -> AbstractDataset:
        """Write the rows as parquet files in one folder for each combination of the keys' values.

        :param target: ``(datastore, path)`` or a ``DataPath``; the files go to a new folder below it.
        :param name: register the result under this name, as a new version.
        :param partition_as_file_dataset: answer a FileDataset rather than a TabularDataset.
        """
        from mlsteps.sdk.dataset_writing import partition

        return partition(
            self, operations.checked_columns(partition_keys), target, name, show_progress, partition_as_file_dataset
        )

    # -- other datasets

    def skip(self, count: int) -> TabularDataset:
        """Without the first ``count`` rows."""
        return self._with({"op": "skip", "count": operations.checked_count(count, "skip")})

    def take(self, count: int) -> TabularDataset:
        """The first ``count`` rows only."""
        return self._with({"op": "take", "count": operations.checked_count(count, "take")})

    def take_sample(self, probability: float, seed: int | None = None) -> TabularDataset:
        """Each row with this probability."""
        return self._with(operations.sample_operation(probability, seed, self._definition()))

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[TabularDataset, TabularDataset]:
        """Two datasets that share the rows.

        :param percentage: the first one's share, between 0 and 1.
        """
        first, second = operations.split_operations(percentage, seed, self._definition())
        return self._with(first), self._with(second)

    def keep_columns(self, columns: Any, validate: bool = False) -> TabularDataset:
        """With these columns only."""
        return self._without_lost_timestamps({"op": "keep_columns", "columns": operations.checked_columns(columns)})

    def drop_columns(self, columns: Any) -> TabularDataset:
        """Without these columns."""
        return self._without_lost_timestamps({"op": "drop_columns", "columns": operations.checked_columns(columns)})

    def filter(self, expression: Expression) -> TabularDataset:
        """The rows for which an expression holds: ``dataset.filter(dataset["age"] > 18)``."""
        return self._with({"op": "filter", "expression": filter_tree(expression)})

    # -- time

    def with_timestamp_columns(
        self,
        timestamp: str | None = None,
        partition_timestamp: str | None = None,
        validate: bool = False,
        **kwargs: Any,
    ) -> TabularDataset:
        """Name the columns that the time filters use.

        :param timestamp: column of points in time; None with no partition_timestamp takes the capability away.
        :param partition_timestamp: coarser column, usually from the partition format.
        """
        timestamp = kwargs.get("fine_grain_timestamp", timestamp)
        partition_timestamp = kwargs.get("coarse_grain_timestamp", partition_timestamp)
        if partition_timestamp is not None and partition_timestamp == timestamp:
            raise InvalidInput(f"timestamp and partition_timestamp are both {timestamp!r}", expected="two columns")
        return self._with(
            {"op": "timestamp_columns", "timestamp": timestamp, "partition_timestamp": partition_timestamp}
        )

    @property
    def timestamp_columns(self) -> tuple[str | None, str | None]:
        """``(timestamp, partition_timestamp)``; each None when not set."""
        for operation in reversed(self._definition().get("operations", [])):
            if operation["op"] == "timestamp_columns":
                return operation["timestamp"], operation["partition_timestamp"]
        return None, None

    def time_before(
        self, end_time: datetime.datetime, include_boundary: bool = True, validate: bool = True
    ) -> TabularDataset:
        """The rows up to a point in time."""
        return self._in_time(None, end_time, include_boundary)

    def time_after(
        self, start_time: datetime.datetime, include_boundary: bool = True, validate: bool = True
    ) -> TabularDataset:
        """The rows from a point in time on."""
        return self._in_time(start_time, None, include_boundary)

    def time_between(
        self,
        start_time: datetime.datetime,
        end_time: datetime.datetime,
        include_boundary: bool = True,
        validate: bool = True,
    ) -> TabularDataset:
        """The rows between two points in time."""
        return self._in_time(start_time, end_time, include_boundary)

    def time_recent(
        self, time_delta: datetime.timedelta, include_boundary: bool = True, validate: bool = True
    ) -> TabularDataset:
        """The rows of the last ``time_delta`` before now (UTC). "Now" is when this is called, as in the SDK."""
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        return self._in_time(now - time_delta, now, include_boundary)

    # -- what is not there

    def submit_profile_run(self, compute_target: Any, experiment: Any, cache_datastore_name: str | None = None) -> Any:
        """Not supported."""
        return refuse("TabularDataset.submit_profile_run", "", "to_pandas_dataframe().describe()")

    def get_profile(self, workspace: Any = None) -> Any:
        """Not supported."""
        return refuse("TabularDataset.get_profile", "", "to_pandas_dataframe().describe()")

    def get_profile_runs(self, workspace: Any = None) -> Any:
        """Not supported."""
        return refuse("TabularDataset.get_profile_runs", "", "to_pandas_dataframe().describe()")

    def download(
        self,
        stream_column: str,
        target_path: str | None = None,
        overwrite: bool = False,
        ignore_not_found: bool = True,
    ) -> Any:
        """Not supported."""
        return refuse("TabularDataset.download", "columns of streams are not read", "a FileDataset of the same files")

    def mount(self, stream_column: str, mount_point: str | None = None) -> Any:
        """Not supported."""
        return refuse("TabularDataset.mount", "columns of streams are not read", "a FileDataset of the same files")

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Not possible: a table is no folder (as in the SDK)."""
        return self._unnamed_input("mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Not possible: a table is no folder (as in the SDK)."""
        return self._unnamed_input("download", path_on_compute)

    # -- inside

    def _in_time(self, start: datetime.datetime | None, end: datetime.datetime | None, include: bool) -> TabularDataset:
        fine, coarse = self.timestamp_columns
        if fine is None and coarse is None:
            raise DatasetTimestampMissingError(
                "The dataset has no timestamp columns. Name them first: dataset.with_timestamp_columns('column')."
            )
        operation: dict[str, Any] = {"op": "time_filter", "column": fine or coarse}
        for name, value in (("start", start), ("end", end)):
            if value is not None:
                operation.update({name: _iso(value), f"include_{name}": bool(include)})
        return self._with(operation)

    def _without_lost_timestamps(self, operation: dict[str, Any]) -> TabularDataset:
        """As the SDK has it, a dataset that loses a timestamp column loses its time filters."""
        changed = self._with(operation)
        named = set(operation["columns"])
        before = self.timestamp_columns
        fine, coarse = (
            column if column is not None and (column in named) == (operation["op"] == "keep_columns") else None
            for column in before
        )
        return changed if (fine, coarse) == before else changed.with_timestamp_columns(fine, coarse)

    def _as_files(self, kind: str, separator: str = ",") -> FileDataset:
        from mlsteps.sdk.dataset_writing import materialise

        return materialise(self, kind, separator)


def _null_or_fail(value: str, name: str) -> str:
    if value not in ("null", "fail"):
        raise InvalidInput(f"{name} is {value!r}", expected="'null' or 'fail'")
    return value


def _iso(value: Any) -> str:
    if not isinstance(value, (datetime.datetime, datetime.date)):
        raise InvalidInput(f"A time filter was given {value!r}", expected="a datetime")
    return value.isoformat()
