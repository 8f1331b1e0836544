"""What only machines that are reached by SSH have: host keys, interpreters, environments, what a dead worker leaves."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlsteps.client import connections
from mlsteps.compute import ssh_environment
from mlsteps.compute.choose import choose, placement_of
from mlsteps.compute.inside import OLDEST
from mlsteps.compute.ssh import SshTarget
from mlsteps.errors import InvalidInput, RunConfigurationException, UserErrorException
from mlsteps.registry.connections import connection_for
from mlsteps.registry.placements import put_placement
from mlsteps.sdk.compute import ComputeTarget
from mlsteps.sdk.other_computes import RemoteCompute
from mlsteps.sdk.workspace import Workspace
from tests.components.ssh_place import CONNECTION, SshPlace, connected, server
from tests.compute.behaviour import STAY
from tests.compute.place import ENVIRONMENT, Started, Worker
from tests.runner.conftest import steps
from tests.runner.support import reads, writes
from tests.runner.test_oldest_python import oldest

__all__ = ["connected", "server", "steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


@pytest.fixture
def place(connected, steps):
    made = SshPlace(steps)
    yield made
    made.close()


def connect(monkeypatch, text):
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", text)


# -- the way there


def test_a_machine_that_is_not_known_is_refused_and_the_error_says_what_to_do(place, server, monkeypatch):
    connect(monkeypatch, server.connection(host_key=None))
    with pytest.raises(UserErrorException, match=r"not known to this worker.*ssh-keyscan -p \d+ 127.0.0.1.*host_key"):
        place.prepared()


def test_a_machine_with_another_key_is_refused(place, server, monkeypatch):
    connect(monkeypatch, server.connection(host_key=" ".join(server.text("user.pub").split()[:2])))
    with pytest.raises(UserErrorException, match="another host key than it is known by"):
        place.prepared()


def test_a_key_that_the_machine_does_not_know_is_refused(place, server, monkeypatch):
    connect(monkeypatch, server.connection(private_key=server.text("host"), look_for_keys="false"))
    with pytest.raises(UserErrorException, match=f"does not let in the connection '{CONNECTION}'"):
        place.prepared()


def test_a_connection_that_is_not_there_is_named(place, monkeypatch):
    monkeypatch.delenv(f"AIRFLOW_CONN_{CONNECTION.upper()}")
    with pytest.raises(UserErrorException, match=f"The connection '{CONNECTION}'.*cannot be used"):
        place.target()


def test_a_machine_must_be_named(steps):
    put_placement(steps.ws, {"name": "*", "kind": "ssh"})
    with pytest.raises(InvalidInput, match="names no machine"):
        choose(steps.ws, None, {})


def test_an_attached_machine_is_where_its_steps_run(server, steps, monkeypatch):
    """From the SDK's call to a step there; the key goes to Airflow's connection, and into no file of the workspace."""
    said = json.loads(server.connection())
    ws = Workspace("sub", "group", "w")
    configuration = RemoteCompute.attach_configuration(
        username=said["login"],
        address=said["host"],
        ssh_port=said["port"],
        private_key_file=str(server.folder / "user"),
    )
    ComputeTarget.attach(ws, "box", configuration)
    store = ws._store()
    assert placement_of(store, "box")["options"]["address"] == "127.0.0.1"
    sent = {}

    class Api:
        class address:
            url = "http://127.0.0.1:1"

        @staticmethod
        def put_connection(conn_id, connection):
            sent[conn_id] = connection

    assert connections.hand_over(Api, store) == ["mlsteps_w_box"]
    extra = json.loads(sent["mlsteps_w_box"].pop("extra"))
    assert extra["private_key"] == server.text("user")
    for path in Path(store.root).rglob("*"):
        assert not path.is_file() or "OPENSSH PRIVATE" not in path.read_text(errors="replace")

    extra["host_key"] = said["extra"]["host_key"]  # as a person adds it who has compared it
    monkeypatch.setenv("AIRFLOW_CONN_MLSTEPS_W_BOX", json.dumps({**sent["mlsteps_w_box"], "extra": extra}))
    target = choose(store, "box", {})
    assert isinstance(target, SshTarget)
    monkeypatch.setattr(target, "_options", target._options.__class__(
        **{**vars(target._options), "folder": str(server.folder / "there"), "python": sys.executable}
    ))  # fmt: skip
    target._host.python = sys.executable
    lines: list[str] = []
    spec = steps.spec("print('there')", interpreter=target.prepare(ENVIRONMENT, print))
    assert target.run(spec, {}, on_line=lines.append).status == "Completed"
    assert lines == ["there"]


def test_secrets_of_a_machine_become_a_connection_of_ssh():
    document = {"type": "VirtualMachine", "address": "h", "ssh_port": 2222, "username": "u"}
    made = connection_for(document, {"password": "p", "private_key": "k", "private_key_passphrase": "q"})
    extra = {"private_key": "k", "private_key_passphrase": "q"}
    assert made == {
        "conn_type": "ssh", "host": "h", "port": 2222, "login": "u", "password": "p", "extra": extra
    }  # fmt: skip


# -- its Python


def named(path):
    return {"python": {"user_managed_dependencies": True, "interpreter_path": str(path)}}


def test_a_python_that_is_not_there_is_named(place):
    place.environment = named("/nowhere/python")
    with pytest.raises(UserErrorException, match="has no '/nowhere/python'.*Expected Python 3.7 or newer"):
        place.prepared()


def test_a_python_that_is_too_old_is_told_so(place, tmp_path):
    old = tmp_path / "python"
    change = "import sys; sys.version_info = (3, 6, 9); exec(sys.argv[-1])"
    old.write_text(f"#!/bin/sh\nexec {sys.executable} -I -c '{change}' \"$@\"\n")
    old.chmod(0o755)
    place.environment = named(old)
    with pytest.raises(UserErrorException, match="Python 3.6 is too old. Expected Python 3.7 or newer"):
        place.prepared()


def test_a_name_means_nothing_to_the_shell(place, tmp_path):
    folder = tmp_path / "it's $(touch made) `touch made`;touch made"
    folder.mkdir()
    (folder / "python").symlink_to(os.path.realpath(sys.executable))
    place.environment = named(folder / "python")
    assert place.run("import sys; print(sys.executable)").status == "Completed"
    assert place.steps.lines == [str(folder / "python")]
    assert not Path("~/made").expanduser().exists()


def test_the_oldest_python_runs_it_all(place):
    if oldest() is None:
        pytest.skip("no such Python is here")
    place.environment = named(oldest())
    place.steps.put("train/a.csv", "1")
    code = """
        import os, sys
        from azureml.core import Run
        Run.get_context().log('minor', sys.version_info[1])
        open(sys.argv[2] + '/b', 'w').write(str(os.listdir(sys.argv[1])))
    """
    result = place.run(code, {"input": "data"}, {"output": "out"}, inputs=(reads("train"),), outputs=(writes(),))
    assert (result.status, result.error) == ("Completed", {})
    assert place.steps.runs.state(place.steps.last).metrics == {"minor": OLDEST[1]}
    assert (place.steps.data / "results/out/b").read_text() == "['a.csv']"
    assert place.left() == []


def test_more_than_may_be_carried_is_refused(connected, steps):
    place = SshPlace(steps, carry="1k")
    try:
        place.steps.put("train/a.csv", "x" * 5000)
        result = place.run(inputs=(reads("train"),))
        assert (result.status, result.error["category"]) == ("Failed", "input")
        assert "allows 1k" in result.error["message"]
        assert place.left() == []
    finally:
        place.close()


def wheel(folder):
    """A package of one module."""
    files = {
        "mlsteps_tiny.py": "SAYS = 'tiny'\n",
        "mlsteps_tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: mlsteps-tiny\nVersion: 1.0\n",
        "mlsteps_tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "mlsteps_tiny-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(folder / "mlsteps_tiny-1.0-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def test_an_environment_is_made_there_once(place, tmp_path):
    wheel(tmp_path)
    pip = ["--no-index", f"--find-links {tmp_path}", "mlsteps-tiny"]
    place.environment = {"name": "tiny", "python": {"conda": {"dependencies": [{"pip": pip}]}}}
    code = "import mlsteps_tiny, sys; print(mlsteps_tiny.SAYS, sys.prefix)"
    for _ in range(2):
        assert place.run(code).status == "Completed"
    (made,) = place.folder.glob("environments/*/complete")
    assert place.steps.lines == [f"tiny {made.parent}/venv"]
    place.environment = {"name": "none", "python": {"conda": {"dependencies": [{"pip": ["--no-index", "no-such-x"]}]}}}
    with pytest.raises(Exception, match="(?s)could not be made on .*no-such-x"):
        place.prepared()
    assert len(list(place.folder.glob("environments/*/complete"))) == 1


def test_a_machine_without_uv_gets_that_of_the_worker_once(connected, steps, tmp_path):
    wheel(tmp_path)
    bare = tmp_path / "bare-python"  # finds no uv on its PATH, nor in its home
    bare.write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin HOME={tmp_path} exec {sys.executable} "$@"\n')
    bare.chmod(0o700)
    place = SshPlace(steps, python=str(bare))
    try:
        for name, brought in (("first", True), ("second", False)):
            pip = ["--no-index", f"--find-links {tmp_path}", f"mlsteps-tiny{'' if brought else '==1.0'}"]
            place.environment = {"name": name, "python": {"conda": {"dependencies": [{"pip": pip}]}}}
            place.steps.lines = []
            place.prepared()
            assert any("bringing uv to" in line for line in place.steps.lines) is brought
        (uv,) = (place.folder / "bin").iterdir()
        assert os.access(uv, os.X_OK) and len(list(place.folder.glob("environments/*/complete"))) == 2
    finally:
        place.close()


def test_a_machine_of_another_kind_without_uv_says_so():
    said = {"machine": "riscv64", "libc": "glibc"}
    with pytest.raises(RunConfigurationException, match="box has no uv.*Install uv there, or name an interpreter"):
        ssh_environment._delivered(SimpleNamespace(name="box"), None, said, "there", print)


# -- what breaks

NOTES = """
    import sys, time
    from azureml.core import Run
    Run.get_context().log('executed', 1)
    print('up', flush=True)
    time.sleep(%s)
    sys.exit(%d)
