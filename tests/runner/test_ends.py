"""Whatever is killed, nothing of a step goes on running, and nothing half done counts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.runner import result as result_file
from tests.runner.support import writes

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at processes through /proc")

#: A script with a child in its group, one in a session of its own, and a daemon that has no parent any more.
FAMILY = """
    import os, subprocess, sys, time
    sleeper = [sys.executable, "-c", "import time; time.sleep(300)"]
    pids = [os.getpid(), subprocess.Popen(sleeper).pid, subprocess.Popen(sleeper, start_new_session=True).pid]
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid == 0:
            os.execv(sys.executable, sleeper)
        os.write(writer, str(pid).encode())
        os._exit(0)
    pids.append(int(os.read(reader, 20)))
    print(*pids, flush=True)
    time.sleep(300)
"""
#: The same, deaf to SIGTERM.
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + __import__("textwrap").dedent(FAMILY)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_gone(pids, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(map(is_alive, pids)):
            return True
        time.sleep(0.02)
    return False


class Started:
    """A step in a thread: its target, its pids once they are printed, its result."""

    def __init__(self, spec):
        self.target = LocalTarget()
        self.pids: list[int] = []
        self._printed = threading.Event()
        self.result = None
        self.thread = threading.Thread(target=self._run, args=(spec,))
        self.thread.start()
        assert self._printed.wait(120)

    def _run(self, spec):
        self.result = self.target.run(spec, {}, on_line=self._line)
        self._printed.set()

    def _line(self, line):
        self.pids = [int(word) for word in line.split() if word.isdigit()]
        self._printed.set()

    @property
    def runner(self):
        return self.target._process.pid

    def kill_runner(self):
        """Unless it has ended."""
        try:
            os.kill(self.runner, signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_stop_ends_the_whole_family(steps):
    started = Started(steps.spec(FAMILY))
    assert len(started.pids) == 4
    assert all(map(is_alive, started.pids))
    started.target.stop()
    started.thread.join(120)
    assert started.result.status == "Canceled"
    assert not any(map(is_alive, started.pids))
    assert os.listdir(os.path.join(os.environ["MLSTEPS_HOME"], "work")) == []


def test_stop_kills_who_does_not_listen(steps):
    started = Started(steps.spec(STUBBORN))
    began = time.monotonic()
    started.target.stop()
    started.thread.join(120)
    assert time.monotonic() - began > 0.9  # it had its moment
    assert started.result.status == "Canceled"
    assert not any(map(is_alive, started.pids))


def test_a_script_may_say_much_in_its_last_moments(steps, monkeypatch):
    monkeypatch.setenv("MLSTEPS_KILL_GRACE", "120")  # a moment is long on a busy machine
    code = """
        import os, signal, sys, time
        def last_words(*_):
            print("x" * 1_000_000, flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, last_words)
        print(os.getpid(), flush=True)
        time.sleep(300)
    """
    started = Started(steps.spec(code))
    started.target.stop()
    started.thread.join(120)
    assert started.result.status == "Canceled"
    assert started.result.exit_code == 0  # not killed


def test_sigterm_to_the_runner_is_a_cancel(steps):
    started = Started(steps.spec(FAMILY))
    os.kill(started.runner, signal.SIGTERM)
    started.thread.join(120)
    assert started.result.status == "Canceled"
    assert steps.runs.state(steps.runs.list("e")[0]).status == "Canceled"
    assert not any(map(is_alive, started.pids))


def test_kill_9_of_the_runner_ends_the_family_and_is_an_answer(steps):
    started = Started(steps.spec(FAMILY))
    os.kill(started.runner, signal.SIGKILL)
    started.thread.join(120)
    assert (started.result.status, started.result.error["category"]) == ("Failed", "infrastructure")
    assert "signal 9" in started.result.error["message"]
    assert all_gone(started.pids)
    assert os.listdir(os.path.join(os.environ["MLSTEPS_HOME"], "work")) == []


def test_kill_9_of_the_process_that_waits_ends_the_family(steps, tmp_path):
    spec_path = tmp_path / "spec.json"
    spec_path.write_text(json.dumps(steps.spec(FAMILY).to_json()))
    code = """if True:
        import json, sys
        from mlsteps.compute.local import LocalTarget
        from mlsteps.contracts.spec import StepSpec
        spec = StepSpec.from_json(json.load(open(sys.argv[1])))
        LocalTarget().run(spec, {}, on_line=lambda line: print(line, flush=True))
    """
    waiting = subprocess.Popen([sys.executable, "-c", code, str(spec_path)], stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in waiting.stdout.readline().split()]
    waiting.kill()
    waiting.wait()
    waiting.stdout.close()
    assert len(pids) == 4
    assert all_gone(pids)


def test_a_stop_from_a_signal_handler_that_interrupts_run(steps):
    target = LocalTarget()
    pids = []

    def on_line(line):
        pids.extend(map(int, line.split()))
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()

    before = signal.signal(signal.SIGUSR1, lambda *_: target.stop())
    try:
        result = target.run(steps.spec(FAMILY), {}, on_line=on_line)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert result.status == "Canceled"
    assert not any(map(is_alive, pids))


def test_a_stop_before_the_start(steps):
    target = LocalTarget()
    target.stop()
    assert target.run(steps.spec("print('ran')"), {}, on_line=steps.lines.append).status == "Canceled"
    assert steps.lines == []


def test_an_error_of_the_listener_ends_the_step(steps):
    pids = []

    def on_line(line):
        pids.extend(map(int, line.split()))
        raise RuntimeError("the log is full")

    with pytest.raises(RuntimeError, match="the log is full"):
        LocalTarget().run(steps.spec(FAMILY), {}, on_line=on_line)
    assert all_gone(pids)


def test_what_a_good_script_leaves_behind_ends_before_its_outputs_are_taken(steps, tmp_path):
    result = steps.run(
        """
        import os, subprocess, sys
        sleeper = [sys.executable, "-c", "import time; time.sleep(300); open(__import__('sys').argv[1], 'w')"]
        print(subprocess.Popen([*sleeper, sys.argv[1]], start_new_session=True).pid)
        """,
        str(tmp_path / "ended by itself"),
    )
    assert result.status == "Completed"
    assert not is_alive(int(steps.lines[0])) and not (tmp_path / "ended by itself").exists()


def test_kill_9_in_the_middle_of_a_commit_leaves_nothing_that_counts(steps):
    """The runner is killed when the first files have arrived: whole ones only, and no manifest."""
    code = """
        import os, sys
        for i in range(3000):
            with open(os.path.join(sys.argv[1], f"{i:05d}.bin"), "wb") as file:
                file.write(bytes(20_000))
        print("written", flush=True)
    """
    for number in range(10):  # on a busy machine it may be through before we are at it: once more
        final = steps.data / "results" / f"out{number}"
        output = writes(path=f"results/out{number}")
        started = Started(steps.spec(code, {"output": "out"}, outputs=(output,)))
        while started.thread.is_alive() and not (final.exists() and any(final.glob("*.bin"))):
            time.sleep(0.0005)
        started.kill_runner()
        started.thread.join(120)
        if started.result.status == "Failed":
            break
        shutil.rmtree(Path(steps.ws.root) / "manifests")
    assert started.result.status == "Failed"
    arrived = list(final.glob("*.bin"))
    assert arrived
    assert {path.stat().st_size for path in arrived} == {20_000}
    assert not (Path(steps.ws.root) / "manifests").exists()
    again = steps.run(code, {"output": "out"}, outputs=(output,))
    assert again.status == "Completed"
    assert len(again.outputs["out"].files) == 3000


def test_standard_input_that_closes_at_once_is_a_cancel(steps, tmp_path):
    spec = steps.spec("print('ran')")
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec.to_json()))
    done = subprocess.run(
        [sys.executable, "-m", "mlsteps.runner", str(path), str(tmp_path / "result.json")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert result_file.read(str(tmp_path / "result.json")).status == "Canceled"


def test_abandoned_work_directories_are_swept(steps):
    work = Path(os.environ["MLSTEPS_HOME"]) / "work"
    for name, age in (("old", 3600), ("young", 0)):
        (work / name / "code").mkdir(parents=True)
        (work / name / ".lock").touch()
        os.utime(work / name / ".lock", (time.time() - age,) * 2)
    (work / "no-lock").mkdir()
    steps.run("pass")
    assert sorted(os.listdir(work)) == ["no-lock", "young"]
