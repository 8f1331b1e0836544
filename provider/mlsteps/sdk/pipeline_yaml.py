"""``Pipeline.load_yaml``: pipelines as YAML files of the CLI v1 format (SDK docs: reference-pipeline-yaml)."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Mapping

from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.steps.base import PipelineStep

_PIPELINE_KEYS = {"name", "description", "default_compute", "parameters", "data_references", "steps"}
_COMMON_KEYS = {"type", "name", "compute", "runconfig", "runconfig_parameters", "allow_reuse", "version"}
_COMMON_KEYS |= {"arguments", "parameters", "inputs", "outputs"}
_STEP_KEYS = {
    "PythonScriptStep": _COMMON_KEYS | {"script_name", "source_directory"},
    "ParallelRunStep": _COMMON_KEYS | {"parallel_run_config", "side_inputs"},
    "DataTransferStep": _COMMON_KEYS
    | {"source_data_reference", "destination_data_reference", "source_reference_type", "destination_reference_type"}
    | {"adf_compute_name", "adla_compute_name", "data_factory_compute"},
}
_SCALARS: Mapping[str, Callable[[Any], Any]] = {"string": str, "int": int, "integer": int, "float": float, "bool": bool}


def load(workspace: Any, filename: Any) -> Pipeline:
    """See :meth:`mlsteps.sdk.pipeline.Pipeline.load_yaml`. Paths in the file are relative to it.

    :raises InvalidInput: for keys, types or names that are not known; :raises UnsupportedFeature: for other steps.
    """
    from mlsteps.sdk.yaml_text import load_yaml_file

    file = os.path.abspath(os.fspath(filename))
    document = load_yaml_file(file)
    if not isinstance(document, Mapping) or not isinstance(document.get("pipeline"), Mapping):
        raise InvalidInput(f"{file} describes no pipeline", expected="a mapping with the key 'pipeline'")
    return _Reader(workspace, file, document["pipeline"]).pipeline()


class _Reader:
    """One file: parameters and data references first, then the steps in the order of the file."""

    def __init__(self, workspace: Any, file: str, document: Mapping[str, Any]) -> None:
        self._workspace = workspace
        self._file = file
        self._document = document
        self._known(document, _PIPELINE_KEYS, "pipeline")
        self._parameters: Dict[str, PipelineParameter] = {}
        self._data: Dict[str, Any] = {}
        self._tags: Dict[str, PipelineData] = {}

    def pipeline(self) -> Pipeline:
        for name, item in (self._document.get("parameters") or {}).items():
            self._parameters[name] = PipelineParameter(name, self._default(name, item))
        for name, item in (self._document.get("data_references") or {}).items():
            self._data[name] = self._reference(name, item)
        steps = self._document.get("steps") or {}
        for item in steps.values():  # outputs first: a step may read what a later one in the file writes
            for port, output in (item.get("outputs") or {}).items():
                self._tags[output["destination"]] = PipelineData(
                    port, datastore=output.get("datastore"), output_mode=output.get("bind_mode", "mount")
                )
        made = [self._step(key, item) for key, item in steps.items()]
        return Pipeline(self._workspace, made, description=self._document.get("description"))

    def _step(self, key: str, item: Mapping[str, Any]) -> PipelineStep:
        kind = item.get("type")
        if kind not in _STEP_KEYS:
            raise UnsupportedFeature(f"Step type {kind!r} of {self._file}", "", f"one of {sorted(_STEP_KEYS)}")
        self._known(item, _STEP_KEYS[kind], f"steps.{key}")
        makers = {
            "PythonScriptStep": self._python,
            "ParallelRunStep": self._parallel,
            "DataTransferStep": self._transfer,
        }
        return makers[kind](str(item.get("name") or key), item)

    def _python(self, name: str, item: Mapping[str, Any]) -> PipelineStep:
        from mlsteps.sdk.steps.python_script import PythonScriptStep

        inputs, outputs = self._inputs(item.get("inputs")), self._outputs(item)
        return PythonScriptStep(
            script_name=item.get("script_name", ""),
            name=name,
            arguments=self._arguments(item, inputs, outputs, {}),
            compute_target=self._compute(item),
            runconfig=self._runconfig(item),
            runconfig_pipeline_params=self._values(item.get("runconfig_parameters")) or None,
            inputs=list(inputs.values()),
            outputs=list(outputs.values()),
            params=self._values(item.get("parameters")),
            source_directory=self._path(item["source_directory"]) if item.get("source_directory") else None,
            allow_reuse=item.get("allow_reuse", True),
            version=item.get("version"),
        )

    def _parallel(self, name: str, item: Mapping[str, Any]) -> PipelineStep:
        from mlsteps.sdk.steps.parallel_run import ParallelRunConfig, ParallelRunStep

        inputs, outputs = self._inputs(item.get("inputs")), self._outputs(item)
        sides = self._inputs(item.get("side_inputs"))
        return ParallelRunStep(
            name=name,
            parallel_run_config=ParallelRunConfig.load_yaml(self._workspace, self._path(item["parallel_run_config"])),
            inputs=list(inputs.values()),
            output=next(iter(outputs.values()), None),
            side_inputs=list(sides.values()),
            arguments=self._arguments(item, inputs, outputs, sides),
            allow_reuse=item.get("allow_reuse", True),
        )

    def _transfer(self, name: str, item: Mapping[str, Any]) -> PipelineStep:
        from mlsteps.sdk.steps.data_transfer import DataTransferStep

        ends = (item.get("source_data_reference"), item.get("destination_data_reference"))
        compute = next((item[key] for key in item if key.endswith("compute_name")), None)
        return DataTransferStep(
            name,
            self._source(ends[0], name),
            self._source(ends[1], name),
            compute or item.get("data_factory_compute") or self._compute(item),
            item.get("source_reference_type"),
            item.get("destination_reference_type"),
            item.get("allow_reuse", True),
        )

    def _arguments(self, item: Mapping[str, Any], *ports: Any) -> list[Any]:
        """Arguments, those of the form ``kind:name`` as the objects they stand for."""
        inputs, outputs, sides = ports
        kinds = {"input": inputs, "output": outputs, "side_input": sides, "parameter": self._parameters}
        made = []
        for argument in item.get("arguments") or []:
            kind, _, name = argument.partition(":") if isinstance(argument, str) else ("", "", "")
            if kind in kinds and name:
                if name not in kinds[kind]:
                    raise InvalidInput(f"{argument!r} in {self._file}", expected=f"one of {sorted(kinds[kind])}")
                made.append(kinds[kind][name])
            else:
                made.append(argument)
        return made

    def _inputs(self, ports: Any) -> Dict[str, Any]:
        from mlsteps.sdk.consumption import DatasetConsumptionConfig
        from mlsteps.sdk.ports import InputPortBinding

        made: Dict[str, Any] = {}
        for name, port in (ports or {}).items():
            source, where = self._source(port.get("source"), name), port.get("path_on_compute")
            if hasattr(source, "_definition"):
                direct = "direct" if source._data_kind == "tabular" else "mount"
                made[name] = DatasetConsumptionConfig(name, source, port.get("bind_mode", direct), where)
            else:
                mode = port.get("bind_mode", "mount")
                made[name] = InputPortBinding(name, source, mode, where, port.get("overwrite"))
        return made

    def _outputs(self, item: Mapping[str, Any]) -> Dict[str, PipelineData]:
        return {name: self._tags[port["destination"]] for name, port in (item.get("outputs") or {}).items()}

    def _source(self, name: Any, where: str) -> Any:
        """A data reference, an output by its tag, or a datapath parameter."""
        for known in (self._data, self._tags):
            if name in known:
                return known[name]
        if name in self._parameters:
            from mlsteps.sdk.datapath import DataPathComputeBinding

            return self._parameters[name], DataPathComputeBinding()
        expected = sorted([*self._data, *self._tags, *self._parameters])
        raise InvalidInput(
            f"The source {name!r} of {where!r} in {self._file} is not known", expected=f"one of {expected}"
        )

    def _reference(self, name: str, item: Mapping[str, Any]) -> Any:
        if "dataset_name" in item or "dataset_id" in item:
            from mlsteps.sdk.dataset import Dataset

            if "dataset_name" in item:
                return Dataset.get_by_name(self._workspace, item["dataset_name"])
            return Dataset.get_by_id(self._workspace, item["dataset_id"])
        from mlsteps.sdk.data_reference import DataReference
        from mlsteps.sdk.datastore import Datastore

        store = Datastore.get(self._workspace, item["datastore"])
        return DataReference(store, name, item.get("path_on_datastore"))

    def _default(self, name: str, item: Mapping[str, Any]) -> Any:
        kind, value = str(item.get("type")), item.get("default")
        if kind == "datapath":
            from mlsteps.sdk.datapath import DataPath
            from mlsteps.sdk.datastore import Datastore

            value = value or {}
            return DataPath(Datastore.get(self._workspace, value["datastore"]), value.get("path_on_datastore"))
        if kind not in _SCALARS:
            raise InvalidInput(
                f"Parameter {name!r} in {self._file} has the type {kind!r}", expected=f"{list(_SCALARS)}"
            )
        return value if value is None else _SCALARS[kind](value)

    def _values(self, values: Any) -> Dict[str, Any]:
        """Literals, and ``{source: name}`` as the pipeline parameter."""
        made = {}
        for name, value in (values or {}).items():
            if isinstance(value, Mapping):
                if value.get("source") not in self._parameters:
                    raise InvalidInput(
                        f"{name!r} in {self._file} has the source {value.get('source')!r}",
                        expected=f"one of {sorted(self._parameters)}",
                    )
                value = self._parameters[value["source"]]
            made[name] = value
        return made

    def _compute(self, item: Mapping[str, Any]) -> Any:
        return item.get("compute") or self._document.get("default_compute")

    def _runconfig(self, item: Mapping[str, Any]) -> Any:
        from mlsteps.sdk.runconfig import RunConfiguration

        return RunConfiguration.load(self._path(item["runconfig"])) if item.get("runconfig") else None

    def _path(self, path: str) -> str:
        return os.path.join(os.path.dirname(self._file), path)

    def _known(self, item: Mapping[str, Any], keys: Any, where: str) -> None:
        unknown = sorted(set(item) - set(keys))
        if unknown:
            raise InvalidInput(
                f"{where} in {self._file} has unknown keys {unknown}", expected=f"some of {sorted(keys)}"
            )
