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
    """It waits for its spec in a session of its own, with the three standard descriptors."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    with open(tmp_path / "open", "w"):
        runner = fork_runner()
        end = time.monotonic() + 5
        while len(os.listdir(f"/proc/{runner.pid}/fd")) > 3:
            assert time.monotonic() < end, os.listdir(f"/proc/{runner.pid}/fd")
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
    end = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.01)
