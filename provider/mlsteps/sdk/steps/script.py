"""What all steps share that run a script or a command on a compute target with a run configuration."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.base import PipelineStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder

#: Names that ``runconfig_pipeline_params`` knows, and the settings of a node they stand for.
RUNCONFIG_PARAMETERS = {
    "NodeCount": "node_count",
    "MpiProcessCountPerNode": "process_count_per_node",
    "TensorflowWorkerCount": "worker_count",
    "TensorflowParameterServerCount": "parameter_server_count",
}


class ScriptStep(PipelineStep):
    """Base of the steps that run user code from a source directory.

    :param runconfig: RunConfiguration or ScriptRunConfig; None means the default environment.
    :param params: values for environment variables ``AML_PARAMETER_<name>``.
    :param source_directory: None means the pipeline's default, else the current directory when the pipeline is made.
    :param version: free tag that takes part in reuse; :param hash_paths: accepted; the whole source directory counts.
    """

    node_type = "PythonScript"

    def __init__(
        self,
        script_name: str | None = None,
        name: str | None = None,
        arguments: Any = None,
        compute_target: Any = None,
        runconfig: Any = None,
        runconfig_pipeline_params: Mapping[str, Any] | None = None,
        inputs: Any = None,
        outputs: Any = None,
        params: Mapping[str, Any] | None = None,
        source_directory: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
        hash_paths: Any = None,
    ) -> None:
        super().__init__(name or script_name or self.node_type, inputs, outputs, arguments)
        self._script_name = script_name
        self._compute_target = compute_target
        self._runconfig = check_runconfig(runconfig, self)
        self._runconfig_pipeline_params = check_runconfig_params(runconfig_pipeline_params, self)
        self._params = dict(params or {})
        self._source_directory = source_directory
        self._allow_reuse = allow_reuse
        self._version = version
        self._hash_paths = hash_paths

    def _node(self, build: StepBuilder) -> StepNode:
        return self._script_node(build)

    def _script_node(self, build: StepBuilder, **changes: Any) -> StepNode:
        """The node of a step that runs ``self._script_name``; ``changes`` are what a step type adds."""
        run = build.run_settings(self._runconfig)
        fields: dict[str, Any] = {
            "type": self.node_type,
            "script": self._script_name,
            "arguments": build.arguments(self._arguments),
            "parameters": build.values(self._params, "params"),
            "source_directory": build.source(self._source_directory, self._script_name),
            "environment": run.environment,
            "environment_variables": run.environment_variables,
            "compute": build.compute(self._compute_target, run.compute),
            "settings": self._settings(build, run.settings),
            "allow_reuse": bool(self._allow_reuse),
            "version": self._version,
        }
        fields.update(changes)
        return build.node(**fields)

    def _settings(self, build: StepBuilder, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._runconfig_pipeline_params:
            return settings
        return {**settings, **build.values(self._runconfig_pipeline_params, "runconfig_pipeline_params")}


def run_configuration(runconfig: Any) -> Any:
    """The RunConfiguration of a ScriptRunConfig or an Estimator, or what was given."""
    if is_run_configuration(runconfig):
        return runconfig
    inner = getattr(runconfig, "run_config", None)
    return runconfig if inner is None else inner


def is_run_configuration(item: Any) -> bool:
    """Whether ``item`` is a RunConfiguration. Asked of its class: the object answers to any attribute."""
    return hasattr(type(item), "_settings")


def check_runconfig(runconfig: Any, step: PipelineStep) -> Any:
    """``runconfig`` when it is one.

    :raises InvalidInput: when it is something else, such as the name of a file.
    """
    inner = run_configuration(runconfig)
    if inner is not None and not is_run_configuration(inner):
        raise InvalidInput(
            f"runconfig of step {step.name!r} is a {type(runconfig).__name__}",
            expected="a RunConfiguration",
            mend="load a file with RunConfiguration.load(path, name)",
        )
    return inner


def check_runconfig_params(params: Mapping[str, Any] | None, step: PipelineStep) -> Mapping[str, Any]:
    unknown = sorted(set(params or ()) - set(RUNCONFIG_PARAMETERS))
    if unknown:
        raise InvalidInput(
            f"runconfig_pipeline_params of step {step.name!r} names {unknown}",
            expected=f"some of {sorted(RUNCONFIG_PARAMETERS)}",
        )
    return {RUNCONFIG_PARAMETERS[name]: value for name, value in (params or {}).items()}


def target_keyword(step: str, compute_target: Any, others: Mapping[str, Any]) -> Any:
    """The compute target, from ``target=`` too, which Microsoft's documentation shows and the SDK never had.

    :raises TypeError: for any other keyword.
    """
    unknown = sorted(set(others) - {"target"})
    if unknown:
        raise TypeError(f"{step}() got an unexpected keyword argument {unknown[0]!r}")
    if "target" not in others:
        return compute_target
    if compute_target is not None:
        raise InvalidInput(f"{step} is given both compute_target and target", mend="give compute_target only")
    warnings.warn(f"{step}(target=...) is taken as compute_target", UserWarning, stacklevel=3)
    return others["target"]
