"""``Estimator``: a script with its environment in one object; the SDK replaced it by ``ScriptRunConfig`` in 2020."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.distributed_training import distribute
from mlsteps.sdk.estimator_environment import environment_of
from mlsteps.sdk.runconfig import RunConfiguration


class MMLBaseEstimator:
    """Base of all estimators.

    :param source_directory: folder of the script.
    :param compute_target: a ComputeTarget, its name, or ``local``.
    :param estimator_config: the run configuration.
    """

    def __init__(
        self, source_directory: str | os.PathLike[str], *, compute_target: Any, estimator_config: Any = None
    ) -> None:
        self._source_directory = os.fspath(source_directory) if source_directory is not None else os.curdir
        self._run_config = estimator_config if estimator_config is not None else RunConfiguration()
        self._inputs: list[Any] = list(getattr(self._run_config, "_inputs", ()))
        if compute_target is not None:
            self._run_config.target = compute_target

    @property
    def source_directory(self) -> str:
        """Folder of the script."""
        return self._source_directory

    @property
    def run_config(self) -> RunConfiguration:
        """The run configuration: script, arguments, environment and target."""
        return self._run_config

    @property
    def conda_dependencies(self) -> CondaDependencies | None:
        """The packages of its environment."""
        found: CondaDependencies | None = self._run_config.environment.python.conda_dependencies
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._run_config.script!r} in {self._source_directory!r})"


class Estimator(MMLBaseEstimator):
    """A training script and what it needs, for ``EstimatorStep``, ``HyperDriveConfig`` or ``Experiment.submit``.

    :param source_directory: folder of the script; other paths are relative to it.
    :param compute_target: a ComputeTarget, its name, or ``local``.
    :param entry_script: the script, below ``source_directory``.
    :param script_params: its arguments by name; ``""`` as a value gives a flag. They must stay empty for a step.
    :param distributed_training: ``Mpi()`` and the like; ``distributed_backend`` is its older spelling.
    :param environment_definition: an Environment, which counts before all keywords that describe one.
    :param inputs: data that the script finds by name.
    :raises InvalidInput: without a script, and for files that are not there.
    """

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        *,
        compute_target: Any = None,
        vm_size: str | None = None,
        vm_priority: str | None = None,
        entry_script: str | None = None,
        script_params: Mapping[str, Any] | None = None,
        node_count: int = 1,
        process_count_per_node: int = 1,
        distributed_backend: str | None = None,
        distributed_training: Any = None,
        use_gpu: bool = False,
        use_docker: bool = True,
        custom_docker_base_image: str | None = None,
        custom_docker_image: str | None = None,
        image_registry_details: Any = None,
        user_managed: bool = False,
        conda_packages: Iterable[str] | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_dependencies_file_path: str | None = None,
        pip_requirements_file_path: str | None = None,
        conda_dependencies_file: str | None = None,
        pip_requirements_file: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        environment_definition: Any = None,
        inputs: Iterable[Any] | None = None,
        source_directory_data_store: Any = None,
        shm_size: str | None = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = None,
        _disable_validation: bool = True,
        _show_lint_warnings: bool = False,
        _show_package_warnings: bool = False,
    ) -> None:
        super().__init__(source_directory, compute_target=compute_target, estimator_config=configured(locals()))


def configured(given: Mapping[str, Any], framework: Iterable[str] = (), python: str | None = None) -> RunConfiguration:
    """The run configuration of an estimator's keywords.

    :param given: ``locals()`` of its constructor; :param framework: pip packages that the estimator brings itself.
    :param python: the Python version that these packages need.
    :raises InvalidInput: without a script.
    """
    options = dict(given)
    if not options.get("entry_script"):
        raise InvalidInput("An estimator has no entry_script", expected="a script below source_directory")
    folder = os.fspath(options.get("source_directory") or os.curdir)
    made = RunConfiguration(script=options["entry_script"], arguments=_arguments(options.get("script_params")))
    made.environment = environment_of(options, folder, framework, python)
    made._inputs = list(options.get("inputs") or ())
    made.node_count = options.get("node_count", 1)
    made.max_run_duration_seconds = options.get("max_run_duration_seconds")
    made.amlcompute.vm_size = options.get("vm_size")
    made.amlcompute.vm_priority = options.get("vm_priority")
    made.source_directory_data_store = options.get("source_directory_data_store")
    made.mpi.process_count_per_node = processes = options.get("process_count_per_node", 1)
    distribute(
        made,
        options.get("distributed_training"),
        options.get("distributed_backend"),
        processes,
        options.get("worker_count", 1),
        options.get("parameter_server_count", 1),
    )
    return made


def _arguments(script_params: Mapping[str, Any] | None) -> list[Any]:
    arguments: list[Any] = []
    for name, value in (script_params or {}).items():
        arguments.append(name)
        if not (isinstance(value, str) and value == ""):  # an object need not have an ==
            arguments.append(value)
    return arguments