"""


def executed(place, *specs):
    return ["executed" in place.steps.runs.state(spec.run_id).metrics for spec in specs]


def after_a_kill(place, code, *, meanwhile=lambda: None, content="c"):
    """Kill the worker of a first try while the script runs; what a second try comes to."""
    specs = [place.steps.spec(code) for _ in range(2)]
    first = Worker(place, specs[0], "task")
    first.said("up")
    first.kill()
    meanwhile()
    spec, result = Worker(place, specs[1], "task", content).ended()
    return specs, spec, result


def test_a_step_that_has_ended_meanwhile_is_collected(place):
    specs, spec, result = after_a_kill(place, NOTES % (0.1, 0), meanwhile=lambda: time.sleep(2.0))
    assert (spec.run_id, result.status) == (specs[0].run_id, "Completed")
    assert executed(place, *specs) == [True, False]
    assert place.left() == []


def test_a_step_that_has_failed_meanwhile_is_tried_again(place):
    specs, spec, result = after_a_kill(place, NOTES % (0.1, 3), meanwhile=lambda: time.sleep(2.0))
    assert (spec.run_id, result.status, result.exit_code) == (specs[1].run_id, "Failed", 3)
    assert place.left() == []


def test_what_would_run_something_else_is_ended(place):
    specs, spec, result = after_a_kill(place, NOTES % (3, 0), content="other")
    assert (spec.run_id, result.status) == (specs[1].run_id, "Completed")
    assert place.left() == []


def test_a_script_that_has_lost_its_keeper_is_ended_before_another_runs(place):
    """Whatever process has the keeper's number by then: its lock says that it is gone."""

    def kill_keeper():
        (state,) = place.folder.glob("runs/*/state.json")
        os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
        assert place.processes("MLSTEPS_RUN=", str(place.folder))  # the script goes on

    specs, spec, result = after_a_kill(place, NOTES % (3, 0), meanwhile=kill_keeper)
    assert (spec.run_id, result.status) == (specs[1].run_id, "Completed")
    assert executed(place, specs[1]) == [True]
    assert place.left() == []


