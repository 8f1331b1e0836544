"""The sections of an :class:`~mlsteps.sdk.environment.Environment`: Python, Docker, Spark and R."""

from __future__ import annotations

import os
from typing import Any, Mapping

from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.container_registry import ContainerRegistry
from mlsteps.sdk.sections import Section, snake

#: The SDK's base images, by the names of its last release.
DEFAULT_CPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04"
_DEFAULT_SHM_SIZE = "2g"


class PythonSection(Section):
    """The Python of an environment.

    With ``user_managed_dependencies`` nothing is installed and ``interpreter_path`` is used as it is.
    """

    _FIELDS = ("interpreter_path", "user_managed_dependencies", "conda_dependencies")

    def __init__(self, **kwargs: Any) -> None:
        self.interpreter_path = "python"
        self.user_managed_dependencies = False
        self.conda_dependencies: CondaDependencies | None = CondaDependencies()
        self._conda_dependencies_file: str | None = None
        # Written by older releases of the SDK; read by none of the newer ones.
        self._base_conda_environment: str | None = None
        for name, value in kwargs.items():
            setattr(self, name, value)

    @property
    def base_conda_environment(self) -> str | None:
        """A conda environment to start from; kept for old files, without effect."""
        return self._base_conda_environment

    @base_conda_environment.setter
    def base_conda_environment(self, value: str | None) -> None:
        self._base_conda_environment = value

    @property
    def conda_dependencies_file(self) -> str | None:
        """A conda YAML file; assigning it reads it into ``conda_dependencies``."""
        return self._conda_dependencies_file

    @conda_dependencies_file.setter
    def conda_dependencies_file(self, value: str | os.PathLike[str] | None) -> None:
        self._conda_dependencies_file = os.fspath(value) if value else None
        if value:
            self.conda_dependencies = CondaDependencies(value)

    def _document(self) -> dict[str, Any]:
        if self.user_managed_dependencies:
            return {"user_managed_dependencies": True, "interpreter_path": self.interpreter_path}
        conda = self.conda_dependencies
        if conda is not None and not isinstance(conda, CondaDependencies):
            raise InvalidInput(
                f"python.conda_dependencies is {conda!r}",
                expected="a CondaDependencies object",
                mend="use CondaDependencies(path) for a file, CondaDependencies.create(...) for lists",
            )
        document: dict[str, Any] = {"user_managed_dependencies": False}
        if conda is not None:
            from mlsteps.registry.index_credentials import taken

            document["conda"] = taken(conda._document())
        return document

    def _to_yaml(self) -> dict[str, Any]:
        conda = self.conda_dependencies
        return {
            "interpreterPath": self.interpreter_path,
            "userManagedDependencies": self.user_managed_dependencies,
            "condaDependencies": None if conda is None else conda._portable(),
            "baseCondaEnvironment": self._base_conda_environment,
        }

    def _from_yaml(self, data: Any) -> None:
        data = dict(data or {})
        conda = data.pop("condaDependencies", None)
        super()._from_yaml(data)
        if conda is not None:
            self.conda_dependencies = CondaDependencies(_underlying_structure=conda)


class PythonEnvironment(PythonSection):
    """The SDK's older name for :class:`PythonSection`."""

    def __init__(self) -> None:
        super().__init__()


class DockerImagePlatform(Section):
    """What a container image runs on."""

    _FIELDS = ("os", "architecture")

    def __init__(self) -> None:
        self.os = "Linux"
        self.architecture = "amd64"


