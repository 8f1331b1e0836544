"""What of an Environment document counts: the part of a step's fingerprint that says what it ran in.

The SDK identifies an image by its packages, its channels and its docker steps, not by the environment's name or
version; so does this. Credentials of registries and package indexes never count and never appear; nor does it count
whether there are any.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping

from mlsteps.environments import azureml_packages, machine
from mlsteps.registry.index_credentials import bare

#: Raise when equal documents would get another identity than before: every step would run again.
IDENTITY_VERSION = 1

_DOCKER = ("base_image", "base_dockerfile", "build_context", "platform")


def environment_identity(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """Canonical content of an Environment document, as JSON data without secrets.

    Two documents that differ in name, in the order of packages, in blanks, or in the release of the SDK's own packages
    have the same identity. The machine's constraints on versions count where packages are installed.

    :param document: ``{"name", "python": {"user_managed_dependencies", "interpreter_path", "conda"}, "docker",
        "environment_variables"}``; None and ``{}`` are the default environment.
    """
    document = document or {}
    answer: dict[str, Any] = {"version": IDENTITY_VERSION, "python": _python(document.get("python") or {})}
    docker = _docker(document.get("docker") or {})
    variables = document.get("environment_variables") or {}
    if docker:
        answer["docker"] = docker
    if document.get("r"):
        answer["r"] = document["r"]
    if variables:
        answer["environment_variables"] = {str(name): str(value) for name, value in variables.items()}
    return answer


def _python(section: Mapping[str, Any]) -> dict[str, Any]:
    if section.get("user_managed_dependencies"):
        return {"user_managed": True, "interpreter": str(section.get("interpreter_path") or "python")}
    conda = section.get("conda") or {}
    packages, pip = _split(conda.get("dependencies") or [])
    installed = machine.settings() if packages or pip else {}
    return {
        **installed,
        "channels": [bare(str(channel)) for channel in conda.get("channels") or []],
        "conda": sorted({_package(text) for text in packages}),
        "pip": sorted({_requirement(text) for text in pip} - {""}),
    }


def _split(dependencies: Iterable[Any]) -> tuple[list[str], list[str]]:
    packages: list[str] = []
    pip: list[str] = []
    for item in dependencies:
        if isinstance(item, Mapping):
            pip.extend(str(line) for line in item.get("pip") or [])
        else:
            packages.append(str(item))
    return packages, pip


def _package(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\s*([<>=!~,|])\s*", r"\1", text.strip())).lower()


def _requirement(line: str) -> str:
    line = re.sub(r"(^|\s+)#.*$", "", line).strip()
    if azureml_packages.is_sdk_package(line):
        return azureml_packages.identity(line)
    name = azureml_packages.pip_name(line)
    if not name or line.startswith("-"):
        return bare(line)
    written = re.match(r"[A-Za-z0-9._-]+", line)
    rest = line[written.end() :] if written else ""
    return bare(name + re.sub(r"\s*([<>=!~,\[\]]+)\s*", r"\1", rest))


def _docker(section: Mapping[str, Any]) -> dict[str, Any]:
    answer = {key: section[key] for key in _DOCKER if section.get(key)}
    registry = section.get("base_image_registry") or {}
    if registry.get("address"):
        answer["registry"] = registry["address"]
    return answer
