"""Who installs what of a conda specification. That the solver does is tested in tests/components/test_conda.py."""

from __future__ import annotations

import pytest

from mlsteps.environments import conda_solver
from mlsteps.errors import InvalidInput

OWN = "https://me:s3cret@conda.example.com/team"


@pytest.fixture
def solver(monkeypatch):
    monkeypatch.setattr(conda_solver, "is_installed", lambda: True)


@pytest.fixture
def no_solver(monkeypatch):
    monkeypatch.setattr(conda_solver, "is_installed", lambda: False)


def test_what_pip_can_provide_is_pips(solver):
    made = conda_solver.plan({"channels": ["anaconda", "conda-forge"], "dependencies": ["python=3.11", "pandas"]})
    assert made.requirements == ("pandas",) and made.conda == ()
    only_python = conda_solver.plan({"dependencies": ["python=3.11", {"pip": ["six"]}]})
    assert only_python.requirements == ("six",) and only_python.conda == ()


@pytest.mark.parametrize("package", ["gdal", "conda-forge::r-base=4", "pandas 1.2|1.3"])
def test_with_a_package_that_pip_has_not_all_of_them_are_condas(solver, package):
    asked = {
        "channels": ["defaults", "nodefaults"],
        "dependencies": ["numpy", package, "azureml-core", {"pip": ["six"]}],
    }
    made = conda_solver.plan(asked)
    assert made.conda == ("numpy", package, "python >=3.8") and made.requirements == ("six",)
    assert made.channels[0] == "https://repo.anaconda.com/pkgs/main" and "nodefaults" not in made.channels


def test_a_channel_given_by_its_address_is_asked(solver):
    made = conda_solver.plan({"channels": [OWN, "/srv/channel"], "dependencies": ["python=3.9", "own"]})
    assert made.conda == ("python=3.9", "own") and made.channels == (OWN, "file:///srv/channel")
    nothing = conda_solver.plan({"channels": [OWN], "dependencies": [{"pip": ["six"]}]})
    assert nothing.conda == () and nothing.requirements == ("six",)


def test_without_the_solver_it_is_said_how_to_get_it(no_solver):
    with pytest.raises(InvalidInput, match=r"(?s)'gdal'.*'pandas 1.2\|1.3'.*airflow-provider-mlsteps\[conda\]"):
        conda_solver.plan({"channels": ["conda-forge"], "dependencies": ["gdal", "pandas 1.2|1.3"]})
    mapped = conda_solver.plan({"channels": [OWN], "dependencies": ["pandas"]})
    assert mapped.requirements == ("pandas",) and "conda.example.com/team" in mapped.notes[0]
    assert "s3cret" not in mapped.notes[0]