def test_connections_that_break_are_made_again_and_no_line_comes_twice(place, server):
    code = "import time\nfor number in range(40): print(number, flush=True); time.sleep(0.1)"
    target, python = place.prepared()
    lines: list[str] = []
    thread = threading.Thread(target=lambda: cut())

    def said(line):
        lines.append(line)
        if line == "0":
            thread.start()

    def cut():
        for _ in range(2):
            time.sleep(1.2)
            for process in server.sessions():
                os.kill(process, signal.SIGKILL)

    spec = place.steps.spec(code, {"output": "out"}, interpreter=python, outputs=(writes(),))
    result = target.run(spec, {}, on_line=said)
    thread.join()
    assert (result.status, result.error) == ("Completed", {})
    assert lines == [str(number) for number in range(40)]
    assert place.left() == []


def test_a_step_that_is_collected_can_still_be_stopped(place):
    spec = place.steps.spec(STAY)
    first = Worker(place, spec, "task")
    first.said("up")
    first.kill()
    target = place.target()
    found = target.left_behind("task", "c")
    assert found is not None and found.run_id == spec.run_id
    started = Started(target, found)
    target.stop()
    assert started.ended().status == "Canceled"
    assert started.lines[0] == "up"
    assert place.left() == []


def test_steps_that_nobody_came_for_are_swept(place):
    left = place.folder / "runs" / "old"
    left.mkdir(parents=True)
    os.utime(left, (1, 1))
    assert place.run().status == "Completed"
    assert place.left() == []
