"""Waiting for a pipeline run: status and output of each step as they come, a summary, an error that says where."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Mapping, TextIO

from mlsteps.client import active
from mlsteps.client.step_output import StepOutput
from mlsteps.client.target import target_if_any
from mlsteps.errors import ActivityFailedException, AzureMLException
from mlsteps.registry.pipeline_status import attempts, pipeline_status
from mlsteps.registry.run_state import TERMINAL, RunState
from mlsteps.registry.runs import RunStore

if TYPE_CHECKING:
    from mlsteps.sdk.pipeline_run import PipelineRun
    from mlsteps.sdk.workspace import Workspace

#: Seconds between looks.
INTERVAL = 0.5


def follow(
    pipeline_run: PipelineRun,
    show_output: bool = True,
    timeout_seconds: float | None = None,
    raise_on_error: bool = True,
) -> str:
    """Wait until a pipeline run has ended.

    :param show_output: print as the SDK does: each step's status, what it writes, and a summary. With several steps
        each line of output says which one wrote it, since they run side by side.
    :param timeout_seconds: stop waiting after this; the run goes on.
    :returns: the status as ``PipelineRun.get_status()`` says it: ``Finished`` for a run that completed.
    :raises ActivityFailedException: when it failed and ``raise_on_error`` is on; names the first step that failed,
        with its last lines.
    """
    follower = _Follower(pipeline_run, show_output)
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    follower.say(f"PipelineRunId: {pipeline_run.id}")
    follower.say(f"Link to the run: {pipeline_run.get_portal_url()}")
    while not follower.look():
        if deadline is not None and time.monotonic() > deadline:
            follower.say(f"Timed out of waiting; the run goes on. PipelineRun Status: {follower.status}")
            return shown(follower.status)
        time.sleep(INTERVAL)
    follower.summary()
    if follower.status == "Failed" and raise_on_error:
        message = failure(follower.runs, pipeline_run.id)
        raise ActivityFailedException(message, error_details=pipeline_run.get_details().get("error"))
    return shown(follower.status)


def shown(status: str) -> str:
    """The word that ``get_status()`` of pipeline and step runs uses."""
    return "Finished" if status == "Completed" else status


def failure(runs: RunStore, run_id: str) -> str:
    """Why a pipeline run failed: the first step that did, or what went wrong before any step."""
    failed = []
    for child in attempts(runs, run_id).values():
        state = runs.state(child)
        if state.status == "Failed":
            failed.append((state.ended or 0.0, child, state))
    if not failed:
        return f"The pipeline run {run_id} failed. {_text(runs.state(run_id))}".rstrip()
    _, child, state = min(failed, key=lambda item: item[0])
    name = (runs.head(child) or {}).get("name")
    return f"The pipeline run {run_id} failed: step {name!r} (run {child}) failed. {_text(state)}".rstrip()


def _text(state: RunState) -> str:
    error: Mapping[str, Any] = state.error if isinstance(state.error, Mapping) else {"message": state.error or ""}
    tail = error.get("tail") or ""
    lines = tail if isinstance(tail, str) else "\n".join(map(str, tail))
    code = error.get("exit_code")
    text = str(error.get("message") or ("" if code is None else f"The script ended with exit code {code}."))
    return f"{text}\nLast lines of its output:\n{lines.rstrip()}" if lines.strip() else text


class _Follower:
    """What has been seen and printed of one run."""

    def __init__(self, pipeline_run: PipelineRun, show_output: bool, out: TextIO | None = None) -> None:
        self.run = pipeline_run
        self.runs = pipeline_run.experiment.workspace._run_store()
        self.status = ""
        self._show = show_output
        self._out = out
        head = self.runs.head(pipeline_run.id) or {}
        self._many = len(head.get("steps") or ()) != 1
        self._steps: dict[str, _Step] = {}
        self._ended_in_airflow = airflow_look(pipeline_run.experiment.workspace, head)
        self._next_airflow_look = 0.0

    def say(self, line: str = "") -> None:
        """Print a line, when output is wanted."""
        if self._show:
            print(line, file=self._out or sys.stdout, flush=True)

    def look(self) -> bool:
        """Print what is new; whether the run has ended."""
        if time.monotonic() >= self._next_airflow_look:
            self._ended_in_airflow()
            self._next_airflow_look = time.monotonic() + active.INTERVAL
        status = pipeline_status(self.runs, self.run.id)
        # Steps after the status: what they wrote before the run ended is printed before its end.
        if self._show:
            self._look_at_steps()
        if status != self.status:
            self.status = status
            self.say(f"PipelineRun Status: {shown(status)}")
        return status in TERMINAL

    def _look_at_steps(self) -> None:
        for child in attempts(self.runs, self.run.id).values():
            if child not in self._steps:
                self._steps[child] = _Step(self.runs, child, self._many, self.say)
            self._steps[child].look()

    def summary(self) -> None:
        """The SDK's last lines."""
        if not self._show:
            return
        self.say("\n\nPipelineRun Execution Summary\n==============================")
        self.say(f"PipelineRun Status: {shown(self.status)}")
        self.say(str(self.run.get_details()))


class _Step:
    """One step's run, as far as it has been printed."""

    def __init__(self, runs: RunStore, run_id: str, many: bool, say: Callable[[str], None]) -> None:
        self._runs = runs
        self._id = run_id
        self._say = say
        self._name = str((runs.head(run_id) or {}).get("name") or run_id)
        self._prefix = f"[{self._name}] " if many else ""
        self._status = ""
        self._output = StepOutput(runs.artifacts(run_id))
        say(f"\n\nStepRunId: {run_id}")

    def look(self) -> None:
        """Print what is new."""
        if self._status in TERMINAL:
            return
        state = self._runs.state(self._id)
        is_over = state.status in TERMINAL
        if not is_over:
            self._tell(state)
        for line in self._output.new_lines(is_over):
            self._say(self._prefix + line)
        if is_over:
            self._tell(state)
            self._summary(state)

    def _tell(self, state: RunState) -> None:
        if state.status != self._status:
            self._status = state.status
            self._say(f"StepRun( {self._name} ) Status: {shown(state.status)}{_reused(state)}")

    def _summary(self, state: RunState) -> None:
        self._say(f"\nStepRun({self._name}) Execution Summary\n====================================")
        self._say(f"StepRun( {self._name} ) Status: {shown(state.status)}")
        if state.status != "Completed":
            self._say(_text(state))


def _reused(state: RunState) -> str:
    return f" (reused from run {state.reused.get('run_id')})" if state.reused else ""


def airflow_look(workspace: Workspace, head: Mapping[str, Any]) -> Callable[[], object]:
    """What tells the workspace when Airflow has ended a run by itself; nothing, for a run that has no Airflow here.

    :param head: of the pipeline run.
    """
    dag_id, run_id = head.get("dag_id"), str(head.get("id"))
    if not dag_id or head.get("dag_run_id") != run_id or active.is_tracked(run_id):
        return lambda: None
    try:
        target = target_if_any(workspace._reference(), bool(head.get("embedded")))
    except AzureMLException:
        target = None  # the run can still be followed by what the workspace says
    if target is None:
        return lambda: None
    run = active.ActiveRun(workspace._run_store(), run_id, str(dag_id), target, run_id)
    return lambda: active.look(run)
