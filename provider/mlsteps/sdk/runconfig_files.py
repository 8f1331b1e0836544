"""Run configurations as YAML files, in the places and with the keys of the SDK."""

from __future__ import annotations

import os
from typing import Any, Mapping

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.environment_files import read_environment
from mlsteps.sdk.runconfig import Environment, RunConfiguration
from mlsteps.sdk.runconfig_sections import Data, DataReferenceConfiguration, DockerConfiguration, OutputData
from mlsteps.sdk.sections import Section, snake
from mlsteps.sdk.yaml_text import dump_yaml, load_yaml_file

_FOLDERS = (".azureml", "aml_config", "")
_ENDINGS = (".runconfig", "", ".yml", ".yaml")
_NAMED = {"data_references": DataReferenceConfiguration, "data": Data, "output_data": OutputData}


def find(path: str | os.PathLike[str], name: str | None) -> str:
    """The file of a run configuration.

    :raises UserErrorException: when there is none; names the places looked at.
    """
    base = os.fspath(path)
    if os.path.isfile(base):
        return base
    looked = [os.path.join(base, folder, f"{name or 'local'}{ending}") for folder in _FOLDERS for ending in _ENDINGS]
    for candidate in looked:
        if os.path.isfile(candidate):
            return candidate
    raise UserErrorException(f"No run configuration {name!r} was found. Looked for: {', '.join(looked)}.")


def save(config: RunConfiguration, path: Any, name: str | None, separate_environment_yaml: bool) -> str:
    """See :meth:`RunConfiguration.save`."""
    base = os.fspath(path or config._path or os.curdir)
    name = name or config._name
    if name is None and not os.path.isdir(base):
        file = base
    else:
        older = os.path.join(base, "aml_config")
        folder = base if os.path.basename(os.path.normpath(base)) in _FOLDERS else os.path.join(base, ".azureml")
        file = os.path.join(older if os.path.isdir(older) else folder, f"{name or 'local'}.runconfig")
    os.makedirs(os.path.dirname(os.path.abspath(file)), exist_ok=True)
    data = config._to_yaml()
    if separate_environment_yaml:
        _write(os.path.join(os.path.dirname(file), "environment.yml"), dump_yaml(data["environment"]))
        data["environment"] = "environment.yml"
    _write(file, dump_yaml(data))
    return file


def load(path: Any, name: str | None) -> RunConfiguration:
    """See :meth:`RunConfiguration.load`."""
    file = find(path, name)
    data = load_yaml_file(file)
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{file} holds {data!r}", expected="the mapping of a run configuration")
    made = RunConfiguration(_path=os.path.dirname(file), _name=os.path.splitext(os.path.basename(file))[0])
    return read(data, made)


def read(document: Mapping[str, Any], made: RunConfiguration | None = None) -> RunConfiguration:
    """The run configuration that a document (the content of such a file) describes.

    :param made: what to fill in; its path is where relative names of files begin.
    """
    data = dict(document)
    made = made or RunConfiguration()
    environment = data.pop("environment", None)
    for key in list(data):
        if snake(str(key)) in _NAMED:
            kind = _NAMED[snake(str(key))]
            setattr(made, snake(str(key)), {k: _named(kind, item) for k, item in (data.pop(key) or {}).items()})
    docker = data.pop("docker", None)
    if docker:
        made.docker = DockerConfiguration()
        made.docker._from_yaml(docker)
    made._from_yaml(data)
    if environment is not None:
        made.environment = _environment(environment, os.fspath(made._path or os.curdir))
    return made


def _named(kind: type[Section], item: Any) -> Section:
    made = kind()
    made._from_yaml(item)
    return made


def _environment(data: Any, folder: str) -> Environment:
    if isinstance(data, str):
        data = load_yaml_file(os.path.join(folder, data))
    data = dict(data or {})
    python = dict(data.get("python") or {})
    file = python.pop("condaDependenciesFile", None)
    data["python"] = python
    made = Environment(data.get("name"))
    read_environment(made, data)
    if file and not python.get("userManagedDependencies"):
        made.python.conda_dependencies = CondaDependencies(_conda_file(file, folder))
    return made


def _conda_file(file: str, folder: str) -> str:
    # The SDK names it relative to the project, which is the folder above .azureml; older files relative to themselves.
    places = [os.path.join(os.path.dirname(folder), file), os.path.join(folder, file), file]
    for place in places:
        if os.path.isfile(place):
            return place
    raise UserErrorException(f"The conda file {file} was not found. Looked for: {', '.join(places)}.")


def _write(path: str, text: str) -> None:
    partial = f"{path}.partial"
    with open(partial, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(partial, path)
