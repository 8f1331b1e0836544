"""A compute target as the behaviour suite sees it: steps run there, and what is left of them can be looked at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlsteps.compute.base import Target
from mlsteps.compute.choose import choose
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.registry.placements import put_placement
from tests.runner.support import Steps, settle

#: Installs nothing.
ENVIRONMENT: dict[str, Any] = {"python": {"user_managed_dependencies": True}}


class Place:
    """A kind of compute target in a workspace of the test's own."""

    #: Whether a step goes on when the process that waits for it is killed.
    outlives_worker = False
    #: Of the run configuration of its steps.
    settings: Mapping[str, Any] = {}

    def __init__(self, steps: Steps, placement: Mapping[str, Any], environment: Mapping[str, Any] = ENVIRONMENT):
        self.steps = steps
        self.environment = environment
        put_placement(steps.ws, {"name": "*", **placement})

    def target(self) -> Target:
        """A target for one attempt."""
        return choose(self.steps.ws, None, self.settings)

    def prepared(self) -> tuple[Target, str]:
        """A target that is ready, and the Python of its steps."""
        target = self.target()
        return target, target.prepare(self.environment, self.steps.lines.append)

    def run(self, code: str = "pass", *arguments: Any, **more: Any) -> StepResult:
        """Run a step of a few lines; what it said is in ``steps.lines``, its id in ``steps.last``."""
        target, python = self.prepared()
        spec = self.steps.spec(code, *arguments, **{"interpreter": python, **more})
        self.steps.last, self.steps.lines = spec.run_id, []
        result = target.run(spec, {}, on_line=self.steps.lines.append)
        settle(target)
        return result

    def start(self, code: str, *arguments: Any, **more: Any) -> Started:
        """Run a step in a thread; comes back when it has said something."""
        target, python = self.prepared()
        return Started(target, self.steps.spec(code, *arguments, **{"interpreter": python, **more}))

    def kill_runner(self, started: Started) -> None:
        """SIGKILL, as the kernel does it when memory runs out."""
        raise NotImplementedError

    def left(self) -> list[str]:
        """What is left of steps that have ended: processes, containers, folders. Empty when all is well."""
        work = os.path.join(os.environ["MLSTEPS_HOME"], "work")
        return os.listdir(work) if os.path.isdir(work) else []

    def visible(self, started: Started) -> bytes:
        """All that anybody on the machine could see of a step that runs."""
        raise NotImplementedError


class Started:
    """A step that runs in a thread of this process."""

    def __init__(self, target: Target, spec: StepSpec, credentials: Mapping[str, Any] | None = None) -> None:
        self.target, self.spec = target, spec
        self.lines: list[str] = []
        self.result: StepResult | None = None
        self._spoke = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(credentials or {},))
        self._thread.start()
        assert self._spoke.wait(60)

    def _run(self, credentials: Mapping[str, Any]) -> None:
        self.result = self.target.run(self.spec, credentials, on_line=self._line)
        self._spoke.set()

    def _line(self, line: str) -> None:
        self.lines.append(line)
        self._spoke.set()

    def ended(self, seconds: float = 60) -> StepResult:
        """What came of it."""
        self._thread.join(seconds)
        assert self.result is not None, "the step did not end"
        return self.result


class Worker:
    """A process that waits for a step, as an Airflow task does; it can be killed."""

    def __init__(self, place: Place, spec: StepSpec, task: str, content: str = "c") -> None:
        self._answer = os.path.join(place.steps.folder, f"answer-{spec.run_id}.json")
        told = {
            "root": place.steps.ws.root,
            "environment": place.environment,
            "settings": place.settings,
            "spec": spec.to_json(),
            "task": task,
            "content": content,
            "answer": self._answer,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.compute.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
        )
        assert self._process.stdin is not None
        json.dump(told, self._process.stdin)
        self._process.stdin.close()

    def said(self, wanted: str, seconds: float = 60) -> None:
        """Wait until the step has said something."""
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        for line in self._process.stdout:
            if line.strip() == wanted:
                return
            assert time.monotonic() < end
        raise AssertionError(f"the step never said {wanted!r}")

    def kill(self) -> None:
        """SIGKILL; the step hears nothing of it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ended(self, seconds: float = 60) -> tuple[StepSpec, StepResult]:
        """The spec that was run in the end, and what came of it."""
        assert self._process.stdout is not None
        self._process.stdout.read()
        self._process.wait(seconds)
        self._process.stdout.close()
        with open(self._answer, encoding="utf-8") as file:
            answer = json.load(file)
        return StepSpec.from_json(answer["spec"]), StepResult.from_json(answer["result"])


def of_processes() -> list[bytes]:
    """Command lines and variables of every other process of this machine."""
    seen = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            for kind in ("cmdline", "environ"):
                try:
                    seen.append((process / kind).read_bytes())
                except OSError:
                    continue
    return seen
