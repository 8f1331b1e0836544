"""Ports: inputs and outputs of a step with their names and modes, and how any object becomes an input."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from mlsteps.contracts.graph import OutputPort
from mlsteps.errors import InvalidInput
from mlsteps.sdk.binding import REFERENCE_PLACEHOLDER, InputRequest, OutputKey, OutputRequest
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline_data import TrainingOutput, check_name, datastore_name, reference_variable

INPUT_MODES = ("mount", "download", "upload", "direct", "hdfs")


def input_request(item: Any) -> InputRequest | None:
    """What a step that is given ``item`` as an input wants to read; None when ``item`` cannot be an input."""
    method = getattr(item, "_input_request", None)
    if method is not None and not isinstance(item, type):
        answer: InputRequest = method()
        return answer
    return _datapath_request(item)


def output_request(item: Any) -> OutputRequest | None:
    """What a step that is given ``item`` as an output writes; None when ``item`` cannot be an output."""
    method = getattr(item, "_output_request", None)
    return None if method is None or isinstance(item, type) else method()


def is_datapath_pair(item: Any) -> bool:
    """Whether ``item`` is the idiom ``(PipelineParameter, DataPathComputeBinding)``."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], PipelineParameter)


def _datapath_request(item: Any) -> InputRequest | None:
    if not is_datapath_pair(item):
        return None
    parameter, binding = item
    return InputRequest(
        parameter.name,
        {"parameter": parameter},
        mode=_of(binding, "mode") or "mount",
        path_on_compute=_of(binding, "path_on_compute"),
        overwrite=bool(_of(binding, "overwrite")),
        variable=reference_variable(parameter.name),
    )


def _of(binding: Any, name: str) -> Any:
    return getattr(binding, name, getattr(binding, "_" + name, None))


class InputPortBinding:
    """An input with a name and a mode of its own (SDK docs: ``azureml.pipeline.core.InputPortBinding``).

    :param bind_object: PipelineData, PortDataReference, DataReference, PipelineDataset, OutputPortBinding,
        ``(PipelineParameter, DataPathComputeBinding)`` or DatasetConsumptionConfig.
    :param bind_mode: ``mount``, ``download``, ``upload``, ``direct`` or ``hdfs``.
    :param is_resource: copied into the script's folder.
    :raises InvalidInput: for a bad name or mode.
    """

    def __init__(
        self,
        name: str,
        bind_object: Any = None,
        bind_mode: str = "mount",
        path_on_compute: str | None = None,
        overwrite: bool | None = None,
        is_resource: bool = False,
        additional_transformations: Any = None,
        **kwargs: Any,
    ) -> None:
        self.name = check_name(name, "InputPortBinding")
        if bind_mode not in INPUT_MODES:
            raise InvalidInput(f"Input {name!r} has the mode {bind_mode!r}", expected=f"one of {list(INPUT_MODES)}")
        self.bind_object = bind_object
        self.bind_mode = bind_mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite
        self.is_resource = is_resource
        self.additional_transformations = additional_transformations

    @property
    def data_reference_name(self) -> str:
        """Name of what is bound."""
        return self.get_bind_object_name() or self.name

    @property
    def data_type(self) -> str | None:
        """Data type of what is bound, when it has one."""
        return self.get_bind_object_data_type()

    def get_bind_object_name(self) -> str | None:
        """Name of what is bound."""
        request = input_request(self.bind_object)
        return request.name if request else None

    def get_bind_object_data_type(self) -> str | None:
        """Data type of what is bound, when it has one."""
        return getattr(self.bind_object, "data_type", None)

    def as_resource(self) -> InputPortBinding:
        """This input, copied into the script's folder before the step."""
        return InputPortBinding(
            self.name, self.bind_object, "download", self.path_on_compute or ".", True, is_resource=True
        )

    def __str__(self) -> str:
        return REFERENCE_PLACEHOLDER + self.name

    def _input_request(self) -> InputRequest:
        request = input_request(self.bind_object)
        if request is None:
            raise InvalidInput(
                f"InputPortBinding {self.name!r} binds a {type(self.bind_object).__name__}",
                expected="PipelineData, DataReference, DatasetConsumptionConfig or another input",
            )
        transform = self.additional_transformations if isinstance(self.additional_transformations, Mapping) else None
        return request._replace(
            name=self.name,
            mode=self.bind_mode,
            path_on_compute=self.path_on_compute or request.path_on_compute,
            overwrite=request.overwrite if self.overwrite is None else self.overwrite,
            transform=transform or request.transform,
            variable=reference_variable(self.name) if request.kind == "reference" else self.name,
        )


