"""``MpiStep``: a script in several processes on several nodes (deprecated in the SDK)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.steps.script import ScriptStep

if TYPE_CHECKING:
    from mlsteps.graph.step import StepBuilder

_KNOWN = {
    "params",
    "use_gpu",
    "use_docker",
    "custom_docker_image",
    "image_registry_details",
    "user_managed",
    "conda_packages",
    "pip_packages",
    "pip_requirements_file_path",
    "environment_definition",
}


class MpiStep(ScriptStep):
    """A PythonScriptStep on ``node_count`` x ``process_count_per_node`` processes (SDK docs: ``MpiStep``).

    :param kwargs: ``params``, ``environment_definition``, ``pip_packages``, ``conda_packages``,
        ``custom_docker_image``, ``user_managed``, ``use_gpu``, ``use_docker``.
    :raises InvalidInput: for unknown keywords, or packages beside ``environment_definition``.
    """

    def __init__(
        self,
        name: str | None = None,
        source_directory: Any = None,
        script_name: str | None = None,
        arguments: Any = None,
        compute_target: Any = None,
        node_count: Any = None,
        process_count_per_node: Any = None,
        inputs: Any = None,
        outputs: Any = None,
        allow_reuse: bool = True,
        version: str | None = None,
        hash_paths: Any = None,
        **kwargs: Any,
    ) -> None:
        unknown = sorted(set(kwargs) - _KNOWN)
        if unknown:
            raise InvalidInput(f"MpiStep {name!r} is given {unknown}", expected=f"of {sorted(_KNOWN)}")
        if not script_name:
            raise InvalidInput(f"MpiStep {name!r} has no script_name")
        super().__init__(
            script_name=script_name,
            name=name,
            arguments=arguments,
            compute_target=compute_target,
            runconfig=None,
            inputs=inputs,
            outputs=outputs,
            params=kwargs.get("params"),
            source_directory=source_directory,
            allow_reuse=allow_reuse,
            version=version,
            hash_paths=hash_paths,
        )
        self._runconfig = _run_configuration(kwargs)
        self._counts = {"node_count": node_count or 1, "process_count_per_node": process_count_per_node or 1}

    def _settings(self, build: StepBuilder, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**settings, "communicator": "OpenMpi", **build.values(self._counts, "settings")}


def _run_configuration(options: Mapping[str, Any]) -> Any:
    """A run configuration of the environment that the old keywords describe; None when they describe none."""
    packages = ("conda_packages", "pip_packages", "pip_requirements_file_path", "custom_docker_image", "user_managed")
    given = [name for name in packages if options.get(name)]
    environment = options.get("environment_definition")
    if environment is not None and given:
        raise InvalidInput(
            f"MpiStep is given environment_definition and {given}", mend="give environment_definition only"
        )
    if options.get("pip_requirements_file_path"):
        raise UnsupportedFeature(
            "MpiStep(pip_requirements_file_path=)", "", "environment_definition=Environment.from_pip_requirements(...)"
        )
    if environment is None and not given:
        return None
    from mlsteps.sdk.conda import CondaDependencies
    from mlsteps.sdk.environment import Environment
    from mlsteps.sdk.runconfig import RunConfiguration

    if environment is None:
        environment = Environment("mpi")
        environment.python.user_managed_dependencies = bool(options.get("user_managed"))
        environment.python.conda_dependencies = CondaDependencies.create(
            pip_packages=options.get("pip_packages"), conda_packages=options.get("conda_packages")
        )
        if options.get("custom_docker_image"):
            environment.docker.base_image = options["custom_docker_image"]
    configuration = RunConfiguration()
    configuration.environment = environment
    return configuration
