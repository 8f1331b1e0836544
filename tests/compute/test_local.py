"""The local target: how the runner is started, what it leaves behind. See tests/runner for what a step does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import mlsteps
from mlsteps.compute import local
from mlsteps.compute.local import LocalTarget
from mlsteps.environments.python_versions import _installed, best, running
from tests.runner.support import reads, writes


def test_credentials_leave_no_trace(steps):
    """While the script runs: not in a file of the work directory, an argument or a variable of any process below."""
    seen = []

    def look(line):
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                for kind in ("cmdline", "environ"):
                    try:
                        seen.append((process / kind).read_bytes())
                    except OSError:
                        continue
        work = Path(os.environ["MLSTEPS_HOME"]) / "work"
        seen.extend(path.read_bytes() for path in work.rglob("*") if path.is_file())
        seen.append(line.encode())

    code = "import time; print('up', flush=True); time.sleep(0.3)"
    secret = {"datastores": {"x": {"account_key": "t0psecret-" + "k3y"}}}
    result = LocalTarget().run(steps.spec(code), secret, on_line=look)
    assert result.status == "Completed"
    assert any(b"pipeline-run" in text for text in seen)  # spec.json was among what was looked at
    assert not any(b"t0psecret-" + b"k3y" in text for text in seen)


def test_the_runner_is_isolated_from_the_workers_python_variables(steps, monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemError('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert steps.run("pass", interpreter=sys._base_executable).status == "Completed"


def test_a_runner_that_cannot_read_its_spec_is_an_answer_with_its_last_words(steps):
    spec = steps.spec("pass", workspace={"name": "w"})  # no root
    lines = []
    result = LocalTarget().run(spec, {}, on_line=lines.append)
    assert (result.status, result.error["category"]) == ("Failed", "infrastructure")
    assert "KeyError: 'root'" in result.error["tail"]
    assert lines[-1] == "KeyError: 'root'"


def test_steps_run_side_by_side(steps, tmp_path):
    code = """
        import os, sys, time
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
        until = time.monotonic() + 120
        while len(os.listdir(sys.argv[1])) < 3:  # none ends before all have begun
            assert time.monotonic() < until
            time.sleep(0.01)
    """
    (tmp_path / "begun").mkdir()
    specs = [steps.spec(code, str(tmp_path / "begun")) for _ in range(3)]
    results = []
    threads = [
        threading.Thread(target=lambda spec=spec: results.append(LocalTarget().run(spec, {}, on_line=print)))
        for spec in specs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status for result in results] == ["Completed"] * 3


def test_stop_can_be_called_again_and_afterwards(steps):
    target = LocalTarget()
    assert target.run(steps.spec("pass"), {}, on_line=print).status == "Completed"
    target.stop()
    target.stop()


def test_a_runner_that_does_not_stop_is_killed(steps, monkeypatch):
    """SIGSTOP makes the runner deaf to everything."""
    import signal

    monkeypatch.setattr(local, "_PATIENCE", 0.5)
    target = LocalTarget()
    up = threading.Event()
    results = []
    spec = steps.spec("import time; print('up', flush=True); time.sleep(100)")
    thread = threading.Thread(target=lambda: results.append(target.run(spec, {}, on_line=lambda line: up.set())))
    thread.start()
    assert up.wait(120)
    os.kill(target._process.pid, signal.SIGSTOP)
    target.stop()
    thread.join(120)
    assert results[0].status == "Failed"


def test_no_descriptor_and_no_thread_is_left(steps):
    def state():
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    steps.run("pass")
    before = state()
    for _ in range(3):
        steps.run("print('x')")
    assert state() == before


@pytest.mark.parametrize("asked", ["==3.8.*", ""])
def test_the_runner_needs_the_standard_library_only(asked, steps, tmp_path):
    """With no site packages at all; by the oldest Python it supports, where there is one."""
    python = best(asked, _installed()) if asked else running()
    if python is None:
        pytest.skip("no such Python here")
    spec, result = tmp_path / "spec.json", tmp_path / "result.json"
    steps.put("train/a.csv", "1")
    made = steps.spec(
        "import sys; open(sys.argv[2] + '/b', 'w').write(open(sys.argv[1]).read())",
        {"input": "data"},
        {"output": "out"},
        interpreter=python.path,
        snapshot=steps.snapshot(a_py="pass"),
        inputs=(reads("train/a.csv"),),
        outputs=(writes(),),
    )
    spec.write_text(json.dumps(made.to_json()))
    root = os.path.dirname(os.path.dirname(mlsteps.__file__))
    process = subprocess.Popen(
        [python.path, "-I", "-S", "-c", local._BOOT, root, str(spec), str(result)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.stdin.write("{}\n")
    process.stdin.flush()
    said = process.stdout.read()
    process.stdin.close()
    process.stdout.close()
    assert (process.wait(), said) == (0, "")
    assert list(json.loads(result.read_text())["outputs"]) == ["out"]
    assert (steps.data / "results" / "out" / "b").read_text() == "1"