class DockerBuildContext(Section):
    """A folder with a Dockerfile."""

    _FIELDS = ("location_type", "location", "dockerfile_path")

    def __init__(
        self, location_type: str | None = None, location: str | None = None, dockerfile_path: str = "Dockerfile"
    ) -> None:
        self.location_type = location_type
        self.location = location
        self.dockerfile_path = dockerfile_path

    @staticmethod
    def from_local_directory(
        workspace: Any, path: str | os.PathLike[str], dockerfile_path: str = "Dockerfile"
    ) -> DockerBuildContext:
        """A build context in a local folder.

        :raises InvalidInput: when the folder does not hold the Dockerfile.
        """
        folder = os.path.abspath(os.fspath(path))
        if not os.path.isfile(os.path.join(folder, dockerfile_path)):
            raise InvalidInput(f"The folder {folder} holds no {dockerfile_path}", expected="a Dockerfile there")
        return DockerBuildContext("local", folder, dockerfile_path)


class DockerSection(Section):
    """The image of an environment: ``base_image``, ``base_dockerfile`` or ``build_context``, one of them.

    ``enabled``, ``shared_volumes``, ``gpu_support``, ``arguments`` and ``shm_size`` are the older spelling of
    ``RunConfiguration.docker``; assigning one of them still counts.
    """

    _FIELDS = (
        "enabled",
        "base_image",
        "base_dockerfile",
        "build_context",
        "base_image_registry",
        "platform",
        "shared_volumes",
        "gpu_support",
        "arguments",
        "shm_size",
    )
    _IMAGE_FIELDS = ("base_image", "base_dockerfile", "build_context")

    def __init__(self, **kwargs: Any) -> None:
        self._image: tuple[str, Any] = ("base_image", DEFAULT_CPU_IMAGE)
        self.enabled = False
        self.shared_volumes = True
        self.gpu_support = False
        self.arguments: list[str] = []
        self.shm_size: str | None = None
        self.platform = DockerImagePlatform()
        self.base_image_registry: ContainerRegistry = ContainerRegistry()
        for name, value in kwargs.items():
            setattr(self, name, value)

    def _part(self, name: str) -> Any:
        return self._image[1] if self._image[0] == name else None

    def _set_part(self, name: str, value: Any) -> None:
        # Clearing one that is not in force changes nothing; SDK code writes ``base_image = None`` before a Dockerfile.
        if value is not None or self._image[0] == name:
            self._image = (name, value)

    @property
    def base_image(self) -> str | None:
        """Name of the image to start from."""
        image: str | None = self._part("base_image")
        return image

    @base_image.setter
    def base_image(self, value: str | None) -> None:
        self._set_part("base_image", value)

    @property
    def base_dockerfile(self) -> str | None:
        """Text of a Dockerfile, or the path of one."""
        text: str | None = self._part("base_dockerfile")
        return text

    @base_dockerfile.setter
    def base_dockerfile(self, value: str | None) -> None:
        self._set_part("base_dockerfile", value)

    @property
    def build_context(self) -> DockerBuildContext | None:
        """A folder with a Dockerfile."""
        context: DockerBuildContext | None = self._part("build_context")
        return context

    @build_context.setter
    def build_context(self, value: DockerBuildContext | Mapping[str, Any] | None) -> None:
        if isinstance(value, Mapping):
            value = DockerBuildContext(**{snake(key): item for key, item in value.items()})
        self._set_part("build_context", value)

    def _document(self) -> dict[str, Any]:
        name, value = self._image
        document: dict[str, Any] = {}
        if name == "base_dockerfile" and value is not None:
            document[name] = dockerfile_text(value)
        elif name == "build_context" and value is not None:
            document[name] = {"location": value.location, "dockerfile_path": value.dockerfile_path}
        elif value is not None and value != DEFAULT_CPU_IMAGE:
            document[name] = value
        if self.base_image_registry and self.base_image_registry.address:
            document["registry"] = self.base_image_registry.address
        document.update({key: value for key, value in self._settings().items() if key != "use_docker"})
        if isinstance(self.platform, Section) and self.platform._changed():
            document["platform"] = self.platform._changed()
        return document

    def _settings(self) -> dict[str, Any]:
        """What the older spelling says about the run: ``{"use_docker":, "arguments":, "shm_size":}``, set ones only."""
        settings = {
            "use_docker": bool(self.enabled),
            "arguments": list(self.arguments or []),
            "shm_size": self.shm_size,
        }
        return {key: value for key, value in settings.items() if value}


