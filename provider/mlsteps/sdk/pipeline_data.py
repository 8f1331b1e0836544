"""``PipelineData``: what one step writes and another reads; and its forms as a dataset."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Mapping, TypeVar

from mlsteps.contracts.graph import OutputPort
from mlsteps.errors import InvalidInput
from mlsteps.sdk.binding import INPUT_PLACEHOLDER, REFERENCE_PLACEHOLDER, InputRequest, OutputKey, OutputRequest
from mlsteps.sdk.dataset_types import PromoteHeadersBehavior
from mlsteps.sdk.table_operations import checked_columns, delimited_reader, parquet_reader, split_operations

if TYPE_CHECKING:
    from mlsteps.sdk.ports import InputPortBinding

_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
OUTPUT_MODES = ("mount", "upload")
T = TypeVar("T")


def check_name(name: Any, what: str) -> str:
    """``name`` when it holds letters, digits and ``_`` only, the SDK's rule for names of data and ports.

    :raises InvalidInput: (a ``ValueError``) otherwise.
    """
    if isinstance(name, str) and _NAME.match(name):
        return name
    raise InvalidInput(f"{what} has the name {name!r}", expected="letters, digits and underscores")


def datastore_name(datastore: Any) -> str | None:
    """The name of a datastore given as an object, by name, or not at all."""
    return datastore if datastore is None or isinstance(datastore, str) else datastore.name


def reference_variable(name: str) -> str:
    """The environment variable that carries a reference's path."""
    return REFERENCE_PLACEHOLDER[1:] + name


