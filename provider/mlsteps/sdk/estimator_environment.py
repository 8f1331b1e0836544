"""The environment that an estimator's many keywords describe."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.environment import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE, Environment


def environment_of(
    options: Mapping[str, Any], folder: str, framework: Iterable[str], python: str | None
) -> Environment:
    """An Environment; ``environment_definition`` counts before all other keywords.

    :param options: the estimator's keywords.
    :param folder: the source directory, which paths of files are relative to.
    :param framework: pip packages of the framework; :param python: the Python version that they need.
    """
    given = options.get("environment_definition")
    if given is not None:
        return _with_variables(given, options)
    made = Environment("estimator")
    made.python.user_managed_dependencies = bool(options.get("user_managed"))
    made.python.conda_dependencies = _conda(options, folder, framework, python)
    made.docker.enabled = bool(options.get("use_docker", True))
    made.docker.base_image = _image(options)
    if options.get("image_registry_details") is not None:
        made.docker.base_image_registry = options["image_registry_details"]
    if options.get("shm_size"):
        made.docker.shm_size = options["shm_size"]
    return _with_variables(made, options)


def _with_variables(environment: Environment, options: Mapping[str, Any]) -> Environment:
    environment.environment_variables.update(options.get("environment_variables") or {})
    return environment


def _image(options: Mapping[str, Any]) -> str:
    own = options.get("custom_docker_image") or options.get("custom_docker_base_image")
    return own or (DEFAULT_GPU_IMAGE if options.get("use_gpu") else DEFAULT_CPU_IMAGE)


def _conda(options: Mapping[str, Any], folder: str, framework: Iterable[str], python: str | None) -> CondaDependencies:
    file = _file(options, "conda_dependencies_file", folder)
    made = CondaDependencies(file) if file else CondaDependencies()
    if python:
        made.set_python_version(python)
    requirements = _file(options, "pip_requirements_file", folder)
    for package in [*framework, *(_requirements(requirements) if requirements else ())]:
        made.add_pip_package(package)
    for package in options.get("pip_packages") or ():
        made.add_pip_package(package)
    for package in options.get("conda_packages") or ():
        made.add_conda_package(package)
    return made


def _file(options: Mapping[str, Any], name: str, folder: str) -> str | None:
    """The path of a file by its newer keyword or the older one that ends in ``_path``.

    :raises InvalidInput: when there is no such file.
    """
    given = options.get(name) or options.get(f"{name}_path")
    if not given:
        return None
    for path in (os.path.join(folder, given), os.fspath(given)):
        if os.path.isfile(path):
            return path
    raise InvalidInput(f"{name} is {given!r}", expected="a file in the estimator's source_directory")


def _requirements(path: str) -> Iterable[str]:
    conda = Environment.from_pip_requirements("estimator", path).python.conda_dependencies
    return conda.pip_packages if conda is not None else ()
