"""``runs logs``: what the scripts of a run wrote, also while they write it."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlsteps.cli import chosen
from mlsteps.cli.answers import say
from mlsteps.cli.exit_codes import FAILED, OK
from mlsteps.cli.places import workspace_of
from mlsteps.client.active import INTERVAL as LOOK_EVERY
from mlsteps.client.follow import INTERVAL, airflow_look
from mlsteps.client.step_output import StepOutput
from mlsteps.registry.pipeline_status import attempts, pipeline_status
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore
from mlsteps.sdk.run_types import PIPELINE

if TYPE_CHECKING:
    from argparse import Namespace


def logs(args: Namespace) -> int:
    """Print them; with ``--follow`` until the run has ended."""
    workspace = workspace_of(args)
    runs = workspace._run_store()
    head = chosen.run(workspace, args.run)
    if head["type"] == PIPELINE:
        printer = _Printer(runs, lambda: _steps(runs, head["id"], args.step, args.follow), args.lines)
        look = airflow_look(workspace, head) if args.follow else lambda: None
        over = lambda: pipeline_status(runs, head["id"])  # noqa: E731
    else:
        printer = _Printer(runs, lambda: {head.get("step") or head["id"]: head["id"]}, args.lines)
        look, over = (lambda: None), lambda: runs.state(head["id"]).status
    if not args.follow:
        printer.look(is_over=True)
        return OK
    return _follow(printer, look, over)


def _follow(printer: _Printer, look: Callable[[], object], status_of: Callable[[], str]) -> int:
    next_look = 0.0
    while True:
        if time.monotonic() >= next_look:
            look()
            next_look = time.monotonic() + LOOK_EVERY
        status = status_of()
        printer.look(is_over=status in TERMINAL)
        if status in TERMINAL:
            print(f"The run has ended: {status}.", file=sys.stderr)
            return OK if status == "Completed" else FAILED
        time.sleep(INTERVAL)


def _steps(runs: RunStore, run_id: str, wanted: str | None, waits: bool) -> dict[str, str]:
    """The newest attempts of the steps that are meant, in the order in which they began."""
    newest = attempts(runs, run_id)
    heads = runs.heads(newest.values())
    by_step = {step: heads[child] for step, child in newest.items() if child in heads}
    expected = (runs.head(run_id) or {}).get("steps") or ()
    if waits and wanted in expected and wanted not in by_step:
        return {}
    return {step: newest[step] for step in chosen.step_of(by_step, wanted)}


class _Printer:
    """Prints what is new; each line says which step wrote it when there are several."""

    def __init__(self, runs: RunStore, steps: Callable[[], dict[str, str]], last: int | None) -> None:
        self._runs = runs
        self._steps = steps
        self._last = last
        self._outputs: dict[str, StepOutput] = {}
        self._over: set[str] = set()

    def look(self, is_over: bool) -> None:
        """Print what has come since the last call.

        :param is_over: nothing more will come.
        """
        steps = self._steps()
        for step, run_id in steps.items():
            if run_id in self._over:
                continue
            ended = is_over or self._runs.state(run_id).status in TERMINAL
            first = run_id not in self._outputs
            output = self._outputs.setdefault(run_id, StepOutput(self._runs.artifacts(run_id)))
            lines = output.new_lines(ended)
            for line in deque(lines, self._last) if first and self._last is not None else lines:
                say(f"[{step}] {line}" if len(steps) > 1 else line, flush=True)
            if ended:
                self._over.add(run_id)
