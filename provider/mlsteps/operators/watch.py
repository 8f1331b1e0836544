"""While a step runs: its lease is kept alive, and a cancelled or failed pipeline run stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from mlsteps.operators.attempt import Attempt

if TYPE_CHECKING:
    from mlsteps.registry.leases import Lease
    from mlsteps.registry.runs import RunStore

#: Kind of the event on a pipeline run that says that one of its steps failed for good.
STEP_FAILED = "step_failed"
_CANCELLED = ("CancelRequested", "Canceled")


class Since(Protocol):
    """From when on what happens to the run concerns a try: an ``Attempt``, or what stands for it elsewhere."""

    @property
    def run_started(self) -> float:
        """When the DAG run started or was cleared, in seconds since the epoch."""

    @property
    def clear_number(self) -> int:
        """How often tasks of the DAG run were cleared."""


def stop_reason(
    events: Iterable[Mapping[str, Any]], attempt: Since, step_id: str, *, continue_on_step_failure: bool
) -> str | None:
    """Why a step of this run must not go on, or None.

    What happened before the run was cleared, or to this step itself, does not count: clearing a failed step in the UI
    means that it, and what was stopped on its account, shall run again.

    :param events: of the pipeline run; :param attempt: the try at the step.
    """
    for event in events:
        if event["kind"] == "status" and event.get("status") in _CANCELLED and event["t"] >= attempt.run_started:
            return "the pipeline run was cancelled"
        if event["kind"] != STEP_FAILED or continue_on_step_failure or event.get("step") == step_id:
            continue
        if event.get("clear_number", 0) >= attempt.clear_number:
            return f"step {event.get('name') or event.get('step')!r} failed, and {_SWITCH} is off"
    return None


_SWITCH = "continue_on_step_failure"


class Watch:
    """A thread that looks every few seconds; use it as a context manager around the work.

    :param look: answers why the work must stop, or None.
    :param stop: ends the work.
    :param report: gets messages for the task log.
    """

    def __init__(
        self,
        *,
        look: Callable[[], str | None],
        stop: Callable[[], None],
        report: Callable[[str], None],
        lease: Lease | None,
        seconds: float,
    ) -> None:
        self.reason: str | None = None
        self._look, self._stop, self._report = look, stop, report
        self._lease = lease
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlsteps-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self._beat()
                self.reason = self._look()
            except Exception as error:  # a store that does not answer for a moment must not end the work
                self._report(f"The workspace's store does not answer ({error}); looking again in {self._seconds:g} s.")
            if self.reason is not None:
                self._report(f"Stopping: {self.reason}.")
                self._stop()
                return

    def _beat(self) -> None:
        if self._lease is not None and not self._lease.heartbeat():
            self._report("Another run has taken over this step's lease; both go on, and the first result counts.")
            self._lease = None


def announce_failure(runs: RunStore, attempt: Attempt, step_id: str, name: str, step_run_id: str) -> None:
    """Tell the other steps of the run that this one failed for good."""
    fields = {"step": step_id, "name": name, "run_id": step_run_id, "clear_number": attempt.clear_number}
    runs.write(attempt.pipeline_run_id, STEP_FAILED, **fields)
