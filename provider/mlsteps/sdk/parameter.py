"""``PipelineParameter``: a value that a run may change without the pipeline being built again."""

from __future__ import annotations

from typing import Any, Mapping

from mlsteps.contracts.graph import Parameter
from mlsteps.errors import InvalidInput

#: How a parameter's text begins: met inside a longer text it can no longer be filled in, and the builder says so.
TEXT_MARK = "PipelineParameter_Name:"


class PipelineParameter:
    """A pipeline parameter (SDK docs: ``azureml.pipeline.core.PipelineParameter``).

    Usable in ``arguments``, ``params``, ``(parameter, DataPathComputeBinding)`` tuples,
    ``DatasetConsumptionConfig(name, parameter)``, ``runconfig_pipeline_params`` and fields of ``ParallelRunConfig``.

    :param name: what ``pipeline_parameters={name: value}`` says at submission.
    :param default_value: text, int, float, bool, ``DataPath``, ``Dataset`` or ``PipelineDataset``; None means that a
        value must be given with each run.
    :raises InvalidInput: for an empty name or a default of another type (lists and dicts: ``json.dumps`` them).
    """

    def __init__(self, name: str, default_value: Any) -> None:
        if not isinstance(name, str) or not name.strip():
            raise InvalidInput(f"A PipelineParameter has the name {name!r}", expected="a text that is not empty")
        self.name = name
        self.default_value = _plain(default_value)
        self._type = _type_of(name, self.default_value)

    def __str__(self) -> str:
        return f"{TEXT_MARK}{self.name}_Default:{self.default_value}"

    def __repr__(self) -> str:
        return f"PipelineParameter(name={self.name!r}, default_value={self.default_value!r})"

    def _parameter(self) -> Parameter:
        """This parameter as the graph holds it."""
        default = self.default_value
        if self._type == "datapath":
            default = {"datastore": default.datastore_name, "path": default.path_on_datastore or ""}
        elif self._type == "dataset":
            default = _dataset_default(default)
        return Parameter(self.name, self._type, default, required=default is None)


def _plain(value: Any) -> Any:
    """numpy's scalars as Python's own; everything else as it is."""
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    return value


def _type_of(name: str, value: Any) -> str:
    for type_, word in ((bool, "bool"), (int, "int"), (float, "float"), (str, "string")):
        if isinstance(value, type_):
            return word
    if value is None:
        return "string"
    if hasattr(value, "datastore_name") and hasattr(value, "path_on_datastore"):
        return "datapath"
    if hasattr(value, "_definition") or hasattr(value, "saved_dataset_id"):
        return "dataset"
    raise InvalidInput(
        f"PipelineParameter {name!r} has a default of type {type(value).__name__}",
        expected="text, int, float, bool, DataPath or Dataset",
        mend="give json.dumps(value) and read it with json.loads in the script",
    )


def _dataset_default(dataset: Any) -> Mapping[str, Any]:
    """A dataset's definition, or the name it is registered under, as an input of it would say."""
    dataset = getattr(dataset, "dataset", dataset)
    source = dataset._source()
    if "registered" in source:
        return {"registered": source["registered"]}
    definition: Mapping[str, Any] = source["dataset"]
    return definition
