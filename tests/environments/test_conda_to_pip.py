"""Conda specifications as pip requirements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.environments import conda_spec
from mlsteps.environments.conda_to_pip import plan
from mlsteps.errors import InvalidInput


def conda(*packages, pip=()):
    return {"channels": ["conda-forge"], "dependencies": [*packages, {"pip": list(pip)}]}


@pytest.mark.parametrize(
    ("given_text", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy=1.19", "numpy==1.19.*"),
        ("numpy=1.19.*", "numpy==1.19.*"),
        ("numpy==1.19.2", "numpy==1.19.2"),
        ("numpy=1.19.2=py38hf89b668_1", "numpy==1.19.2"),
        ("numpy 1.19.2", "numpy==1.19.2"),
        ("numpy 1.19.2 py38_0", "numpy==1.19.2"),
        ("numpy >=1.19,<2", "numpy>=1.19,<2"),
        ("numpy>=1.19", "numpy>=1.19"),
        ("numpy >= 1.19, < 2", "numpy>=1.19,<2"),
        ("numpy!=1.20", "numpy!=1.20"),
        ("numpy[version='>=1.19,<2']", "numpy>=1.19,<2"),
        ("numpy=*", "numpy"),
        ("conda-forge::pytorch=1.10", "torch==1.10.*"),
        ("conda-forge/linux-64::py-xgboost<=0.90", "xgboost<=0.90"),
        ("scikit-learn=0.22.1", "scikit-learn==0.22.1.*"),
        ("pip=20.2.4", "pip==20.2.4.*"),
        ("setuptools", "setuptools"),
        ("wheel", "wheel"),
        ("matplotlib-base", "matplotlib"),
        ("Pandas", "pandas"),
        ("numpy  # pinned later", "numpy"),
    ],
)
def test_a_conda_package_as_a_requirement(given_text, requirement):
    assert plan(conda(given_text)).requirements == (requirement,)


@pytest.mark.parametrize(
    ("given_text", "python"),
    [("python=3.8", "==3.8.*"), ("python=3.8.13", "==3.8.13.*"), ("python>=3.6,<3.9", ">=3.6,<3.9"), ("python", "")],
)
def test_python_is_the_interpreter_not_a_package(given_text, python):
    answer = plan(conda(given_text))
    assert (answer.python, answer.requirements) == (python, ())


def test_everything_that_cannot_be_had_is_named_at_once_with_how_to_mend_it():
    with pytest.raises(InvalidInput) as caught:
        plan(conda("cudatoolkit=10.2", "r-base=4", "r-dplyr", "openmpi", "numpy"))
    text = caught.value.message
    assert all(name in text for name in ("cudatoolkit=10.2", "r-base=4", "r-dplyr", "openmpi", "leave it out"))
    assert "numpy" not in text


def test_alternatives_are_refused_by_name():
    with pytest.raises(InvalidInput, match=r"numpy=1\.19\|1\.20"):
        plan(conda("numpy=1.19|1.20"))


def test_libraries_inside_wheels_are_left_out_with_a_note():
    answer = plan(conda("libgcc-ng=9.3.0", "openssl=1.1.1g=h7b6447c_0"))
    assert answer.requirements == ()
    assert len(answer.notes) == 2


def test_the_sdks_own_packages_are_provided_and_what_they_brought_stays():
    answer = plan(
        conda(
            pip=[
                "azureml-defaults",
                "azureml-core==1.57.0",
                "azureml-dataset-runtime[pandas,fuse]",
                "azureml_sdk[notebooks]",
                "azureml-mlflow",
            ]
        )
    )
    assert answer.requirements == ("numpy", "pyarrow", "pandas", "mlflow-skinny")
    assert len(answer.notes) == 5


@pytest.mark.parametrize(
    ("lines", "brought"),
    [
        (["azureml-sdk==1.27.*"], {"numpy", "pyarrow"}),
        (["azureml-defaults==1.27.*"], {"numpy", "pyarrow", "pandas"}),
        (["azureml-defaults~=1.34.0"], {"numpy", "pyarrow"}),
        (["azureml-core", "azureml-pipeline-core"], set()),
        (["azureml-defaults"], set()),  # what the SDK says where nobody said anything
        (["azureml-defaults", "six"], {"numpy", "pyarrow", "six"}),
    ],
)
def test_libraries_that_came_with_the_sdk(lines, brought):
    assert set(plan(conda("python=3.8", pip=lines)).requirements) == brought


def test_a_pinned_version_beats_the_bare_name_that_an_sdk_package_brings():
    answer = plan(conda(pip=["azureml-dataprep[pandas]", "pandas==1.5.3"]))
    assert answer.requirements == ("pyarrow", "pandas==1.5.3")


def test_pip_options_reach_the_installer():
    answer = plan(
        conda(
            pip=[
                "--index-url https://example.org/simple",
                "--extra-index-url=https://u:secret@example.org/more?a=b",
                "-f https://example.org/wheels?x=1",
                "--trusted-host example.org",
                "--pre",
                "--no-cache-dir",
                "six  # a comment",
                "# only a comment",
            ]
        )
    )
    assert answer.requirements == ("six",)
    assert answer.lines == (
        "--index-url https://example.org/simple",
        "--extra-index-url https://u:secret@example.org/more?a=b",
        "--find-links https://example.org/wheels?x=1",
    )
    assert answer.flags == ("--allow-insecure-host=example.org", "--prerelease=allow")


@pytest.mark.parametrize("line", ["-r requirements.txt", "-e .", "--requirement=x.txt"])
def test_files_are_refused(line):
    with pytest.raises(InvalidInput, match="names a file"):
        plan(conda(pip=[line]))


def test_an_unknown_option_is_refused_without_its_credentials():
    with pytest.raises(InvalidInput) as caught:
        plan(conda(pip=["--unheard-of https://u:secret@example.org"]))
    assert "--unheard-of" in caught.value.message
    assert "secret" not in caught.value.message


def test_the_name_sklearn_is_mended():
    assert plan(conda(pip=["sklearn"])).requirements == ("scikit-learn",)


def test_urls_and_extras_pass_unchanged():
    lines = ["git+https://example.org/x.git@v1#egg=x", "https://example.org/a-1-py3-none-any.whl", "dask[complete]>=2"]
    assert plan(conda(pip=lines)).requirements == tuple(lines)


@given(st.from_regex(r"\A[a-z][a-z0-9]{0,8}\Z"), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_a_fuzzy_version_never_loses_a_number(name, numbers):
    version = ".".join(map(str, numbers))
    assert conda_spec.parse(f"{name}={version}").version == f"=={version}.*"
    assert conda_spec.parse(f"{name}=={version}").version == f"=={version}"
