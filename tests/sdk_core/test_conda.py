from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.sdk.conda import CondaDependencies, package_name

NAMES = st.sampled_from(["numpy", "scikit-learn", "Foo_Bar", "foo.bar", "a"])
SPECS = st.sampled_from(["", "==1.0", ">=2,<3", "~=1.1"])


def test_a_fresh_one_holds_what_the_sdks_holds():
    fresh = CondaDependencies()
    assert fresh.as_dict() == {
        "name": "project_environment",
        "channels": ["anaconda", "conda-forge"],
        "dependencies": ["python=3.10.18", {"pip": ["azureml-defaults"]}],
    }
    assert yaml.safe_load(fresh.serialize_to_string()) == fresh.as_dict()
    assert CondaDependencies.create().as_dict() == fresh.as_dict()


def test_python_counts_only_when_somebody_chose_it():
    made = CondaDependencies.create(pip_packages=["numpy"])
    assert made.get_python_version() == "3.10.18"
    assert made._document()["dependencies"] == [{"pip": ["numpy"]}]
    for chosen in (
        CondaDependencies.create(pip_packages=["numpy"], python_version="3.8"),
        CondaDependencies.create(pip_packages=["numpy"], conda_packages=["python=3.8"]),
    ):
        assert chosen.get_python_version() == "3.8" and chosen._document()["dependencies"][0] == "python=3.8"
    made.set_python_version("3.9.1")
    assert made._document()["dependencies"][0] == "python=3.9.1"


def test_create_as_notebooks_do():
    made = CondaDependencies.create(
        conda_packages=["pandas", "scikit-learn==0.24"],
        pip_packages=["azureml-sdk", "azureml-dataprep[fuse,pandas]"],
        pip_indexurl="https://pypi.example/simple",
        pin_sdk_version=False,
    )
    assert list(made.conda_packages) == ["python=3.10.18", "pandas", "scikit-learn==0.24"]
    assert list(made.pip_packages) == ["azureml-sdk", "azureml-dataprep[fuse,pandas]"]
    assert list(made.pip_options) == ["--index-url https://pypi.example/simple"]


def test_replacing_and_removing():
    made = CondaDependencies()
    made.add_pip_package("NumPy==1")
    made.add_pip_package("pandas")
    made.add_pip_package("numpy>=2")
    assert list(made.pip_packages) == ["azureml-defaults", "pandas", "numpy>=2"]
    made.remove_pip_package("Pandas")
    made.remove_pip_package("absent")
    made.add_conda_package("pip=21")
    made.remove_conda_package("pip")
    made.add_channel("c")
    made.add_channel("c")
    made.remove_channel("anaconda")
    made.set_pip_option("--pre")
    made.remove_pip_option("--pre")
    made.set_pip_requirements(["x==1"])
    assert made.as_dict()["channels"] == ["conda-forge", "c"]
    assert made.as_dict()["dependencies"] == ["python=3.10.18", {"pip": ["x==1"]}]
    made.add_tensorflow_pip_package(version="2.4")
    assert list(made.pip_packages) == ["x==1", "tensorflow==2.4"]


@given(st.lists(st.tuples(NAMES, SPECS)))
def test_each_package_is_there_once_with_its_last_requirement(added):
    made = CondaDependencies.create(pip_packages=[])
    for name, spec in added:
        made.add_pip_package(name + spec)
        made.add_conda_package(name + spec)
    last = {package_name(name): name + spec for name, spec in added}
    for there in (made.pip_packages, (item for item in made.conda_packages if not item.startswith("python="))):
        there = list(there)
        assert {package_name(item): item for item in there} == last and len(there) == len(last)
    assert CondaDependencies(_underlying_structure=made.as_dict()).as_dict() == made.as_dict()


def test_from_a_file_and_back(tmp_path):
    file = tmp_path / "env.yml"
    file.write_text("name: x\ndependencies:\n- python=3.8\n- pip:\n  - numpy\n- pandas\n")
    made = CondaDependencies(conda_dependencies_file_path=file)
    assert made._document() == {"dependencies": ["python=3.8", {"pip": ["numpy"]}, "pandas"]}
    made.add_pip_package("scipy")
    path = made.save(str(tmp_path / "out.yml"))
    assert CondaDependencies(path) == made
    assert CondaDependencies(file) != made


@pytest.mark.parametrize(
    ("text", "message"),
    [("- a\n", "mapping"), ("dependencies: x\n", "a list"), ("dependencies: [{x: 1}]\n", "pip"), ("a: [", "YAML")],
)
def test_files_that_are_none(tmp_path, text, message):
    file = tmp_path / "env.yml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        CondaDependencies(str(file))


def test_other_mistakes():
    with pytest.raises(UserErrorException, match=r"nope.yml"):
        CondaDependencies("nope.yml")
    with pytest.raises(InvalidInput, match="a list of texts"):
        CondaDependencies.create(pip_packages="numpy")
    with pytest.raises(InvalidInput, match="pip_package is None"):
        CondaDependencies().add_pip_package(None)


def test_merge_requirements():
    assert CondaDependencies.merge_requirements(["a>1", "b", "a<2", "c[x]==1"]) == ["a<2,>1", "b", "c[x]==1"]
