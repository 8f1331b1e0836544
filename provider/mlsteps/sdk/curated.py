"""Curated environments: names such as ``AzureML-sklearn-1.0-ubuntu20.04-py38-cpu``, which Azure ships as images.

Those images cannot be had elsewhere, and most are retired. The name still says what is in them; mlsteps makes an
environment of that library from its current releases, so that code that names one runs.
"""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "AzureML-"
_BASE = ("azureml-defaults", "numpy", "pandas")
_SCIENCE = (*_BASE, "scikit-learn", "scipy", "joblib", "matplotlib")


class Family(NamedTuple):
    """Curated environments whose name holds ``mark`` (lower case) hold these packages."""

    mark: str
    packages: tuple[str, ...]


#: The first family whose mark is in the name counts.
FAMILIES = (
    Family("sklearn", _SCIENCE),
    Family("scikit", _SCIENCE),
    Family("lightgbm", (*_SCIENCE, "lightgbm")),
    Family("xgboost", (*_SCIENCE, "xgboost")),
    Family("pytorch", (*_SCIENCE, "torch", "torchvision")),
    Family("acpt", (*_SCIENCE, "torch", "torchvision")),
    Family("tensorflow", (*_SCIENCE, "tensorflow")),
    Family("tritonserver", _BASE),
    Family("onnxruntime", (*_BASE, "onnxruntime")),
    Family("dask", (*_BASE, "dask", "distributed")),
    Family("automl", (*_SCIENCE, "lightgbm", "xgboost")),
    Family("responsibleai", _SCIENCE),
    Family("minimal", ("azureml-defaults",)),
    Family("tutorial", _SCIENCE),
    Family("", _SCIENCE),
)

#: Names listed by ``Environment.list``; any other name with the prefix resolves as well.
NAMES = (
    "AzureML-Minimal",
    "AzureML-Tutorial",
    "AzureML-Dask-CPU",
    "AzureML-sklearn-0.24-ubuntu18.04-py37-cpu",
    "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu",
    "AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu",
    "AzureML-pytorch-1.10-ubuntu18.04-py38-cuda11-gpu",
    "AzureML-tensorflow-2.4-ubuntu18.04-py37-cuda11-gpu",
)


_noticed: set[str] = set()


def is_curated(name: str) -> bool:
    """Whether a name is one of Azure's."""
    return name.lower().startswith(PREFIX.lower())


def notice(name: str) -> None:
    """Say, once for each name, what stands for Azure's image."""
    if name not in _noticed:
        _noticed.add(name)
        print(f"The environment {name} is an image of Azure; here it is made of {', '.join(packages(name))}.")


def packages(name: str) -> tuple[str, ...]:
    """The pip packages that stand for a curated environment."""
    rest = name[len(PREFIX) :].lower()
    return next(family.packages for family in FAMILIES if family.mark in rest)
