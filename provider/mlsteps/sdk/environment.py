"""``Environment``: what a step's script finds installed."""

from __future__ import annotations

import copy
import os
import re
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from mlsteps.errors import InvalidInput, UnsupportedFeature, UserErrorException
from mlsteps.sdk import curated
from mlsteps.sdk.conda import PYTHON_DEFAULT_VERSION, CondaDependencies
from mlsteps.sdk.container_registry import ContainerRegistry
from mlsteps.sdk.databricks_section import DatabricksSection
from mlsteps.sdk.environment_sections import (
    DEFAULT_CPU_IMAGE,
    DEFAULT_GPU_IMAGE,
    DockerBuildContext,
    DockerEnvironment,
    DockerImagePlatform,
    DockerSection,
    ImageBuildDetails,
    PythonEnvironment,
    PythonSection,
    RCranPackage,
    RGitHubPackage,
    RSection,
    SparkEnvironment,
    SparkPackage,
    SparkSection,
    dockerfile_text,
)
from mlsteps.sdk.sections import Section, plain

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "CondaDependencies",
    "DatabricksSection",
    "DockerBuildContext",
    "DockerEnvironment",
    "DockerImagePlatform",
    "DockerSection",
    "Environment",
    "EnvironmentReference",
    "ImageBuildDetails",
    "PythonEnvironment",
    "PythonSection",
    "RCranPackage",
    "RGitHubPackage",
    "RSection",
    "SparkEnvironment",
    "SparkPackage",
    "SparkSection",
]


