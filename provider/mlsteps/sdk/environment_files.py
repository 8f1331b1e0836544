"""Environments as documents, folders and requirement files."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any, Iterator, Mapping

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.databricks_section import (
    DatabricksCluster,
    EggLibrary,
    JarLibrary,
    MavenLibrary,
    PyPiLibrary,
    RCranLibrary,
)
from mlsteps.sdk.environment import Environment
from mlsteps.sdk.environment_sections import (
    DockerBuildContext,
    PythonSection,
    RCranPackage,
    RGitHubPackage,
    RSection,
    SparkPackage,
)
from mlsteps.sdk.sections import Section
from mlsteps.sdk.yaml_text import dump_yaml, load_yaml, read_text

_FILE, _CONDA_FILE, _DOCKER_FILE = "azureml_environment.json", "conda_dependencies.yml", "BaseDockerfile"
_LIBRARIES = {
    "maven_libraries": MavenLibrary,
    "pypi_libraries": PyPiLibrary,
    "rcran_libraries": RCranLibrary,
    "jar_libraries": JarLibrary,
    "egg_libraries": EggLibrary,
}


def environment_of_document(document: Mapping[str, Any]) -> Environment:
    """The environment whose ``_document()`` this is; ``version`` is taken over when it is there."""
    made = Environment(document.get("name"))
    made.version = document.get("version")
    _fill_python(made.python, document.get("python") or {})
    _fill_docker(made, document.get("docker") or {})
    made.environment_variables = document.get("environment_variables")
    made.inferencing_stack_version = document.get("inferencing_stack_version")
    for key, value in (document.get("spark") or {}).items():
        setattr(made.spark, key, [SparkPackage(**item) for item in value] if key == "packages" else value)
    for key, value in (document.get("databricks") or {}).items():
        kind = _LIBRARIES.get(key)
        setattr(made.databricks, key, [kind(**item) for item in value] if kind else DatabricksCluster(**value))
    if document.get("r"):
        made.r = _r_section(document["r"])
    return made


def _fill_python(python: PythonSection, document: Mapping[str, Any]) -> None:
    python.user_managed_dependencies = bool(document.get("user_managed_dependencies"))
    python.interpreter_path = document.get("interpreter_path") or "python"
    conda = document.get("conda")
    if conda is not None:
        python.conda_dependencies = CondaDependencies(_underlying_structure=conda)


def _fill_docker(made: Environment, document: Mapping[str, Any]) -> None:
    for key, value in document.items():
        if key == "build_context":
            made.docker.build_context = DockerBuildContext("local", value["location"], value["dockerfile_path"])
        elif key == "registry":
            made.docker.base_image_registry.address = value
        elif key == "platform":
            made.docker.platform.__dict__.update(value)
        else:
            setattr(made.docker, key, value)


def _r_section(document: Mapping[str, Any]) -> RSection:
    made = RSection()
    kinds: dict[str, type[Section]] = {"cran_packages": RCranPackage, "github_packages": RGitHubPackage}
    for key, value in document.items():
        setattr(made, key, [_filled(kinds[key](), item) for item in value] if key in kinds else value)
    return made


def _filled(section: Section, values: Mapping[str, Any]) -> Section:
    for key, value in values.items():
        setattr(section, key, value)
    return section


def save_environment(environment: Environment, path: str, overwrite: bool) -> None:
    """See :meth:`Environment.save_to_directory`."""
    if os.path.exists(path) and not overwrite:
        raise UserErrorException(f"The folder {path} exists. Give overwrite=True to write into it.")
    os.makedirs(path, exist_ok=True)
    data = environment._to_yaml()
    if environment.docker.base_dockerfile is not None:
        data["docker"]["baseDockerfile"] = _DOCKER_FILE
        _write(os.path.join(path, _DOCKER_FILE), environment.docker.base_dockerfile)
    conda = environment.python.conda_dependencies
    if conda is not None:
        data["python"]["condaDependencies"] = None
        data["python"]["condaDependenciesFile"] = _CONDA_FILE
        _write(os.path.join(path, _CONDA_FILE), dump_yaml(conda._portable()))
    _write(os.path.join(path, _FILE), json.dumps(data, indent=4))


def load_environment(path: str) -> Environment:
    """See :meth:`Environment.load_from_directory`."""
    file = os.path.join(path, _FILE)
    try:
        data = json.loads(read_text(file))
    except ValueError as error:
        raise InvalidInput(f"{file} is not valid JSON: {error}") from error
    python, docker = data.get("python") or {}, data.get("docker") or {}
    conda_file = python.pop("condaDependenciesFile", None)
    if docker.get("baseDockerfile") == _DOCKER_FILE:
        docker["baseDockerfile"] = read_text(os.path.join(path, _DOCKER_FILE))
    made = Environment(data.get("name"))
    read_environment(made, data)
    if conda_file:
        made.python.conda_dependencies = CondaDependencies(os.path.join(path, conda_file))
    return made


def read_environment(made: Environment, data: Mapping[str, Any]) -> None:
    """Fill an environment with what the SDK writes, keys in camelCase; parts that are not there stay as they are."""
    data = dict(data)
    r = data.pop("r", None)
    made._from_yaml(data)
    if r:
        made.r = RSection()
        made.r._from_yaml(r)


def requirement_lines(path: str) -> Iterator[str]:
    """Requirements and options of a pip requirements file, files named by ``-r`` included.

    :raises UserErrorException: when a file cannot be read or asks for an editable install.
    """
    for line in read_text(path).replace("\\\n", " ").splitlines():
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        include = re.match(r"(?:-r|--requirement)[ =]\s*(.+)", text)
        if include:
            yield from requirement_lines(os.path.join(os.path.dirname(path), include.group(1).strip()))
        elif text.startswith(("-e ", "--editable")):
            raise InvalidInput(f"{path} asks for an editable install: {text}", expected="packages only")
        elif text:
            yield text


def exported_conda(name: str) -> Any:
    """What conda says of one of its environments, None when there is no conda or no such environment."""
    try:
        done = subprocess.run(
            ["conda", "env", "export", "--no-builds", "--name", name], capture_output=True, text=True, check=False
        )
    except OSError as error:
        print(f"conda could not be started: {error}")
        return None
    if done.returncode != 0:
        print(f"conda could not export the environment {name!r}: {done.stderr.strip()}")
        return None
    return load_yaml(done.stdout, f"conda's description of {name!r}")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
