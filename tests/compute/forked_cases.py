"""The runner as a fork of the task's process: only where that is safe, and with nothing of the task's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlsteps.compute.forked import ForkedRunner, fork_runner, is_safe
from mlsteps.compute.local import LocalTarget

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks on Linux only")


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def held_by(pid):
    """What the descriptors of a process lead to, less its standard ones."""
    folder = Path(f"/proc/{pid}/fd")
    return [os.readlink(item) for item in folder.iterdir() if int(item.name) > 2]


class Holder:
    """Closes a descriptor when it is dropped, as files and sockets do."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        if self.number is not None:
            os.close(self.number)


def test_an_object_of_the_task_that_is_dropped_closes_nothing_of_the_runners(steps, monkeypatch):
    """The runner's files would get numbers that objects of the task still hold, if those were closed."""
    from mlsteps.runner import process

    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(60)]
    held = [Holder(number) for number in range(3, 60)]
    start = process.Script._start

    def dropping(self):  # in the runner
        held.clear()
        return start(self)

    monkeypatch.setattr(process.Script, "_start", dropping)
    target = LocalTarget()
    result = target.run(steps.spec("print('ran')"), {}, on_line=steps.lines.append)
    for item in held:  # here, they are somebody else's
        item.number = None
    for number in opened:
        os.close(number)
    assert isinstance(target._process, ForkedRunner)
    assert (result.status, steps.lines) == ("Completed", ["ran"])


def test_a_runner_removes_its_work_directory_after_the_result_was_taken(steps):
    target = LocalTarget()
    assert target.run(steps.spec("print('ran')"), {}, on_line=steps.lines.append).status == "Completed"
    pid, work = target._process.pid, os.path.join(os.environ["MLSTEPS_HOME"], "work")
    end = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert os.listdir(work) == []
    assert LocalTarget().run(steps.spec("pass"), {}, on_line=print).status == "Completed"
    assert not Path(f"/proc/{pid}").exists()  # its exit code was collected when the next one was made


@pytest.fixture
def setpriv(monkeypatch):
    """What Airflow's scheduler looks for before it forks tasks."""
    from mlsteps.runner import bound

    monkeypatch.setattr(bound, "_setpriv", None)
    bound.look_for_setpriv()
    if bound._setpriv is None:
        pytest.skip("no setpriv of util-linux 2.33 or later here")


def test_a_script_that_setpriv_started_dies_with_its_runner(steps, setpriv, monkeypatch):
    monkeypatch.setattr("mlsteps.compute.scratch.end_processes_of", lambda folder: None)  # the kernel alone does it
    monkeypatch.setattr("mlsteps.runner.tree.dying_with_parent", lambda: None)
    target, pids = LocalTarget(), []

    def kill(line):
        pids.append(int(line))
        os.kill(target._process.pid, signal.SIGKILL)

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    assert target.run(steps.spec(code), {}, on_line=kill).error["category"] == "infrastructure"
    end = time.monotonic() + 60
    while is_alive(pids[0]):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("content", [None, "echo no interpreter is named", "#!/nowhere/python"])
def test_what_setpriv_could_not_start_is_an_error_of_the_environment(steps, setpriv, tmp_path, content):
    program = tmp_path / "program"
    if content is not None:
        program.write_text(content)
        program.chmod(0o755)
    result = LocalTarget().run(steps.spec(argv=(str(program),)), {}, on_line=steps.lines.append)
    assert result.error["category"] == "environment", result.error
    assert (result.exit_code, steps.lines) == (None, [])
    assert str(program) in result.error["message"]


def test_a_process_of_one_thread_forks_and_one_with_more_starts_a_program(steps):
    alone = LocalTarget()
    assert alone.run(steps.spec("pass"), {}, on_line=print).status == "Completed"
    assert isinstance(alone._process, ForkedRunner)
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        assert not is_safe()
        crowded = LocalTarget()
        assert crowded.run(steps.spec("pass"), {}, on_line=print).status == "Completed"
        assert isinstance(crowded._process, subprocess.Popen)
    finally:
        over.set()
        other.join()


def test_a_runner_that_was_made_ready_runs_when_threads_have_come(steps):
    target = LocalTarget()
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    with target.ready():
        forked = target._process
        other.start()
        result = target.run(steps.spec("print('ran')"), {}, on_line=steps.lines.append)
    over.set()
    other.join()
    assert (result.status, steps.lines) == ("Completed", ["ran"])
    assert target._process is forked


def test_ready_without_a_run_leaves_nothing(steps):
    before = os.listdir("/proc/self/fd")
    target = LocalTarget()
    with target.ready():
        pid = target._process.pid
        assert is_alive(pid)
    assert not is_alive(pid)
    assert os.listdir("/proc/self/fd") == before


def test_a_stop_after_ready_and_before_run(steps):
    target = LocalTarget()
    with target.ready():
        pid = target._process.pid
        target.stop()
        assert not is_alive(pid)
        assert target.run(steps.spec("print('ran')"), {}, on_line=steps.lines.append).status == "Canceled"
    assert steps.lines == []


def test_it_has_none_of_the_tasks_descriptors_and_signal_handlers(tmp_path, capfd):
    """It waits for its spec in a session of its own; descriptors beyond the standard ones lead nowhere."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    with open(tmp_path / "open", "w"):
        runner = fork_runner()
        end = time.monotonic() + 60
        while set(held_by(runner.pid)) != {os.devnull}:
            assert time.monotonic() < end, held_by(runner.pid)
            time.sleep(0.01)
    assert os.getsid(runner.pid) == runner.pid
    caught = [line for line in Path(f"/proc/{runner.pid}/status").read_text().splitlines() if line.startswith("SigCgt")]
    assert int(caught[0].split()[1], 16) & (1 << 14) == 0  # SIGTERM
    signal.signal(signal.SIGTERM, before)
    runner.stdin.close()
    runner.stdout.close()
    while runner.poll() is None:
        time.sleep(0.01)
    assert capfd.readouterr() == ("", "")


def test_kill_9_of_the_task_ends_a_runner_that_waits(steps):
    code = """if True:
        import time
        from mlsteps.compute.forked import fork_runner
        runner = fork_runner()  # kept: a runner that nobody holds ends
        print(runner.pid, flush=True)
        time.sleep(60)
    """
    task = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(task.stdout.readline())
    assert is_alive(pid)
    task.kill()
    task.wait()
    task.stdout.close()
    end = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.01)