class Environment(Section):
    """A named set of packages, an image, and variables.

    :param name: any text. Names that begin with ``AzureML-`` are Azure's own and cannot be registered.
    """

    _FIELDS = (
        "name",
        "version",
        "asset_id",
        "environment_variables",
        "python",
        "docker",
        "spark",
        "databricks",
        "r",
        "inferencing_stack_version",
    )

    def __init__(self, name: str | None, **kwargs: Any) -> None:
        self.name = name
        self.version: str | None = None
        self.asset_id: str | None = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.spark = SparkSection()
        self.databricks = DatabricksSection()
        self.r: RSection | None = None
        self.inferencing_stack_version: str | None = None
        self._environment_variables: dict[str, str] = {}
        for key, value in kwargs.items():
            if not key.startswith("_"):
                setattr(self, key, value)

    @property
    def environment_variables(self) -> dict[str, str]:
        """Variables for the script; newer code sets them on ``RunConfiguration``."""
        return self._environment_variables

    @environment_variables.setter
    def environment_variables(self, value: Mapping[str, str] | None) -> None:
        if value is not None and not isinstance(value, Mapping):
            raise InvalidInput(f"environment_variables is {value!r}", expected="a mapping of names to texts")
        self._environment_variables = dict(value or {})

    # In a workspace

    def register(self, workspace: Workspace) -> Environment:
        """Store it under its name; the same definition keeps its version, another one gets the next.

        :returns: an Environment with its version.
        :raises UserErrorException: for a name without text or one that is Azure's own.
        """
        from mlsteps.registry.documents import register_environment

        if not self.name or not isinstance(self.name, str):
            raise InvalidInput(f"The environment's name is {self.name!r}", expected="a text")
        if re.match(r"(?i)(microsoft|azureml)", self.name):
            raise UserErrorException(
                f"The name {self.name!r} begins with a word that is kept for Azure's own environments. "
                "To mend it: register a clone under another name, environment.clone('my-environment')."
            )
        stored = Environment._from_document(register_environment(workspace._store(), self._document()))
        self.version = stored.version
        return stored

    @staticmethod
    def get(workspace: Workspace, name: str, version: str | None = None, label: str | None = None) -> Environment:
        """A registered environment, the latest version unless one is asked for, or a curated one (``AzureML-...``).

        A curated one is what the workspace says that its name stands for, else pinned packages that can be had today.

        :raises UserErrorException: when there is none; names those that exist, or the nearest curated ones.
        """
        from mlsteps.registry.documents import get_environment, list_environments

        if version and label:
            raise InvalidInput("Both version and label are given", expected="one of them")
        if label and label.lower() != "latest":
            raise UnsupportedFeature(f"The environment label {label!r}", "labels are not kept", "version=...")
        if not isinstance(name, str) or not name.strip():
            raise InvalidInput(f"The environment's name is {name!r}", expected="a text")
        found = get_environment(workspace._store(), name, version)
        if found is None and version is None and curated.is_curated(name):
            found = curated.document(workspace._store(), name, print)
        if found is not None:
            return Environment._from_document(found)
        known = ", ".join(sorted(list_environments(workspace._store()))) or "none"
        asked = name if version is None else f"{name}:{version}"
        raise UserErrorException(f"No environment {asked!r} is registered in {workspace.name!r}. There are: {known}.")

    @staticmethod
    def list(workspace: Workspace) -> dict[str, Environment]:
        """The latest version of every registered environment by name, and the curated ones."""
        from mlsteps.registry.documents import list_environments

        ws = workspace._store()
        documents = {**curated.documents(ws), **list_environments(ws)}
        return {name: Environment._from_document(document) for name, document in documents.items()}

    @staticmethod
    def label(workspace: Workspace, name: str, version: str, labels: Iterable[str]) -> None:
        """Label a version.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("Environment.label", "labels are not kept", "versions")

    @staticmethod
    def add_private_pip_wheel(workspace: Workspace, file_path: str, exist_ok: bool = False) -> str:
        """Put a wheel into the workspace and answer an address for ``add_pip_package``.

        :raises UserErrorException: for a file that is no wheel, or one that is there already without ``exist_ok``.
        """
        path = os.path.abspath(os.fspath(file_path))
        if not path.endswith(".whl") or not os.path.isfile(path):
            raise InvalidInput(f"{file_path!r} is no wheel", expected="the path of a .whl file")
        store = workspace._store().store
        target = f"wheels/{os.path.basename(path)}"
        if store.entry(target) is not None and not exist_ok:
            raise UserErrorException(f"The wheel {os.path.basename(path)} is there already. Give exist_ok=True.")
        if store.entry(target) is None:
            store.put_file(path, target)
        local = store.local_path(target)
        return str(store.url_of(target)) if local is None else f"file://{local}"

    # Made of something

    @staticmethod
    def from_conda_specification(name: str, file_path: str | os.PathLike[str]) -> Environment:
        """An environment of a conda YAML file.

        :raises UserErrorException: when the file cannot be read or is no conda specification.
        """
        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies(file_path)
        return made

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str | os.PathLike[str], pip_version: str | None = None
    ) -> Environment:
        """An environment of a pip requirements file; ``-r`` lines are followed, editable installs refused."""
        made = Environment(name)
        made.python.conda_dependencies = _conda_of_requirements(file_path, pip_version)
        return made

    @staticmethod
    def from_existing_conda_environment(name: str, conda_environment_name: str) -> Environment | None:
        """An environment of what ``conda env export`` says; None when conda cannot say, as in the SDK."""
        from mlsteps.sdk.environment_files import exported_conda

        exported = exported_conda(conda_environment_name)
        if exported is None:
            return None
        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies(_underlying_structure=exported)
        return made

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: ContainerRegistry | None = None,
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """An environment of an image; without a specification the image's own Python is used as it is."""
        made = Environment(name)
        made.docker.base_image = image
        if container_registry is not None:
            made.docker.base_image_registry = container_registry
        return _with_packages(made, conda_specification, pip_requirements)

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: str | os.PathLike[str],
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """An environment of a Dockerfile, given as text or path."""
        made = Environment(name)
        made.docker.base_dockerfile = dockerfile_text(dockerfile)
        return _with_packages(made, conda_specification, pip_requirements)

    @staticmethod
    def from_docker_build_context(name: str, docker_build_context: DockerBuildContext) -> Environment:
        """An environment of a folder with a Dockerfile."""
        made = Environment(name)
        made.docker.build_context = docker_build_context
        made.python.user_managed_dependencies = True
        return made

    def clone(self, new_name: str) -> Environment:
        """A copy under another name, not registered."""
        made = copy.deepcopy(self)
        made.name, made.version, made.asset_id = new_name, None, None
        return made

    # Images and folders

    def get_image_details(self, workspace: Workspace) -> Any:
        """Details of the image that Azure built.

        :raises UnsupportedFeature: always.
        """
        raise UnsupportedFeature("Environment.get_image_details", "no image is built ahead of a step")

    def build(self, workspace: Workspace, image_build_compute: str | None = None) -> ImageBuildDetails:
        """Nothing to do ahead: the first step that uses the environment prepares it, once."""
        return ImageBuildDetails(None, None)

    def build_local(self, workspace: Workspace, platform: Any = None, **kwargs: Any) -> ImageBuildDetails:
        """As :meth:`build`."""
        return ImageBuildDetails(None, None)

    def save_to_directory(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write ``azureml_environment.json``, ``conda_dependencies.yml`` and ``BaseDockerfile`` into a folder.

        :raises UserErrorException: when the folder exists and ``overwrite`` is off.
        """
        from mlsteps.sdk.environment_files import save_environment

        save_environment(self, os.fspath(path), overwrite)

    @staticmethod
    def load_from_directory(path: str | os.PathLike[str]) -> Environment:
        """The environment that :meth:`save_to_directory` (here or in the SDK) wrote."""
        from mlsteps.sdk.environment_files import load_environment

        return load_environment(os.fspath(path))

    # For mlsteps

    def _document(self) -> dict[str, Any]:
        """What matters of it, as JSON data: what the graph holds, the registry stores and a step's runner prepares.

        ``{"name":, "python": {"user_managed_dependencies":, "interpreter_path":?, "conda": {...}?}, "docker": {...}?,
        "environment_variables": {...}?, "spark":?, "r":?, "databricks":?, "inferencing_stack_version":?}``. What was
        left as the SDK makes it is left out; no secrets.
        """
        document: dict[str, Any] = {"name": self.name, "python": self.python._document()}
        parts = {
            "docker": self.docker._document(),
            "environment_variables": {str(key): str(value) for key, value in self._environment_variables.items()},
            "spark": plain(self.spark),
            "databricks": plain(self.databricks),
            "r": None if self.r is None else plain(self.r) or {"user_managed": False},
            "inferencing_stack_version": self.inferencing_stack_version,
        }
        document.update({key: value for key, value in parts.items() if value})
        return document

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Environment:
        from mlsteps.sdk.environment_files import environment_of_document

        return environment_of_document(document)


class EnvironmentReference(Section):
    """Names a registered environment."""

    _FIELDS = ("name", "version")

    def __init__(self, name: str | None, version: str | None = None) -> None:
        self.name = name
        self.version = version

    def get_environment(self, workspace: Workspace) -> Environment:
        """The environment it names."""
        if not self.name:
            raise InvalidInput(f"The environment reference names {self.name!r}", expected="a text")
        return Environment.get(workspace, self.name, self.version)

    def _document(self) -> dict[str, Any]:
        raise InvalidInput(
            f"{self!r} is used as an environment",
            expected="an Environment",
            mend="reference.get_environment(workspace)",
        )


def _with_packages(
    made: Environment,
    conda_specification: str | os.PathLike[str] | None,
    pip_requirements: str | os.PathLike[str] | None,
) -> Environment:
    if conda_specification and pip_requirements:
        raise InvalidInput("Both conda_specification and pip_requirements are given", expected="one of them")
    if conda_specification:
        made.python.conda_dependencies = CondaDependencies(conda_specification)
    elif pip_requirements:
        made.python.conda_dependencies = _conda_of_requirements(pip_requirements, None)
    else:
        made.python.user_managed_dependencies = True
    return made


def _conda_of_requirements(file_path: str | os.PathLike[str], pip_version: str | None) -> CondaDependencies:
    from mlsteps.sdk.environment_files import requirement_lines

    made = CondaDependencies.create(pip_packages=[], python_version=PYTHON_DEFAULT_VERSION)
    if pip_version:
        made.add_conda_package(f"pip={pip_version}")
    for line in requirement_lines(os.fspath(file_path)):
        if line.startswith("-"):
            made.set_pip_option(line)
        else:
            made.add_pip_package(line)
    return made
