"""``RunConfiguration``: environment, target and settings of a script's run."""

from __future__ import annotations

import os
import shlex
from typing import Any, ClassVar, Iterable, Mapping, Sequence

from mlsteps.errors import InvalidInput, RunConfigurationException
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.container_registry import AzureContainerRegistry, ContainerRegistry
from mlsteps.sdk.databricks_section import (
    DatabricksCluster,
    DatabricksSection,
    EggLibrary,
    JarLibrary,
    MavenLibrary,
    PyPiLibrary,
    RCranLibrary,
)
from mlsteps.sdk.environment import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE, Environment, EnvironmentReference
from mlsteps.sdk.runconfig_sections import (
    AmlComputeConfiguration,
    ApplicationEndpointConfiguration,
    Data,
    DatacacheConfiguration,
    DataLocation,
    DataPath,
    DataReferenceConfiguration,
    Dataset,
    DatasetRegistrationOptions,
    DockerConfiguration,
    GlobsOptions,
    HdiConfiguration,
    HistoryConfiguration,
    KubernetesComputeConfiguration,
    MountOptions,
    MpiConfiguration,
    OutputData,
    OutputOptions,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    RegistrationOptions,
    SparkConfiguration,
    TensorflowConfiguration,
    UploadOptions,
    Uri,
)
from mlsteps.sdk.sections import Section, plain

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "AmlComputeConfiguration",
    "ApplicationEndpointConfiguration",
    "AzureContainerRegistry",
    "CondaDependencies",
    "ContainerRegistry",
    "Data",
    "DataLocation",
    "DataPath",
    "DataReferenceConfiguration",
    "DatabricksCluster",
    "DatabricksSection",
    "DatacacheConfiguration",
    "Dataset",
    "DatasetRegistrationOptions",
    "DockerConfiguration",
    "EggLibrary",
    "Environment",
    "EnvironmentDefinition",
    "EnvironmentReference",
    "GlobsOptions",
    "HdiConfiguration",
    "HistoryConfiguration",
    "JarLibrary",
    "KubernetesComputeConfiguration",
    "MavenLibrary",
    "MountOptions",
    "MpiConfiguration",
    "OutputData",
    "OutputOptions",
    "ParallelTaskConfiguration",
    "PyPiLibrary",
    "PyTorchConfiguration",
    "RCranLibrary",
    "RegistrationOptions",
    "RunConfiguration",
    "SparkConfiguration",
    "TensorflowConfiguration",
    "UploadOptions",
    "Uri",
]

_LOCAL = "local"
_FRAMEWORKS = ("Python", "PySpark", "TensorFlow", "PyTorch", "R")
_COMMUNICATORS = ("None", "ParameterServer", "OpenMpi", "IntelMpi", "Mpi", "Nccl", "Gloo", "ParallelTask")
_DEFAULT_ENVIRONMENT = "project_environment"