class DockerEnvironment(DockerSection):
    """The SDK's older name for :class:`DockerSection`."""

    def __init__(self) -> None:
        super().__init__()


def dockerfile_text(value: str | os.PathLike[str]) -> str:
    """The text of a Dockerfile that is given as text or as the path of a file."""
    given = os.fspath(value)
    if "\n" in given or not os.path.isfile(given):
        if "\n" not in given and not given.lstrip().upper().startswith(("FROM ", "#", "ARG ")):
            raise InvalidInput(f"There is no Dockerfile {given!r}", expected="a file, or the text of a Dockerfile")
        return given
    from mlsteps.sdk.yaml_text import read_text

    return read_text(given)


class SparkPackage(Section):
    """A package for Spark, by its Maven coordinates."""

    _FIELDS = ("group", "artifact", "version")

    def __init__(self, group: str | None = None, artifact: str | None = None, version: str | None = None) -> None:
        self.group = group
        self.artifact = artifact
        self.version = version


class SparkSection(Section):
    """Spark's part of an environment."""

    _FIELDS = ("repositories", "packages", "precache_packages")

    def __init__(self, **kwargs: Any) -> None:
        self.repositories: list[str] = []
        self.packages: list[SparkPackage] = []
        self.precache_packages = True
        for name, value in kwargs.items():
            setattr(self, name, value)


class SparkEnvironment(SparkSection):
    """The SDK's older name for :class:`SparkSection`."""

    def __init__(self) -> None:
        super().__init__()


class RCranPackage(Section):
    """An R package from CRAN."""

    _FIELDS = ("name", "version", "repository")

    def __init__(self) -> None:
        self.name: str | None = None
        self.version: str | None = None
        self.repository: str | None = None


class RGitHubPackage(Section):
    """An R package from GitHub; the token stays in this object."""

    _FIELDS = ("repository", "auth_token")

    def __init__(self) -> None:
        self.repository: str | None = None
        self.auth_token: str | None = None

    def __repr__(self) -> str:
        return f"RGitHubPackage(repository={self.repository!r})"

    def _changed(self) -> dict[str, Any]:
        return {} if self.repository is None else {"repository": self.repository}

    def _to_yaml(self) -> dict[str, Any]:
        return {"repository": self.repository, "authToken": None}


class RSection(Section):
    """R's part of an environment."""

    _FIELDS = (
        "r_version",
        "user_managed",
        "rscript_path",
        "snapshot_date",
        "cran_packages",
        "github_packages",
        "custom_url_packages",
        "bioconductor_packages",
    )

    def __init__(self) -> None:
        self.r_version: str | None = None
        self.user_managed = False
        self.rscript_path: str | None = None
        self.snapshot_date: str | None = None
        self.cran_packages: list[RCranPackage] | None = None
        self.github_packages: list[RGitHubPackage] | None = None
        self.custom_url_packages: list[str] | None = None
        self.bioconductor_packages: list[str] | None = None


class ImageBuildDetails:
    """What ``Environment.build`` gives: nothing is built ahead of the first step that needs it."""

    def __init__(self, environment_client: Any, location: Any) -> None:
        self.environment_client = environment_client
        self.log_url: str | None = None

    @property
    def status(self) -> str:
        """Always ``Succeeded``: the environment is prepared, once, by the first step that uses it."""
        return "Succeeded"

    def get_log(self) -> str:
        """The build's log.

        :raises UnsupportedFeature: always; the first step's log shows how its environment was prepared.
        """
        raise UnsupportedFeature("ImageBuildDetails.get_log", "no image is built ahead", "the log of the first step")

    def wait_for_completion(self, show_output: bool = True) -> None:
        """Nothing to wait for."""
        if show_output:
            print("The environment is prepared by the first step that uses it.")
