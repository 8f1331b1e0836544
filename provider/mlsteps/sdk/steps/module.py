"""``ModuleStep``: a step whose definition is a published module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.base import PipelineStep
from mlsteps.sdk.steps.script import check_runconfig

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder


class ModuleStep(PipelineStep):
    """Run a version of a ``Module`` (SDK docs: ``azureml.pipeline.steps.ModuleStep``).

    :param module: with an optional ``version``; or :param module_version: one ``ModuleVersion``. Not both.
    :param inputs_map: port names of the module to inputs; :param outputs_map: to outputs.
    :raises InvalidInput: without exactly one of them.
    """

    node_type = "Module"

    def __init__(
        self,
        module: Any = None,
        version: str | None = None,
        module_version: Any = None,
        inputs_map: Mapping[str, Any] | None = None,
        outputs_map: Mapping[str, Any] | None = None,
        compute_target: Any = None,
        runconfig: Any = None,
        runconfig_pipeline_params: Mapping[str, Any] | None = None,
        arguments: Any = None,
        params: Mapping[str, Any] | None = None,
        name: str | None = None,
        _workflow_provider: Any = None,
    ) -> None:
        if (module is None) == (module_version is None):
            raise InvalidInput(
                f"ModuleStep {name!r} needs a module or a module_version", expected="exactly one of them"
            )
        self._module = module if module is not None else module_version
        self._payload = {
            "module_id": getattr(self._module, "module_id", None) or getattr(self._module, "id", None),
            "version": version if module is not None else module_version.version,
        }
        self._inputs_map = dict(inputs_map or {})
        self._outputs_map = dict(outputs_map or {})
        self._compute_target = compute_target
        self._params = dict(params or {})
        self._settings = dict(runconfig_pipeline_params or {})
        super().__init__(
            name or getattr(self._module, "name", None) or "module",
            list(self._inputs_map.values()),
            list(self._outputs_map.values()),
            arguments,
        )
        self._runconfig = check_runconfig(runconfig, self)

    def _node(self, build: StepBuilder) -> StepNode:
        run = build.run_settings(self._runconfig)
        payload = {key: value for key, value in self._payload.items() if value is not None}
        payload["inputs"] = {port: build.input_name(item) for port, item in self._inputs_map.items()}
        payload["outputs"] = {port: build.output_name(item) for port, item in self._outputs_map.items()}
        return build.node(
            type=self.node_type,
            arguments=build.arguments(self._arguments),
            parameters=build.values(self._params, "params"),
            environment=run.environment,
            environment_variables=run.environment_variables,
            compute=build.compute(self._compute_target, run.compute),
            settings={**run.settings, **build.values(self._settings, "runconfig_pipeline_params")},
            payload=payload,
        )