class EnvironmentDefinition(Environment):
    """The SDK's older name for :class:`Environment`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class RunConfiguration(Section):
    """How a script runs: its environment, its target, and settings.

    :param script: below the source directory; :param arguments: of the script.
    :param framework: ``Python``, ``PySpark``, ``TensorFlow``, ``PyTorch`` or ``R``.
    :param communicator: ``None``, ``ParameterServer``, ``OpenMpi``, ``IntelMpi``, ``Nccl``, ``Gloo`` or
        ``ParallelTask``.
    :param conda_dependencies: for the environment.
    :param command: in place of script and arguments.
    :raises InvalidInput: for a framework or communicator that does not exist.
    :raises RunConfigurationException: for a command together with a script or arguments.
    """

    _FIELDS: ClassVar[Sequence[str]] = (
        "script",
        "command",
        "arguments",
        "target",
        "framework",
        "communicator",
        "max_run_duration_seconds",
        "node_count",
        "priority",
        "credential_passthrough",
        "environment",
        "environment_variables",
        "history",
        "spark",
        "docker",
        "hdi",
        "tensorflow",
        "mpi",
        "pytorch",
        "paralleltask",
        "data_references",
        "data",
        "datacaches",
        "output_data",
        "amlcompute",
        "kubernetescompute",
        "services",
        "source_directory_data_store",
        "auto_cluster_compute_specification",
    )

    def __init__(
        self,
        script: str | None = None,
        arguments: Iterable[Any] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: CondaDependencies | None = None,
        _history_enabled: bool | None = None,
        _path: str | None = None,
        _name: str | None = None,
        command: Any = None,
    ) -> None:
        if command and (script or arguments):
            raise RunConfigurationException("A command is given together with a script or arguments; give one of them.")
        self._path, self._name = _path, _name
        self._target: Any = _LOCAL
        self._environment_variables: dict[str, str] = {}
        self._auto_prepare_environment = True
        self.script = script
        self.command = command
        self.arguments = _argument_list(arguments)
        self.framework = _one_of("framework", framework or "Python", _FRAMEWORKS)
        self.communicator = _one_of("communicator", communicator or "None", _COMMUNICATORS)
        self.max_run_duration_seconds: float | None = None
        self.node_count = 1
        self.priority: int | None = None
        self._environment: Any = Environment(_DEFAULT_ENVIRONMENT)
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        self._make_sections()
        if _history_enabled is not None:
            self.history.output_collection = bool(_history_enabled)

    def _make_sections(self) -> None:
        self.history = HistoryConfiguration()
        self.spark = SparkConfiguration()
        self.docker = DockerConfiguration()
        self.hdi = HdiConfiguration()
        self.tensorflow = TensorflowConfiguration()
        self.mpi = MpiConfiguration()
        self.pytorch = PyTorchConfiguration()
        self.paralleltask = ParallelTaskConfiguration()
        self.data_references: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.datacaches: list[Any] = []
        self.output_data: dict[str, Any] = {}
        self.amlcompute = AmlComputeConfiguration()
        self.kubernetescompute = KubernetesComputeConfiguration()
        self.services: dict[str, Any] = {}
        self.source_directory_data_store: str | None = None
        self.auto_cluster_compute_specification: Any = None
        self.credential_passthrough = False

    @property
    def target(self) -> str:
        """Name of the compute target; assign a name or a ComputeTarget. ``local`` is this machine."""
        return str(getattr(self._target, "name", self._target))

    @target.setter
    def target(self, value: Any) -> None:
        if value is None:
            value = _LOCAL
        if not isinstance(value, str) and not hasattr(value, "name"):
            raise InvalidInput(f"target is {value!r}", expected="the name of a compute target or a ComputeTarget")
        self._target = value

    @property
    def environment(self) -> Any:
        """The Environment."""
        return self._environment

    @environment.setter
    def environment(self, value: Any) -> None:
        if not isinstance(value, (Environment, EnvironmentReference)):
            raise InvalidInput(
                f"environment is {value!r}", expected="an Environment", mend="Environment.get(workspace, name)"
            )
        self._environment = value

    @property
    def environment_variables(self) -> dict[str, str]:
        """Variables for the script."""
        return self._environment_variables

    @environment_variables.setter
    def environment_variables(self, value: Mapping[str, str] | None) -> None:
        if value is not None and not isinstance(value, Mapping):
            raise InvalidInput(f"environment_variables is {value!r}", expected="a mapping of names to texts")
        self._environment_variables = dict(value or {})

    @property
    def auto_prepare_environment(self) -> bool:
        """Deprecated by the SDK; environments are always prepared."""
        return self._auto_prepare_environment

    @auto_prepare_environment.setter
    def auto_prepare_environment(self, value: bool) -> None:
        self._auto_prepare_environment = bool(value)

    def save(
        self,
        path: str | os.PathLike[str] | None = None,
        name: str | None = None,
        separate_environment_yaml: bool = False,
    ) -> str:
        """Write YAML as the SDK does: ``<path>/.azureml/<name>.runconfig``, or ``path`` itself when it names a file.

        :param path: a folder (default: the one it was loaded from, or here) or the file.
        :returns: the file written.
        """
        from mlsteps.sdk.runconfig_files import save

        return save(self, path, name, separate_environment_yaml)

    @staticmethod
    def load(path: str | os.PathLike[str], name: str | None = None) -> RunConfiguration:
        """Read YAML that :meth:`save` or the SDK wrote.

        :param path: a folder with ``.azureml/<name>.runconfig`` (or ``aml_config/``), or the file itself.
        :raises UserErrorException: when there is no such file or it is no run configuration.
        """
        from mlsteps.sdk.runconfig_files import load

        return load(path, name)

    @staticmethod
    def delete(path: str | os.PathLike[str], name: str) -> None:
        """Delete the file that :meth:`load` would read.

        :raises UserErrorException: when there is none.
        """
        from mlsteps.sdk.runconfig_files import find

        os.remove(find(path, name))

    # For mlsteps

    def _compute(self) -> dict[str, str]:
        """The target as ``StepNode.compute`` wants it; empty for ``local``."""
        if self.target == _LOCAL:
            return {}
        kind = getattr(self._target, "type", None)
        return {"name": self.target, "type": str(kind)} if kind else {"name": self.target}

    def _variables(self) -> dict[str, str]:
        """Variables for the script; those set here count before those of the environment."""
        environment = getattr(self.environment, "environment_variables", None) or {}
        merged = {**environment, **self._environment_variables}
        return {str(key): str(value) for key, value in merged.items()}

    def _settings(self) -> dict[str, Any]:
        """What ``StepNode.settings`` holds: everything that may change results or resources and differs from the
        SDK's defaults. Keys: ``framework``, ``communicator``, ``node_count``, ``process_count_per_node``, ``docker``,
        ``max_run_duration_seconds``, ``priority``, ``history``, ``tensorflow``, ``mpi``, ``pytorch``,
        ``paralleltask``, ``spark``, ``hdi``, ``amlcompute``, ``kubernetescompute``, ``credential_passthrough``."""
        settings: dict[str, Any] = {"framework": self.framework, "communicator": self.communicator}
        settings = {key: value for key, value in settings.items() if value not in ("Python", "None", None)}
        settings["node_count"] = self.node_count if self.node_count not in (1, None) else self.mpi.node_count
        settings["process_count_per_node"] = self.mpi.process_count_per_node
        settings = {key: value for key, value in settings.items() if value != 1}
        for key in ("max_run_duration_seconds", "priority", "credential_passthrough"):
            settings[key] = getattr(self, key)
        for key in ("history", "tensorflow", "mpi", "pytorch", "paralleltask", "spark", "hdi"):
            settings[key] = plain(getattr(self, key))
        for key in ("amlcompute", "kubernetescompute"):
            settings[key] = plain(getattr(self, key))
        settings["docker"] = self._docker_settings()
        return {key: value for key, value in settings.items() if value not in (None, False, {}, [])}

    def _docker_settings(self) -> dict[str, Any]:
        older = self.environment.docker._settings() if isinstance(self.environment, Environment) else {}
        newer = plain(self.docker) if isinstance(self.docker, Section) else {"use_docker": bool(self.docker)}
        return {**older, **newer}


def _argument_list(arguments: Any) -> list[Any]:
    if arguments is None:
        return []
    if isinstance(arguments, str):
        return shlex.split(arguments)
    return list(arguments)


def _one_of(what: str, value: str, known: Sequence[str]) -> str:
    for name in known:
        if name.lower() == str(value).lower():
            return name
    raise InvalidInput(f"{what} is {value!r}", expected=f"one of {', '.join(known)}")
