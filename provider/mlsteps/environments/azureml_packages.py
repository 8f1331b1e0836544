"""The SDK's own pip packages: mlsteps provides what they provide, and the libraries they used to bring stay.

What each brought is from the packages' metadata (1.27 to 1.61): whatever depends on ``azureml-dataset-runtime`` brings
numpy and pyarrow, its ``pandas`` extra pandas too, and so did ``azureml-defaults`` before 1.34 (by way of
azureml-model-management-sdk); ``azureml-mlflow`` brings mlflow; ``azureml-train-automl*`` brought a model zoo that is
not installed here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")
_OLD_DEFAULTS = re.compile(r"(==|~=|<=?)\s*1\.(\d+)")
#: The first minor version of azureml-defaults without pandas.
_WITHOUT_PANDAS = 34

_DATASETS = ("numpy", "pyarrow")

#: Libraries by SDK package. A package that is not listed adds nothing.
_ADDED = {
    **dict.fromkeys(("azureml-dataset-runtime", "azureml-defaults", "azureml-sdk", "azureml-pipeline"), _DATASETS),
    **dict.fromkeys(("azureml-pipeline-steps", "azureml-automl-core", "azureml-train-automl-client"), _DATASETS),
    "azureml-mlflow": ("mlflow-skinny",),
    "azureml-opendatasets": ("pandas", "pyarrow"),
    "azureml-interpret": ("interpret-community",),
}
_EXTRAS = {"pandas": ("pandas", "pyarrow"), "parquet": ("pandas", "pyarrow")}
_UNAVAILABLE = {
    "azureml-train-automl": "automated machine learning runs in a cloud service only",
    "azureml-train-automl-runtime": "automated machine learning runs in a cloud service only",
    "azureml-opendatasets": "open datasets come from a cloud service; pandas and pyarrow stay",
}


class Replacement(NamedTuple):
    """What stands in for an SDK package: requirements to add, and what a person should read."""

    requirements: tuple[str, ...]
    note: str


def pip_name(requirement: str) -> str:
    """The normalised (PEP 503) name a requirement starts with; "" when it starts with none, as a URL does not."""
    match = _REQUIREMENT.match(requirement)
    if match is None or re.match(r"^[a-z+]+://|^git\+", requirement.strip()):
        return ""
    return re.sub(r"[-_.]+", "-", match.group(1)).lower()


def is_sdk_package(requirement: str) -> bool:
    """Whether the requirement is one of the SDK's own packages."""
    return pip_name(requirement).startswith("azureml-")


def replace(requirement: str) -> Replacement:
    """What stands in for an SDK package in a step's environment."""
    name = pip_name(requirement)
    match = _REQUIREMENT.match(requirement)
    extras = re.split(r"[,\s]+", match.group(2).strip()) if match and match.group(2) else []
    added = [*_ADDED.get(name, ()), *(item for extra in extras for item in _EXTRAS.get(extra, ()))]
    if _brings_pandas(requirement):
        added.append("pandas")
    requirements = tuple(dict.fromkeys(added))
    note = f"{requirement.strip()}: provided by mlsteps"
    if name in _UNAVAILABLE:
        note = f"{requirement.strip()}: left out, {_UNAVAILABLE[name]}"
    elif requirements:
        note += f"; {', '.join(requirements)} installed"
    return Replacement(requirements, note)


def is_default(requirement: str) -> bool:
    """Whether it is what the SDK puts into an environment of which nothing is said."""
    return requirement.strip() == "azureml-defaults"


def _brings_pandas(requirement: str) -> bool:
    version = _OLD_DEFAULTS.search(requirement)
    return (
        pip_name(requirement) == "azureml-defaults" and version is not None and int(version.group(2)) < _WITHOUT_PANDAS
    )


def identity(requirement: str) -> str:
    """The requirement without its version: of the release that was asked for, only what it brought counts here."""
    match = _REQUIREMENT.match(requirement)
    extras = sorted(filter(None, re.split(r"[,\s]+", (match.group(2) or "").strip()))) if match else []
    older = f"<1.{_WITHOUT_PANDAS}" if _brings_pandas(requirement) else ""
    return pip_name(requirement) + (f"[{','.join(extras)}]" if extras else "") + older
