"""A step as a process on this machine."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mlsteps
from mlsteps.compute import scratch
from mlsteps.compute.base import Report, Target
from mlsteps.compute.forked import ForkedRunner, fork_runner
from mlsteps.compute.lines import Lines
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.runner import result as result_file

#: Starts the runner in an isolated interpreter (no PYTHON* variables, no user site, no current directory) that still
#: finds mlsteps where it lies. It goes last on the path: what lies beside it must not shadow the standard library.
_BOOT = """
import sys
sys.path.append(sys.argv.pop(1))
from mlsteps.runner.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
#: Seconds in which a runner that was asked to stop has to end; it needs its grace period and time to keep logs.
_PATIENCE = 40.0


class LocalTarget(Target):
    """Runs the runner with the interpreter that runs mlsteps, and the script with the step's own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | ForkedRunner | None = None
        self._lines: Lines | None = None
        self._stopped = False
        self._thread = 0

    def prepare(self, environment: Mapping[str, Any] | None, report: Report) -> str:
        """See :meth:`Target.prepare`: a virtual environment on this machine."""
        from mlsteps.environments.virtual import prepare

        return prepare(environment, report).path

    @contextmanager
    def ready(self) -> Iterator[None]:
        """See :meth:`Target.ready`: forks a runner, which then waits for its spec."""
        self._fork()
        try:
            yield
        finally:
            if self._lines is None:  # it was never told what to run
                self.stop()

    def _fork(self) -> None:
        if self._process is None and not self._stopped:
            self._process = fork_runner()
            if self._stopped:  # meanwhile, when there was nothing to stop yet
                self.stop()

    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """See :meth:`Target.run`. The work directory is made here and is gone afterwards."""
        scratch.sweep(os.path.dirname(spec.work_directory))
        with scratch.work_directory(spec.work_directory) as work:
            self._lines = Lines(on_line)  # before there is a process: stop() then leaves its output to us
            self._fork()
            if self._stopped:
                self._close_output()
                return StepResult("Canceled", error={"category": "user", "message": "The step was cancelled."})
            result_path = os.path.join(spec.work_directory, "result.json")
            process = self._start(spec, result_path, work.lock)
            try:
                if not self._stopped:
                    self._hand_over(process, credentials)
                else:  # while the process was being started
                    self.stop()
                self._follow(process)
                result = result_file.read(result_path)
                work.is_left = result is not None and self._leave(process, result, result_path)
            finally:
                if not work.is_left:
                    self.stop()
                    self._close_output()
            return result if result is not None else self._no_answer(process.poll() or 0, spec)

    def _leave(self, process: subprocess.Popen[bytes] | ForkedRunner, result: StepResult, path: str) -> bool:
        """Let a good step's runner clear away by itself, as nobody has to wait for that; whether it does."""
        if self._stopped or result.status != "Completed" or not isinstance(process, ForkedRunner):
            return False
        os.unlink(path)  # tells it that the result was taken
        process.leave()
        return True

    def _start(self, spec: StepSpec, result_path: str, lock: int) -> subprocess.Popen[bytes] | ForkedRunner:
        spec_path = os.path.join(spec.work_directory, "spec.json")
        with open(spec_path, "w", encoding="utf-8", errors="surrogatepass") as file:
            json.dump(spec.to_json(), file)
        self._thread = threading.get_ident()
        if isinstance(self._process, ForkedRunner):
            self._process.tell(spec_path, result_path)
        else:
            self._process = self._spawn(spec, spec_path, result_path, lock)
        return self._process

    def _spawn(self, spec: StepSpec, spec_path: str, result_path: str, lock: int) -> subprocess.Popen[bytes]:
        root = os.path.dirname(os.path.dirname(os.path.abspath(mlsteps.__file__)))
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, root, spec_path, result_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            cwd=spec.work_directory,
            start_new_session=True,  # Ctrl-C in a terminal is for whoever waits here; the runner hears of it from us
            pass_fds=(lock,),
        )

    def _hand_over(self, process: subprocess.Popen[bytes] | ForkedRunner, credentials: Mapping[str, Any]) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(dict(credentials)).encode() + b"\n")
        except (BrokenPipeError, ValueError):
            pass  # the runner is gone already, or stop() has closed the pipe; the answer says so

    def _follow(self, process: subprocess.Popen[bytes] | ForkedRunner) -> None:
        """Pass its output on to the end, which comes with the result."""
        while self._pass_on(process, None):
            pass

    def _pass_on(self, process: subprocess.Popen[bytes] | ForkedRunner, seconds: float | None) -> bool:
        """Take the next piece of output; False at the end of it."""
        assert process.stdout is not None and self._lines is not None
        output = process.stdout.fileno()
        if seconds is not None and not select.select([output], [], [], seconds)[0]:
            return True
        piece = os.read(output, 1 << 16)
        self._lines.feed(piece, final=not piece)
        return bool(piece)

    def stop(self) -> None:
        """See :meth:`Target.stop`."""
        self._stopped = True
        process = self._process
        if process is None:
            return
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
        end = time.monotonic() + _PATIENCE
        # In the thread that runs it nobody else takes the output, and the runner would wait.
        is_open = threading.get_ident() == self._thread and process.stdout is not None and not process.stdout.closed
        while process.poll() is None and time.monotonic() < end:
            if is_open:
                is_open = self._pass_on(process, 0.05)
            else:
                time.sleep(0.005)
        if process.poll() is None:
            process.kill()
        if self._lines is None:  # it was never told what to run
            self._close_output()

    def _close_output(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def _no_answer(self, code: int, spec: StepSpec) -> StepResult:
        """The runner died: end what it left behind, and say what is known."""
        scratch.end_processes_of(spec.work_directory)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        error = {"category": "infrastructure", "message": f"The step's runner {how} and left no result."}
        last = "\n".join(self._lines.last) if self._lines else ""
        return StepResult("Failed", error={**error, "tail": last} if last else error)