class OutputPortBinding:
    """An output by its port (SDK docs: ``azureml.pipeline.core.OutputPortBinding``).

    Like ``PipelineData``, but a consumer needs an :class:`InputPortBinding` of it.
    """

    def __init__(
        self,
        name: str,
        datastore: Any = None,
        output_name: str | None = None,
        bind_mode: str = "mount",
        path_on_compute: str | None = None,
        is_directory: bool | None = None,
        overwrite: bool | None = None,
        data_type: str | None = None,
        pipeline_output_name: str | None = None,
        training_output: TrainingOutput | None = None,
        dataset_registration: Any = None,
        dataset_output: Any = None,
    ) -> None:
        self.name = check_name(name, "OutputPortBinding")
        if bind_mode not in ("mount", "upload", "hdfs", "link"):
            raise InvalidInput(f"Output {name!r} has the mode {bind_mode!r}", expected="'mount' or 'upload'")
        self.datastore = datastore
        self.bind_mode = bind_mode
        self.path_on_compute = path_on_compute
        self.is_directory = is_directory
        self.overwrite = overwrite
        self.data_type = data_type
        self.pipeline_output_name = pipeline_output_name
        self.training_output = training_output
        self.dataset_registration = dataset_registration
        self._dataset_output = dataset_output
        self._output_name = check_name(output_name or name, "OutputPortBinding's output")
        self._key = OutputKey(self._output_name)

    def __str__(self) -> str:
        return REFERENCE_PLACEHOLDER + self.name

    def _input_request(self) -> InputRequest:
        return InputRequest(self.name, {"output": self._key}, variable=reference_variable(self.name))

    def _output_request(self) -> OutputRequest:
        if self._dataset_output is not None:
            request: OutputRequest = self._dataset_output._output_request()
            return request
        training, registration = self.training_output, self.dataset_registration
        port = OutputPort(
            name=self._output_name,
            datastore=datastore_name(self.datastore),
            mode=self.bind_mode,
            path_on_compute=self.path_on_compute,
            overwrite=self.overwrite,
            is_directory=self.is_directory,
            variable=reference_variable(self.name),
            pipeline_output_name=self.pipeline_output_name,
            training_output=training._document() if training else None,
            register=dict(vars(registration)) if registration else None,
        )
        return OutputRequest(port, self._key)


class InputPortDef:
    """An input of a ``Module``'s interface (SDK docs: ``azureml.pipeline.core.InputPortDef``)."""

    def __init__(
        self,
        name: str,
        data_types: Sequence[str] | None = None,
        default_datastore_mode: str | None = None,
        default_path_on_compute: str | None = None,
        is_optional: bool = False,
        default_overwrite: bool | None = None,
        default_data_reference_name: str | None = None,
        is_resource: bool = False,
        label: str | None = None,
        additional_transformations: Any = None,
        **kwargs: Any,
    ) -> None:
        self.name = check_name(name, "InputPortDef")
        self.data_types = list(data_types or ["AnyFile", "AnyDirectory"])
        self.default_datastore_mode = default_datastore_mode
        self.default_path_on_compute = default_path_on_compute
        self.is_optional = is_optional
        self.default_overwrite = default_overwrite
        self.default_data_reference_name = default_data_reference_name
        self.is_resource = is_resource
        self.label = label
        self.additional_transformations = additional_transformations


class OutputPortDef:
    """An output of a ``Module``'s interface (SDK docs: ``azureml.pipeline.core.OutputPortDef``)."""

    def __init__(
        self,
        name: str,
        default_datastore_name: str | None = None,
        default_datastore_mode: str | None = None,
        default_path_on_compute: str | None = None,
        is_directory: bool = False,
        data_type: str | None = None,
        default_overwrite: bool | None = None,
        training_output: TrainingOutput | None = None,
        label: str | None = None,
    ) -> None:
        self.name = check_name(name, "OutputPortDef")
        self.default_datastore_name = default_datastore_name
        self.default_datastore_mode = default_datastore_mode
        self.default_path_on_compute = default_path_on_compute
        self.is_directory = is_directory
        self.data_type = data_type or ("AnyDirectory" if is_directory else "AnyFile")
        self.default_overwrite = default_overwrite
        self.training_output = training_output
        self.label = label


class PipelineDataset:
    """A dataset with a mode, as early SDKs passed it (SDK docs: ``PipelineDataset``, deprecated)."""

    def __init__(
        self,
        dataset: Any = None,
        name: str | None = None,
        bind_mode: str = "mount",
        path_on_compute: str | None = None,
        overwrite: bool = False,
        parameter_name: str | None = None,
    ) -> None:
        self.dataset = dataset
        self.name = name or PipelineDataset.default_name(dataset)
        self.bind_mode = bind_mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite
        self.parameter_name = parameter_name

    @staticmethod
    def default_name(dataset: Any) -> str:
        """The registered name of a dataset, else ``dataset``."""
        return getattr(dataset, "name", None) or "dataset"

    @staticmethod
    def is_dataset(dset: Any) -> bool:
        """Whether ``dset`` is a file or tabular dataset."""
        return hasattr(dset, "_definition")

    @staticmethod
    def validate_dataset(dset: Any) -> None:
        """:raises InvalidInput: when ``dset`` is no dataset."""
        if not PipelineDataset.is_dataset(dset):
            raise InvalidInput(f"{type(dset).__name__} is not a dataset", expected="FileDataset or TabularDataset")

    @staticmethod
    def create(dataset: Any, name: str | None = None, parameter_name: str | None = None) -> PipelineDataset:
        """As the constructor, for a dataset that is checked first."""
        PipelineDataset.validate_dataset(dataset)
        return PipelineDataset(dataset, name, parameter_name=parameter_name)

    @property
    def dataset_id(self) -> str | None:
        """Id of the dataset; None until it is saved."""
        return getattr(self.dataset, "id", None)

    saved_dataset_id = dataset_id

    @property
    def dataset_version(self) -> int | None:
        """Version of a registered dataset."""
        return getattr(self.dataset, "version", None)

    @property
    def workspace(self) -> Any:
        """Workspace of the dataset, when known."""
        return getattr(self.dataset, "_workspace", None)

    def _input_request(self) -> InputRequest:
        request: InputRequest = self.dataset.as_named_input(self.name)._input_request()
        return request._replace(mode=self.bind_mode, path_on_compute=self.path_on_compute, overwrite=self.overwrite)