class TrainingOutput:
    """Which artifact of a HyperDrive or AutoML step an output holds (SDK docs: ``TrainingOutput``).

    :param type: ``Metrics`` or ``Model``; :param iteration: or :param metric: choose the model, not both;
    :param model_file: path among the best child's artifacts (HyperDrive only).
    """

    def __init__(
        self, type: str, iteration: int | None = None, metric: str | None = None, model_file: str | None = None
    ) -> None:
        if type not in ("Metrics", "Model"):
            raise InvalidInput(f"TrainingOutput has the type {type!r}", expected="'Metrics' or 'Model'")
        if type == "Metrics" and (iteration is not None or metric is not None or model_file is not None):
            raise InvalidInput("iteration, metric and model_file choose a model", mend="use type='Model'")
        if iteration is not None and metric is not None:
            raise InvalidInput("A TrainingOutput has both iteration and metric", mend="give one of them")
        self.type, self.iteration, self.metric, self.model_file = type, iteration, metric, model_file

    def _document(self) -> Mapping[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


class PipelineData:
    """Intermediate data (SDK docs: ``azureml.pipeline.core.PipelineData``).

    It lies at ``azureml/<step run id>/<output_name>`` on its datastore. The folder is not made for the script.

    :param datastore: object or name; None means the pipeline's default, else the workspace's.
    :param output_name: port on the producing step; default ``name``.
    :param output_mode: ``mount`` or ``upload``; :param output_path_on_compute: where the script writes, for upload.
    :param is_directory: False when the script writes one file at exactly the path it is given.
    :param pipeline_output_name: makes it known to ``PipelineRun.get_pipeline_output``.
    :raises InvalidInput: for a bad name or mode.
    """

    def __init__(
        self,
        name: str,
        datastore: Any = None,
        output_name: str | None = None,
        output_mode: str = "mount",
        output_path_on_compute: str | None = None,
        output_overwrite: bool | None = None,
        data_type: str | None = None,
        is_directory: bool | None = None,
        pipeline_output_name: str | None = None,
        training_output: TrainingOutput | None = None,
    ) -> None:
        self._name = check_name(name, "PipelineData")
        self._output_name = check_name(output_name or name, "PipelineData's output")
        if output_mode not in OUTPUT_MODES:
            raise InvalidInput(f"PipelineData {name!r} has output_mode {output_mode!r}", expected="'mount' or 'upload'")
        self._datastore = datastore
        self._output_mode = output_mode
        self._output_path_on_compute = output_path_on_compute
        self._output_overwrite = output_overwrite
        self._data_type = data_type
        self._is_directory = is_directory
        self._pipeline_output_name = pipeline_output_name
        self._training_output = training_output
        self._key = OutputKey(self._output_name)

    @property
    def name(self) -> str:
        """Name of the object, and of an input that it becomes."""
        return self._name

    @property
    def datastore(self) -> Any:
        """The datastore given at construction; None for the default."""
        return self._datastore

    @property
    def data_type(self) -> str:
        """``AnyDirectory`` or ``AnyFile``, unless given."""
        return self._data_type or ("AnyDirectory" if self._is_directory else "AnyFile")

    @property
    def _producer(self) -> Any:
        return self._key.producers[-1] if self._key.producers else None

    def __str__(self) -> str:
        return REFERENCE_PLACEHOLDER + self._name

    def __repr__(self) -> str:
        return str(self)

    def get_env_variable_name(self) -> str:
        """``$AZUREML_DATAREFERENCE_<name>``: may stand inside a longer argument."""
        return str(self)

    def as_download(
        self, input_name: str | None = None, path_on_compute: str | None = None, overwrite: bool | None = None
    ) -> InputPortBinding:
        """As an input that is downloaded before the step."""
        return self.create_input_binding(input_name, "download", path_on_compute, overwrite)

    def as_mount(self, input_name: str | None = None) -> InputPortBinding:
        """As an input that is mounted."""
        return self.create_input_binding(input_name, "mount")

    def as_input(self, input_name: str) -> InputPortBinding:
        """As an input of this name."""
        return self.create_input_binding(input_name)

    def create_input_binding(
        self,
        input_name: str | None = None,
        mode: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool | None = None,
    ) -> InputPortBinding:
        """As an input with all its settings; see :class:`mlsteps.sdk.ports.InputPortBinding`."""
        from mlsteps.sdk.ports import InputPortBinding

        return InputPortBinding(input_name or self._name, self, mode or "mount", path_on_compute, overwrite)

    def as_dataset(self) -> PipelineOutputFileDataset:
        """As a ``FileDataset``, for the producing step's ``outputs`` and the consumers' ``inputs``."""
        return PipelineOutputFileDataset(self)

    def _input_request(self) -> InputRequest:
        return InputRequest(self._name, {"output": self._key}, variable=reference_variable(self._name))

    def _output_request(self) -> OutputRequest:
        training = self._training_output
        port = OutputPort(
            name=self._output_name,
            datastore=datastore_name(self._datastore),
            mode=self._output_mode,
            path_on_compute=self._output_path_on_compute,
            overwrite=self._output_overwrite,
            is_directory=self._is_directory,
            variable=reference_variable(self._name),
            pipeline_output_name=self._pipeline_output_name,
            training_output=training._document() if training else None,
        )
        return OutputRequest(port, self._key)


class DatasetRegistration:
    """Under which name an output is registered, and whether each run adds a version."""

    def __init__(self, name: str, create_new_version: bool) -> None:
        self.name, self.create_new_version = name, create_new_version


class PipelineOutputAbstractDataset:
    """A ``PipelineData`` promoted to a dataset (SDK docs: ``pipeline_output_dataset``). Modifiers give new objects."""

    def __init__(self, pipeline_data: PipelineData) -> None:
        self._pipeline_data = pipeline_data
        self._input_name: str | None = None
        self._input_mode = "direct"
        self._path_on_compute: str | None = None
        self._registration: DatasetRegistration | None = None
        self._reader: Mapping[str, Any] | None = None
        self._operations: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """Name of the output."""
        return self._pipeline_data._output_name

    @property
    def input_name(self) -> str:
        """Name of the input that it becomes."""
        return self._input_name or self._pipeline_data.name

    def register(self: T, name: str, create_new_version: bool = True) -> T:
        """Register a version of dataset ``name`` when the step is done. Counts on the producing side only."""
        return _changed(self, _registration=DatasetRegistration(name, create_new_version))

    def as_named_input(self: T, name: str) -> T:
        """As an input of this name."""
        return _changed(self, _input_name=check_name(name, "An input"))

    def create_input_binding(self) -> InputPortBinding:
        """As an :class:`mlsteps.sdk.ports.InputPortBinding`."""
        from mlsteps.sdk.ports import InputPortBinding

        return InputPortBinding(self.input_name, self, self._input_mode, self._path_on_compute)

    def __str__(self) -> str:
        return INPUT_PLACEHOLDER + self.input_name

    def _transform(self) -> Mapping[str, Any] | None:
        if self._reader is None:
            return None
        transform = {"type": "tabular", **self._reader}
        return {**transform, "operations": list(self._operations)} if self._operations else transform

    def _input_request(self) -> InputRequest:
        return InputRequest(
            self.input_name,
            {"output": self._pipeline_data._key},
            kind="file" if self._reader is None else "tabular",
            mode=self._input_mode,
            path_on_compute=self._path_on_compute,
            transform=self._transform(),
            variable=self.input_name,
        )

    def _output_request(self) -> OutputRequest:
        port, key = self._pipeline_data._output_request()
        if self._registration is None:
            return OutputRequest(port, key)
        registration = {
            "name": self._registration.name,
            "create_new_version": self._registration.create_new_version,
        }
        return OutputRequest(_changed(port, register=registration), key)


class PipelineOutputFileDataset(PipelineOutputAbstractDataset):
    """The files of a ``PipelineData`` as a ``FileDataset``; direct unless told otherwise."""

    def as_download(self, path_on_compute: str | None = None) -> PipelineOutputFileDataset:
        """Downloaded before the step."""
        return _changed(self, _input_mode="download", _path_on_compute=path_on_compute)

    def as_mount(self, path_on_compute: str | None = None) -> PipelineOutputFileDataset:
        """Mounted."""
        return _changed(self, _input_mode="mount", _path_on_compute=path_on_compute)

    def as_direct(self) -> PipelineOutputFileDataset:
        """Given as a dataset; the script reads it itself."""
        return _changed(self, _input_mode="direct", _path_on_compute=None)

    def parse_delimited_files(
        self,
        include_path: bool = False,
        separator: str = ",",
        header: Any = PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS,
        partition_format: str | None = None,
        file_extension: str | None = "",
        set_column_types: Mapping[str, Any] | None = None,
        quoted_line_breaks: bool = False,
    ) -> PipelineOutputTabularDataset:
        """Read as a table, on the consumers' side.

        :param file_extension: files that count; ``""`` means ``.csv`` for a comma, ``.tsv`` for a tab; None all.
        """
        if file_extension == "":
            file_extension = {",": ".csv", "\t": ".tsv"}.get(separator)
        reader = delimited_reader(
            separator=separator,
            header=header,
            set_column_types=set_column_types,
            support_multi_line=quoted_line_breaks,
        )
        return _tabular(self, reader, file_extension, include_path, partition_format)

    def parse_parquet_files(
        self,
        include_path: bool = False,
        partition_format: str | None = None,
        file_extension: str | None = ".parquet",
        set_column_types: Mapping[str, Any] | None = None,
    ) -> PipelineOutputTabularDataset:
        """Read as a table, on the consumers' side; ``file_extension`` None reads all files."""
        reader = parquet_reader(set_column_types)
        return _tabular(self, reader, file_extension, include_path, partition_format)


class PipelineOutputTabularDataset(PipelineOutputAbstractDataset):
    """A ``PipelineData`` read as a table. Made by ``parse_delimited_files`` and ``parse_parquet_files``."""

    _data_kind = "tabular"

    def __init__(self, pipeline_output_dataset: PipelineOutputAbstractDataset, additional_transformations: Any) -> None:
        super().__init__(pipeline_output_dataset._pipeline_data)
        self._input_name = pipeline_output_dataset._input_name
        self._registration = pipeline_output_dataset._registration
        self._reader = additional_transformations

    def keep_columns(self, columns: Any) -> PipelineOutputTabularDataset:
        """These columns only."""
        return self._with({"op": "keep_columns", "columns": checked_columns(columns)})

    def drop_columns(self, columns: Any) -> PipelineOutputTabularDataset:
        """All columns but these."""
        return self._with({"op": "drop_columns", "columns": checked_columns(columns)})

    def random_split(
        self, percentage: float, seed: int | None = None
    ) -> tuple[PipelineOutputTabularDataset, PipelineOutputTabularDataset]:
        """Two parts of about ``percentage`` (0 to 1) of the rows and the rest."""
        first, second = (self._with(part) for part in split_operations(percentage, seed, self._transform()))
        if self._input_name:
            first._input_name, second._input_name = f"{self._input_name}_1", f"{self._input_name}_2"
        return first, second

    def _with(self, operation: Mapping[str, Any]) -> PipelineOutputTabularDataset:
        return _changed(self, _operations=(*self._operations, operation))


def _changed(item: T, **changes: Any) -> T:
    """A shallow copy with these attributes; works for frozen dataclasses too."""
    other = copy.copy(item)
    for name, value in changes.items():
        object.__setattr__(other, name, value)
    return other


def _tabular(
    dataset: PipelineOutputFileDataset,
    reader: dict[str, Any],
    file_extension: str | None,
    include_path: bool,
    partition_format: str | None,
) -> PipelineOutputTabularDataset:
    if file_extension:
        reader["path_glob"] = f"**/*{file_extension}"
    transform: dict[str, Any] = {"reader": reader}
    if include_path:
        transform["include_path"] = True
    if partition_format:
        transform["partition_format"] = partition_format
    return PipelineOutputTabularDataset(dataset, transform)
