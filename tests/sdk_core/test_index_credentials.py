"""Logins in the addresses of package indexes: out of documents, into connections, back for an installer."""

from __future__ import annotations

import json

import pytest

from mlsteps.registry import credentials
from mlsteps.registry.index_credentials import bare, connection_id, given, missing, signed, taken
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.environment import Environment


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch):
    monkeypatch.setattr(credentials, "_given", {})
    monkeypatch.setattr("mlsteps.registry.index_credentials._given", {})


@pytest.mark.parametrize(
    ("text", "clean", "conn_id", "login"),
    [
        (
            "--extra-index-url https://me:s%40crt@packages.example.com/simple",
            "--extra-index-url https://packages.example.com/simple",
            "mlsteps_index_packages_example_com",
            ("me", "s@crt"),
        ),
        (
            "own @ http://t0ken@127.0.0.1:8080/own.whl",
            "own @ http://127.0.0.1:8080/own.whl",
            "mlsteps_index_127_0_0_1_8080",
            ("t0ken", ""),
        ),
        (
            "x @ git+https://me:pw@git.example.com/x.git@main",
            "x @ git+https://git.example.com/x.git@main",
            "mlsteps_index_git_example_com",
            ("me", "pw"),
        ),
    ],
)
def test_a_login_leaves_the_document_and_comes_back_for_the_installer(text, clean, conn_id, login):
    assert taken({"dependencies": [{"pip": [text]}]}) == {"dependencies": [{"pip": [clean]}]} and bare(text) == clean
    assert (given()[conn_id]["login"], given()[conn_id]["password"]) == login
    assert signed(clean) == text and signed(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "numpy==1.23.5",
        "--index-url https://pypi.org/simple",
        "x @ git+ssh://git@github.com/x.git",
        "--extra-index-url https://me:${TOKEN}@packages.example.com/simple",
        "conda-forge",
        "mail@example.com",
    ],
)
def test_what_is_no_secret_stays(text):
    assert taken([text]) == [text] and signed(text) == text and given() == {}


def test_a_connection_of_the_host_is_used(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_INDEX_PACKAGES_EXAMPLE_COM", "http://me:a%2Fb@packages.example.com")
    assert signed("https://packages.example.com/simple") == "https://me:a%2Fb@packages.example.com/simple"
    assert signed("https://other.example.com/simple") == "https://other.example.com/simple"


def test_where_an_installer_fails_it_is_said_which_connection_would_help():
    lines = ["--index-url https://packages.example.com/simple", "x @ https://me:pw@other.example.com/x.whl", "numpy"]
    assert connection_id("packages.example.com") in missing(lines) and "other" not in missing(lines)
    assert missing(["numpy", "x @ file:///x.whl"]) == ""


def test_no_document_of_an_environment_has_them(ws):
    conda = CondaDependencies.create(pip_packages=["own"], pip_indexurl="https://me:first@packages.example.com/simple")
    conda.set_pip_option("--extra-index-url https://me:second@more.example.com/simple")
    conda.add_channel("https://me:third@conda.example.com/own")
    made = Environment("private")
    made.python.conda_dependencies = conda
    made.register(ws)
    text = json.dumps(ws._store().read_json("environments/private/1.json"))
    assert not [word for word in ("first", "second", "third", "me:") if word in text]
    assert "https://packages.example.com/simple" in text and "https://conda.example.com/own" in text
    assert {item["password"] for item in given().values()} == {"first", "second", "third"}
