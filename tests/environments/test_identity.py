"""What of an Environment document counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.environments.identity import environment_identity
from mlsteps.errors import RunConfigurationException


def document(*packages, pip=(), **more):
    return {"name": "e", "python": {"conda": {"dependencies": [*packages, {"pip": list(pip)}]}}, **more}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (document("numpy=1.2"), {**document("numpy=1.2"), "name": "another", "version": "7"}),
        (document("numpy", "pandas"), document("pandas", "numpy")),
        (document(pip=["Scikit_Learn == 1.0"]), document(pip=["scikit-learn==1.0"])),
        (document(pip=["azureml-core==1.57"]), document(pip=["azureml-core==1.61"])),
        (document("numpy >= 1.2"), document("numpy>=1.2")),
        (document(pip=["--index-url https://u:a@h/s"]), document(pip=["--index-url https://u:b@h/s"])),
        (None, {}),
    ],
)
def test_equal(one, other):
    assert environment_identity(one) == environment_identity(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (document("numpy=1.2"), document("numpy=1.3")),
        (document("numpy 1"), document("numpy1")),
        (document("numpy"), document(pip=["numpy"])),
        (document(pip=["azureml-dataprep"]), document(pip=["azureml-dataprep[pandas]"])),
        (document(pip=["azureml-defaults==1.27"]), document(pip=["azureml-defaults==1.57"])),
        (document(), document(environment_variables={"A": "1"})),
        (document(), document(docker={"base_image": "python:3.11"})),
        (document(), {"python": {"user_managed_dependencies": True}}),
    ],
)
def test_different(one, other):
    assert environment_identity(one) != environment_identity(other)


def test_no_credential_appears():
    registry = {"address": "example.org", "username": "someone", "password": "topsecret"}
    text = json.dumps(
        environment_identity(
            document(pip=["x @ https://someone:topsecret@h/x.whl"], docker={"base_image_registry": registry})
        )
    )
    assert "topsecret" not in text
    assert "someone" not in text


def test_packages_of_a_user_managed_environment_do_not_count():
    one = document("numpy")
    one["python"].update(user_managed_dependencies=True, interpreter_path="/usr/bin/python3")
    other = {"python": {"user_managed_dependencies": True, "interpreter_path": "/usr/bin/python3"}}
    assert environment_identity(one) == environment_identity(other)


@given(st.permutations(["a=1", "b", "c>=2,<3", "d==1"]), st.permutations(["x==1", "y", "z[e,f]<2"]))
def test_order_never_counts(packages, pip):
    assert environment_identity(document(*packages, pip=pip)) == environment_identity(
        document("a=1", "b", "c>=2,<3", "d==1", pip=["x==1", "y", "z[e,f]<2"])
    )


class TestConstraintsOfTheMachine:
    def test_their_lines_count_and_their_place_does_not(self, tmp_path, monkeypatch):
        free = environment_identity(document("pandas"))
        identities = []
        for name, text in (("a", "pandas==1.5.3\nnumpy==1.23.5\n"), ("b", "# old\nnumpy == 1.23.5\npandas==1.5.3")):
            (tmp_path / name).write_text(text)
            monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / name))
            identities.append(environment_identity(document("pandas")))
        assert identities[0] == identities[1] != free

    def test_a_date_counts(self, monkeypatch):
        free = environment_identity(document("pandas"))
        monkeypatch.setenv("UV_EXCLUDE_NEWER", "2022-12-31")
        assert environment_identity(document("pandas")) != free

    def test_nothing_installed_nothing_constrained(self, tmp_path, monkeypatch):
        user_managed = {"python": {"user_managed_dependencies": True}}
        free = environment_identity(user_managed), environment_identity({})
        monkeypatch.setenv("UV_EXCLUDE_NEWER", "2022-12-31")
        assert (environment_identity(user_managed), environment_identity({})) == free

    def test_an_unreadable_file_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "absent.txt"))
        with pytest.raises(RunConfigurationException, match=r"absent\.txt"):
            environment_identity(document("pandas"))
