"""The parts of the client that need no Airflow: names, output, configuration, logins, forks."""

from __future__ import annotations

import configparser
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.client import configuration
from mlsteps.client.home import Home
from mlsteps.client.step_output import SCRIPT_LOG, StepOutput
from mlsteps.client.target import _address
from mlsteps.errors import UserErrorException
from mlsteps.registry.dags import slug
from mlsteps.storage.open import open_store


@given(st.text(min_size=1))
def test_any_name_gives_a_dag_id_that_airflow_takes(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", slug(name))


@given(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5))
def test_different_experiments_have_different_dag_ids(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


def test_a_plain_name_is_its_own_dag_id() -> None:
    assert slug("compare_models-2.1") == "compare_models-2.1"


def test_output_is_read_on_while_it_is_written(tmp_path) -> None:
    output = StepOutput(open_store(str(tmp_path)))
    assert output.new_lines(is_over=False) == []
    log = tmp_path / SCRIPT_LOG
    log.parent.mkdir()
    log.write_bytes(b"one\ntw")
    assert output.new_lines(is_over=False) == ["one"]
    with log.open("ab") as file:
        file.write("o\r\ndr\xe4i".encode())
    assert output.new_lines(is_over=False) == ["two"]
    assert output.new_lines(is_over=True) == ["dr\xe4i"]
    assert output.new_lines(is_over=True) == []


def test_output_of_a_worker_elsewhere_is_read_on(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("mlsteps.storage.remote.WHOLE", 8)
    store = open_store(f"memory://{tmp_path.name}")
    output = StepOutput(store)
    assert output.new_lines(is_over=False) == []
    asked: list[tuple[int, int]] = []
    read = type(store)._range
    monkeypatch.setattr(type(store), "_range", lambda *a: asked.append(a[2:4]) or read(*a))
    text = b""
    for line in (b"one\n", b"two and more\n", b"three, and so on\n"):
        text += line
        store.write(SCRIPT_LOG, text)
        assert output.new_lines(is_over=False) == [line.decode().strip()]
        assert output.new_lines(is_over=False) == []
    assert [start for start, _ in asked] == [4, 17], "what has been read is not fetched again"


def test_the_configuration_keeps_the_key_and_renews_the_rest(tmp_path) -> None:
    home = Home(tmp_path / "100%" / "airflow")
    configuration.prepare(home, 1234, 1235)
    first = home.configuration.read_text()
    configuration.prepare(home, 2234, 2235)
    before, after = configparser.ConfigParser(), configparser.ConfigParser()
    before.read_string(first)
    after.read(home.configuration)
    assert after["core"]["fernet_key"] == before["core"]["fernet_key"]
    assert after["api_auth"]["jwt_secret"] != before["api_auth"]["jwt_secret"]
    assert after["api"]["base_url"] == "http://127.0.0.1:2234"
    assert after["core"]["execution_api_server_url"] == "http://127.0.0.1:2235/execution/"
    assert after["database"]["sql_alchemy_conn"] == f"sqlite:///{home.database}"
    assert stat.S_IMODE(home.configuration.stat().st_mode) == 0o600


def test_settings_of_another_airflow_do_not_reach_ours(tmp_path) -> None:
    given = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://production",
        "AIRFLOW__SECRETS__BACKEND": "vault",
        "AIRFLOW_CONN_MLSTEPS_DEFAULT": "mlsteps://",
        "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW_CONFIG": "/elsewhere/airflow.cfg",
        "NO_PROXY": "intern",
        "PATH": "/bin",
    }
    home = Home(tmp_path)
    found = configuration.environment(home, given)
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in found
    assert "AIRFLOW_CONFIG" not in found
    assert found["AIRFLOW_HOME"] == str(tmp_path)
    assert found["AIRFLOW__SECRETS__BACKEND"] == "vault"
    assert found["AIRFLOW_CONN_MLSTEPS_DEFAULT"] == "mlsteps://"
    assert found["NO_PROXY"] == "intern,127.0.0.1,localhost"


def test_a_long_home_has_a_socket_elsewhere(tmp_path) -> None:
    assert Home(Path("/short")).socket_path() == Path("/short/control.sock")
    path = Home(tmp_path / ("x" * 120)).socket_path()
    assert len(os.fsencode(path)) <= 100
    path.parent.rmdir()


@pytest.mark.parametrize(
    ("variables", "login"),
    [
        ({"AIRFLOW_CONN_MLSTEPS_TEAM": "mlsteps://ann:s%40crt@team"}, ("ann", "s@crt", None)),
        (
            {"AIRFLOW_CONN_MLSTEPS_TEAM": '{"conn_type": "mlsteps", "login": "ann", "password": "p"}'},
            ("ann", "p", None),
        ),
        ({"AIRFLOW_CONN_MLSTEPS_TEAM": '{"conn_type": "mlsteps", "password": "t"}'}, (None, None, "t")),
        ({"MLSTEPS_AIRFLOW_TOKEN": "t"}, (None, None, "t")),
        ({"MLSTEPS_AIRFLOW_USER": "ben", "MLSTEPS_AIRFLOW_PASSWORD": "q"}, ("ben", "q", None)),
    ],
)
def test_where_the_login_for_an_airflow_comes_from(monkeypatch, variables, login) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _address("http://airflow:8080", "mlsteps_team")[1:] == login


def test_a_missing_login_says_where_to_put_it() -> None:
    with pytest.raises(UserErrorException, match=r"no login.*'mlsteps_team'.*MLSTEPS_AIRFLOW_TOKEN"):
        _address("http://airflow:8080", "mlsteps_team")


FAMILY = """
import os, sys, time
from pathlib import Path
from mlsteps.client import processes

def child():
    Path(sys.argv[1], "child").write_text(str(os.getpid()))
    processes.Part("grandchild", grandchild, Path(sys.argv[1], "log"))
    time.sleep(100)

def grandchild():
    Path(sys.argv[1], "grandchild").write_text(str(os.getpid()))
    time.sleep(100)

processes.tie_descendants_to_parents()
processes.Part("child", child, Path(sys.argv[1], "log"))
if sys.argv[2] == "end":
    while not Path(sys.argv[1], "grandchild").exists():
        time.sleep(0.01)
    processes.end_all_children(5.0)
    print("ended")
else:
    time.sleep(100)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ties processes together")
@pytest.mark.parametrize("how", ["kill", "end"])
def test_no_process_outlives_its_parent(tmp_path, how: str) -> None:
    command = [sys.executable, "-c", FAMILY, str(tmp_path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pids = [_pid(tmp_path / name) for name in ("child", "grandchild")]
        if how == "kill":
            parent.kill()
        else:
            assert parent.stdout.readline() == "ended\n"
    deadline = time.monotonic() + 60
    while any(_is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _pid(path: Path) -> int:
    deadline = time.monotonic() + 120
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.02)
    return int(path.read_text())


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
