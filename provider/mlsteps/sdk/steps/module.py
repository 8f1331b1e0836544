"""``ModuleStep``: a step whose definition is a published module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import InvalidInput
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.steps.base import PipelineStep
from mlsteps.sdk.steps.script import check_runconfig, check_runconfig_params

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder


class ModuleStep(PipelineStep):
    """Run a version of a ``Module`` (SDK docs: ``azureml.pipeline.steps.ModuleStep``).

    The version is chosen when the pipeline is made, and again when it is submitted or published: a version that was
    made the default meanwhile is the one that runs, as long as its ports and parameters are the same.

    :param module: with an optional ``version``; or :param module_version: one ``ModuleVersion``. Not both.
    :param inputs_map: port names of the module to inputs; :param outputs_map: to outputs.
    :param arguments: in place of the module's own; :param params: values of the module's parameters.
    :param runconfig: in place of the module's own.
    :raises InvalidInput: without exactly one of them; for ports that the module does not have, or that are left out.
    """

    node_type = "PythonScript"

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
        self._workspace = (module if module is not None else module_version)._workspace
        self._module_id = module.id if module is not None else module_version.module_id
        self._module_name = module.name if module is not None else module_version.module().name
        self._version = version if module is not None else module_version.version
        self._inputs_map = dict(inputs_map or {})
        self._outputs_map = dict(outputs_map or {})
        self._compute_target = compute_target
        self._params = dict(params or {})
        self._interface: Any = None
        self._has_arguments = arguments is not None
        self.name = name or self._module_name
        self._resolve()
        super().__init__(
            self.name,
            list(self._inputs_map.values()),
            list(self._outputs_map.values()),
            arguments if self._has_arguments else self._module_arguments(),
        )
        self._settings = check_runconfig_params(runconfig_pipeline_params, self)
        self._runconfig = check_runconfig(runconfig, self)

    def _resolve(self) -> bool:
        """Choose the version; whether it is another one than before.

        :raises InvalidInput: when it has other ports or parameters than the one the step was made with.
        """
        from mlsteps.registry import modules
        from mlsteps.sdk.module_definition import check_ports

        found = modules.resolve(self._workspace._store(), self._module_id, self._version)
        if self._interface is None:
            self._interface = found["interface"]
            check_ports(self.name, self._interface, self._inputs_map, self._outputs_map)
            unknown = sorted(set(self._params) - set(self._interface["params"]))
            if unknown:
                known = ", ".join(map(repr, self._interface["params"])) or "none"
                raise InvalidInput(
                    f"params of ModuleStep {self.name!r} names {unknown}", expected=f"the module's: {known}"
                )
        elif found["interface"] != self._interface:
            raise InvalidInput(
                f"Version {found['version']!r} of module {self._module_name!r} has other ports or parameters than "
                f"the one that step {self.name!r} was made with",
                mend="make the step and its pipeline again",
            )
        before, self._definition = getattr(self, "_definition", None), found
        if before is not None and not self._has_arguments:
            self._arguments = self._module_arguments()
        return before is not None and before["id"] != found["id"]

    def _module_arguments(self) -> Any:
        from mlsteps.sdk.module_definition import step_arguments

        return step_arguments(self._definition, self._inputs_map, self._outputs_map)

    def _node(self, build: StepBuilder) -> StepNode:
        from mlsteps.sdk.module_definition import runconfig_of

        definition = self._definition
        run = build.run_settings(self._runconfig if self._runconfig is not None else runconfig_of(definition))
        # A default of the module's gives way to a pipeline parameter of that name among the arguments.
        given = {item.name for item in self._arguments if isinstance(item, PipelineParameter)}
        defaults = {key: value for key, value in self._interface["params"].items() if key not in given}
        parameters = {**defaults, **self._params}
        return build.node(
            type=self.node_type,
            script=definition["script"],
            snapshot=definition["snapshot"],
            arguments=build.arguments(self._arguments),
            parameters=build.values({key: value for key, value in parameters.items() if value is not None}, "params"),
            environment=run.environment,
            environment_variables=run.environment_variables,
            compute=build.compute(self._compute_target, run.compute),
            settings={**run.settings, **build.values(self._settings, "runconfig_pipeline_params")},
        )
