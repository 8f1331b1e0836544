"""Virtual environments are really made here, from wheels made in the test: no index is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import pytest

from mlsteps.environments import virtual
from mlsteps.errors import RunConfigurationException
from tests.environments.private_index import index

__all__ = ["index"]

MAKE = """
import json, sys
from mlsteps.environments.virtual import prepare
print(prepare(json.loads(sys.argv[1]), lambda line: print("note", line)).path)
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "tinything-1.5.dist-info"
    with zipfile.ZipFile(folder / "tinything-1.5-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinything.py", "VALUE = 15\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinything\nVersion: 1.5\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", f"tinything.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return folder


def document(wheels=None, *pip, python=None):
    options = ["--no-index", f"--find-links {wheels}"] if wheels else []
    packages = [f"python={python}"] if python else []
    return {"name": "e", "python": {"conda": {"dependencies": [*packages, {"pip": [*options, *pip]}]}}}


def environments(home):
    return [path for path in (home / "environments").iterdir() if path.is_dir()]


def test_packages_are_installed_and_locked(wheels, home):
    notes = []
    made = virtual.prepare(document(wheels, "tinything", "azureml-core"), notes.append)
    value = subprocess.check_output([made.path, "-c", "import tinything; print(tinything.VALUE)"], text=True)
    assert value == "15\n"
    assert made.lock.splitlines()[-1].startswith("tinything")
    assert "azureml-core: provided by mlsteps" in notes
    (folder,) = environments(home)
    assert json.loads((folder / "preimage.json").read_text())["requirements"] == ["tinything"]


@pytest.mark.parametrize("told_not_to", ["", "1"])
def test_modules_are_compiled_by_the_first_that_imports_them(wheels, home, monkeypatch, told_not_to):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", told_not_to)
    made = virtual.prepare(document(wheels, "tinything"), lambda line: None)
    compiled = [bool(list(home.rglob("__pycache__/tinything.*.pyc")))]
    subprocess.run([made.path, "-c", "import tinything"], check=True)
    compiled.append(bool(list(home.rglob("__pycache__/tinything.*.pyc"))))
    assert compiled == ([True, True] if told_not_to else [False, True])


def test_the_second_time_it_is_found_without_solving_anything(wheels, home):
    """``benchmarks/environments.py`` says how fast; here nothing is started for it and nothing is said."""
    made, notes = [], []
    for seen in (1, 0):
        commands = _while_commands_are_watched(
            lambda: made.append(virtual.prepare(document(wheels, "tinything"), notes.append))
        )
        assert bool(commands) == bool(seen)
        if seen:
            notes.clear()
    assert made[0] == made[1] and notes == []


def test_without_packages_it_is_bare(home):
    made = virtual.prepare(None, lambda line: None)
    assert made.lock == ""
    assert subprocess.run([made.path, "-c", "import pip"], capture_output=True).returncode != 0


def test_an_unfinished_environment_is_made_again(wheels, home):
    made = virtual.prepare(document(wheels, "tinything"), lambda line: None)
    (folder,) = environments(home)
    (folder / "complete").unlink()
    (folder / "litter").write_text("of a killed process")
    again = virtual.prepare(document(wheels, "tinything"), lambda line: None)
    assert again.path == made.path
    assert not (folder / "litter").exists()


def test_an_environment_whose_python_is_gone_is_made_again(home):
    made = virtual.prepare({}, lambda line: None)
    os.unlink(made.path)
    assert os.path.exists(virtual.prepare({}, lambda line: None).path)


def test_a_failure_shows_the_installers_last_words_and_leaves_nothing(wheels, home):
    with pytest.raises(RunConfigurationException, match="tinything==2") as caught:
        virtual.prepare(document(wheels, "tinything==2"), lambda line: None)
    assert "uv pip said" in caught.value.message
    assert environments(home) == []


def test_credentials_reach_no_file_and_no_note(wheels, home):
    notes = []
    made = virtual.prepare(
        document(wheels, "--extra-index-url https://u:topsecret@example.org/s", "tinything"), notes.append
    )
    (folder,) = environments(home)
    kept = [path.read_text() for path in folder.iterdir() if path.is_file()]
    assert not [text for text in [*kept, *notes, made.lock] if "topsecret" in text]


def test_processes_that_want_the_same_environment_make_it_once(wheels, home):
    argument = json.dumps(document(wheels, "tinything"))
    command = [sys.executable, "-c", MAKE, argument]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len({text.splitlines()[-1] for text in outputs}) == 1
    assert sum("environment ready" in text for text in outputs) == 1


def test_a_killed_process_leaves_no_environment_that_counts(home):
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE, "{}"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    process.stdout.readline()  # "making environment": the marker is not written yet
    process.kill()
    process.communicate()
    made = virtual.prepare({}, lambda line: None)
    assert subprocess.run([made.path, "-c", "pass"]).returncode == 0


def test_an_old_python_is_replaced_by_the_nearest_and_said_each_time(home, monkeypatch):
    notes = []
    made = virtual.prepare(document(python="3.6"), notes.append)
    assert any("Python ==3.6.* is not available here" in note for note in notes)
    again = []
    assert virtual.prepare(document(python="3.6"), again.append) == made
    assert again == [note for note in notes if "not available" in note]
    monkeypatch.setenv("MLSTEPS_STRICT_PYTHON", "1")
    with pytest.raises(RunConfigurationException, match="MLSTEPS_STRICT_PYTHON"):
        virtual.prepare(document(python="3.6"), lambda line: None)


def test_the_running_python_asked_for_by_version(home):
    version = "{}.{}".format(*sys.version_info)
    made = virtual.prepare(document(python=version), lambda line: None)
    text = subprocess.check_output([made.path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
    assert text.strip() == version


def test_user_managed_interpreters():
    def path(given):
        section = {"user_managed_dependencies": True, "interpreter_path": given}
        return virtual.prepare({"python": section}, lambda line: None).path

    assert path("python") == path(None) == sys.executable
    assert path(sys.executable) == sys.executable
    assert os.path.isabs(path("python3"))
    with pytest.raises(RunConfigurationException, match="/nowhere/python"):
        path("/nowhere/python")


def test_constraints_of_the_machine_hold(wheels, home, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path} {wheels}")  # a list as pip writes it
    free = virtual.prepare(document(None, "tinything"), print)
    (tmp_path / "constraints.txt").write_text("tinything==1.5\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "constraints.txt"))
    held = virtual.prepare(document(None, "tinything"), print)
    assert held.lock == free.lock == "tinything==1.5\n" and held.digest != free.digest
    (tmp_path / "constraints.txt").write_text("tinything==1.4\n")
    with pytest.raises(RunConfigurationException, match="tinything"):
        virtual.prepare(document(None, "tinything"), print)


@pytest.mark.parametrize("said_by", ["address", "connection"])
def test_a_login_of_an_index_that_asks_for_it_lies_nowhere(index, home, monkeypatch, said_by):
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(home / "uv"))
    address = index.address()
    if said_by == "connection":
        connection = f"http://user:{index.token}@127.0.0.1:{index.server.server_port}"
        monkeypatch.setenv(f"AIRFLOW_CONN_MLSTEPS_INDEX_127_0_0_1_{index.server.server_port}", connection)
        address = f"http://{index.bare()}"
    notes = []
    wanted = document(None, f"--index-url {address}", index.package)
    by_address = document(None, f"{index.package} @ {address}{index.wheel}")
    seen = _while_commands_are_watched(lambda: [virtual.prepare(item, notes.append) for item in (wanted, by_address)])
    made = [virtual.prepare(item, notes.append) for item in (wanted, by_address)]
    for item in made:
        assert subprocess.run([item.path, "-c", f"import {index.package}"]).returncode == 0
        assert index.token not in item.lock
    assert index.token not in "".join(notes) and seen and index.token not in "".join(seen)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in files if index.token.encode() in path.read_bytes()] == []


def _while_commands_are_watched(work):
    """What processes that ``work`` starts show to whoever looks: command lines and variables, Airflow's own apart."""
    seen, real = [], subprocess.Popen

    class Watched(real):
        def __init__(self, command, *arguments, env=None, **more):
            given = {name: value for name, value in (env or {}).items() if not name.startswith("AIRFLOW_CONN_")}
            seen.append(f"{command} {given}")
            super().__init__(command, *arguments, env=env, **more)

    subprocess.Popen = Watched
    try:
        work()
    finally:
        subprocess.Popen = real
    return seen


def test_an_index_that_refuses_says_which_connection_would_help(index, home, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(home / "uv"))
    with pytest.raises(RunConfigurationException, match=f"mlsteps_index_127_0_0_1_{index.server.server_port}"):
        virtual.prepare(document(None, f"--index-url http://{index.bare()}", index.package), print)
    assert index.refused and environments(home) == []
