"""Curated names (``AzureML-...``) stand for pinned packages, unless the workspace says otherwise."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from mlsteps.environments.conda_to_pip import plan
from mlsteps.errors import UserErrorException
from mlsteps.registry.curated import map_curated, unmap_curated
from mlsteps.sdk import curated
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.environment import Environment


def pins(name, python):
    """Versions by package, as an installer in this Python takes them."""
    lines = map(Requirement, plan(curated.resolve(name).conda).requirements)
    there = [line for line in lines if line.marker is None or line.marker.evaluate({"python_version": python})]
    assert len({line.name for line in there}) == len(there)
    return {line.name: str(line.specifier).removeprefix("==") for line in there}


@pytest.mark.parametrize(
    ("name", "python", "package", "version"),
    [
        ("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu", "3.8", "scikit-learn", "0.24.2"),
        ("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu", "3.11", "scikit-learn", "1.1.3"),
        ("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", "3.8", "scikit-learn", "1.0.2"),
        ("AzureML-Scikit-learn0.24-Cuda11-OpenMpi4.1.0-py36", "3.9", "scikit-learn", "0.24.2"),
        ("AzureML-PyTorch-1.6-GPU", "3.8", "torch", "1.6.0"),
        ("AzureML-PyTorch-1.6-GPU", "3.9", "torch", "1.7.1"),
        ("AzureML-pytorch-1.10-ubuntu18.04-py38-cuda11-gpu", "3.8", "torch", "1.10.2"),
        ("AzureML-ACPT-pytorch-1.13-py38-cuda11.7-gpu", "3.10", "torch", "1.13.1"),
        ("AzureML-TensorFlow-2.3-GPU", "3.8", "tensorflow", "2.3.4"),
        ("AzureML-TensorFlow-2.3-GPU", "3.11", "tensorflow", "2.12.1"),
        ("AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu", "3.8", "lightgbm", "3.2.1"),
        ("AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu", "3.11", "lightgbm", "3.3.5"),
        ("AzureML-AutoML", "3.11", "xgboost", "1.7.6"),
        ("AzureML-Tutorial", "3.11", "scikit-learn", "1.1.3"),
        ("AzureML-Tutorial", "3.14", "scikit-learn", "1.7.2"),
        ("AzureML-Tutorial", "3.15", "numpy", "2.3.5"),
    ],
)
def test_the_version_of_the_name_or_the_nearest_that_this_python_can_have(name, python, package, version):
    found = pins(name, python)
    assert found[package] == version and all(found.values())


@pytest.mark.parametrize(
    ("name", "python", "note"),
    [
        ("AzureML-sklearn-0.24-ubuntu18.04-py37-cpu", ["python=3.8"], "Python 3.7 cannot be had"),
        ("AzureML-tensorflow-2.12-cuda11", ["python=3.11"], ""),
        ("AzureML-PyTorch-1.4-GPU", ["python=3.8"], ""),
        ("AzureML-xgboost-0.9-ubuntu18.04-py37-cpu-inference", ["python=3.8"], "0.9 cannot be had any more; 1.3 is"),
        ("AzureML-AutoML-DNN", [], ""),
        ("AzureML-Minimal", [], ""),
    ],
)
def test_the_python_and_what_is_said_of_it(name, python, note):
    found = curated.resolve(name)
    assert [item for item in found.conda["dependencies"] if isinstance(item, str)] == python
    assert note in "; ".join(found.notes) and bool(note) == bool(found.notes)


def test_every_listed_name_is_pinned_for_every_python(ws):
    listed = Environment.list(ws)
    assert set(curated.NAMES) <= set(listed)
    for name in curated.NAMES:
        assert listed[name].name == name
        for minor in curated.PYTHONS:
            assert all(pins(name, f"3.{minor}").values())


def test_nothing_is_installed_for_the_minimal_one():
    assert plan(curated.resolve("AzureML-Minimal").conda).requirements == ()


def test_it_is_said_once_what_stands_for_the_image(ws, capsys, monkeypatch):
    monkeypatch.setattr(curated, "_noticed", set())
    name = "AzureML-sklearn-0.24-ubuntu18.04-py37-cpu"
    for _ in range(2):
        assert Environment.get(ws, name).name == name
    said = capsys.readouterr().out
    assert said.count(name + " is an image of Azure") == 1 and "Python 3.7 cannot be had any more; 3.8" in said


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("AzureML-Chainer-5.1", "AzureML-"), ("AzureML-sklaern-0.24-py37", "AzureML-sklearn-0.24-ubuntu18.04-py37-cpu")],
)
def test_a_name_that_is_not_known_is_refused_with_the_nearest(ws, name, nearest):
    with pytest.raises(UserErrorException, match=f"(?s){name}.*nearest names are .*{nearest}.*environment map"):
        Environment.get(ws, name)


def test_a_package_can_be_changed_in_a_clone(ws):
    made = Environment.get(ws, "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu").clone("mine")
    made.python.conda_dependencies.add_pip_package("pandas==1.1.5")
    lines = plan(made._document()["python"]["conda"]).requirements
    assert [line for line in lines if line.startswith("pandas")] == ["pandas==1.1.5"]


def own(ws, name, package):
    made = Environment(name)
    made.python.conda_dependencies = CondaDependencies.create(pip_packages=[package])
    return made.register(ws)


def test_a_workspace_says_what_names_stand_for(ws):
    own(ws, "torch-of-ours", "torch==1.8.1")
    own(ws, "science", "scikit-learn==0.22")
    store = ws._store()
    map_curated(store, "AzureML-*", "science")
    map_curated(store, "azureml-pytorch-*", "torch-of-ours", "1")
    found = Environment.get(ws, "AzureML-PyTorch-1.6-GPU")
    assert found.name == "AzureML-PyTorch-1.6-GPU"
    assert list(found.python.conda_dependencies.pip_packages) == ["torch==1.8.1"]
    assert list(Environment.get(ws, "AzureML-Chainer-5.1").python.conda_dependencies.pip_packages) == [
        "scikit-learn==0.22"
    ]
    own(ws, "torch-of-ours", "torch==1.9.1")  # a version was named
    listed = Environment.list(ws)["AzureML-PyTorch-1.6-CPU"]
    assert list(listed.python.conda_dependencies.pip_packages) == ["torch==1.8.1"]
    assert unmap_curated(store, "AzureML-PyTorch-*") and unmap_curated(store, "AzureML-*")
    assert "torch==1.6.0" in str(Environment.get(ws, "AzureML-PyTorch-1.6-GPU")._document())


def test_a_name_is_mapped_to_what_is_there(ws):
    with pytest.raises(UserErrorException, match="No environment 'gone'"):
        map_curated(ws._store(), "AzureML-Minimal", "gone")
    ws._store().write_json("curated/AzureML-Minimal.json", {"name": "AzureML-Minimal", "environment": "gone"})
    with pytest.raises(UserErrorException, match="which is not there any more.*--remove"):
        Environment.get(ws, "AzureML-Minimal")
