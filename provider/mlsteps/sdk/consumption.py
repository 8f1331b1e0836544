"""``DatasetConsumptionConfig``: a dataset as a named input of a step."""

from __future__ import annotations

import copy
from typing import Any

from mlsteps.errors import InvalidInput
from mlsteps.sdk.binding import INPUT_PLACEHOLDER, InputRequest
from mlsteps.sdk.data_names import checked_name

DIRECT_MODE = "direct"
MODES = ("direct", "mount", "download", "hdfs")


class DatasetConsumptionConfig:
    """How a step takes a dataset.

    In the step the variable ``<name>``, the argument that holds this object, and ``Run.input_datasets[name]`` give the
    local path (``mount``, ``download``), or the dataset's id and the dataset itself (``direct``).

    :param name: letters, digits and ``_``; not the name of a variable that the process itself needs.
    :param dataset: a dataset, a ``PipelineParameter`` whose default is one, or an output of another step.
    :param mode: ``direct``, ``mount``, ``download`` or ``hdfs``; tabular data only ``direct``.
    :param path_on_compute: where the step finds it; relative to its working directory unless absolute.
    """

    def __init__(self, name: str, dataset: Any, mode: str = DIRECT_MODE, path_on_compute: str | None = None) -> None:
        self._name = checked_name(name, "The dataset input")
        self._named_by_user = True
        self.dataset = dataset
        self.mode = mode
        self.path_on_compute = path_on_compute
        self._check()

    @classmethod
    def _unnamed(
        cls, name: str, dataset: Any, mode: str, path_on_compute: str | None = None
    ) -> DatasetConsumptionConfig:
        """A config whose name the graph builder may replace, where two inputs of a step would share it."""
        config = cls(name, dataset, mode, path_on_compute)
        config._named_by_user = False
        return config

    @property
    def name(self) -> str:
        """The input's name."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = checked_name(value, "The dataset input")
        self._named_by_user = True

    @property
    def arg_val(self) -> str:
        """The text that stands for this input inside a longer argument."""
        return INPUT_PLACEHOLDER + self._name

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The same input, copied to the compute before the step starts."""
        return self._in_mode("download", path_on_compute)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The same input, mounted."""
        return self._in_mode("mount", path_on_compute)

    def as_hdfs(self) -> DatasetConsumptionConfig:
        """The same input, by its URL, for Spark."""
        return self._in_mode("hdfs", None)

    def __str__(self) -> str:
        return self.arg_val

    def __repr__(self) -> str:
        return f"DatasetConsumptionConfig({self._name!r}, {self.dataset!r}, mode={self.mode!r})"

    def _in_mode(self, mode: str, path_on_compute: str | None) -> DatasetConsumptionConfig:
        other = copy.copy(self)
        other.mode, other.path_on_compute = mode, path_on_compute
        other._check()
        return other

    def _check(self) -> None:
        if self.mode not in MODES:
            raise InvalidInput(
                f"The mode of the input {self._name!r} is {self.mode!r}", expected=f"one of {', '.join(MODES)}"
            )
        if self._kind() == "tabular" and self.mode not in ("direct", "hdfs"):
            raise InvalidInput(
                f"The input {self._name!r} is tabular and its mode is {self.mode!r}",
                expected="mode 'direct': the step reads it with to_pandas_dataframe()",
                mend="leave out as_mount()/as_download(), or turn it into files with to_csv_files()",
            )
        if not any(hasattr(self.dataset, name) for name in _USABLE):
            raise InvalidInput(
                f"The input {self._name!r} was given {self.dataset!r}",
                expected="a FileDataset, a TabularDataset, a PipelineParameter with a dataset, or a step's output",
            )

    def _kind(self) -> str:
        data = getattr(self.dataset, "default_value", self.dataset)
        return str(getattr(data, "_data_kind", "file"))

    def _input_request(self) -> InputRequest:
        request = _request_of(self.dataset)
        return request._replace(
            name=self._name if self._named_by_user else None,
            kind=self._kind(),
            mode=self.mode,
            path_on_compute=self.path_on_compute,
            variable=self._name if self._named_by_user else None,
        )


#: A dataset has ``_source``, a parameter ``default_value``, an output ``_output_request`` or ``_input_request``.
_USABLE = ("_source", "default_value", "_output_request", "_input_request")


def _request_of(data: Any) -> InputRequest:
    """Where the data comes from: a saved dataset, a pipeline parameter, or an output."""
    if hasattr(data, "_source"):
        return InputRequest(None, data._source())
    if hasattr(data, "default_value"):
        return InputRequest(None, {"parameter": data})
    if hasattr(data, "_input_request"):  # asked first: a promoted PipelineData says there how it is read
        request: InputRequest = data._input_request()
        return request
    output = data._output_request()
    return InputRequest(None, {"output": output.key}, transform=output.port.transform)
