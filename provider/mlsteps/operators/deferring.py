"""One try at a step whose task leaves its worker while the step runs elsewhere, and goes on in another process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.errors import UserErrorException
from mlsteps.operators.deferred import AHEAD, Kept, Watched, decision_to_json
from mlsteps.operators.execution import StepExecution
from mlsteps.operators.inputs import upstream_outputs
from mlsteps.operators.settings import may_defer
from mlsteps.registry.leases import Lease
from mlsteps.reuse.decision import Decision

if TYPE_CHECKING:
    from mlsteps.compute.base import Target
    from mlsteps.operators.step import StepOperator


class _Begun(Exception):
    """The step runs, and its task has nothing to do until it has ended."""

    def __init__(self, begun: dict[str, Any], spec: StepSpec) -> None:
        super().__init__()
        self.begun, self.spec = begun, spec


class DeferringExecution(StepExecution):
    """As :class:`StepExecution`; where the compute target can, the task is deferred once its step has begun.

    The decision to run stays what it was, whatever has changed meanwhile, and so does the step's run: the task that
    goes on does not decide, it collects.
    """

    def __init__(self, operator: StepOperator, context: Mapping[str, Any]) -> None:
        super().__init__(operator, context)
        self._kept: Kept | None = None
        self._event: Mapping[str, Any] = {}
        limit = operator.execution_timeout
        self._deadline = None if limit is None else time.time() + limit.total_seconds()

    def resume(self, kept: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
        """The step's ``return_value``, when it has ended; as :meth:`run`."""
        self._kept, self._event = Kept.from_json(kept), event
        return self._answer(self._resumed)

    def _resumed(self) -> dict[str, Any]:
        kept = self._kept
        assert kept is not None
        self._open()
        self.attempt = replace(self.attempt, lost=kept.lost)
        self.taken_over, self.snapshot, self._deadline = kept.run_id, kept.snapshot, kept.deadline
        decision = Decision(**kept.decision)
        self.upstream = upstream_outputs(self.node, self.plan, self._result_of)
        with ExitStack() as stack:
            lease = None if kept.lease is None else Lease.of(self.ws, decision.fingerprint, kept.lease)
            if lease is not None:
                lease.take_up()
                stack.callback(lease.release)
            return self._run(decision, lease)

    def _target(self) -> Target:
        target = super()._target()
        if self.operator.deferrable and not target.can_defer:
            named = self.node.compute.get("name") or "the worker itself"
            raise UserErrorException(
                f"Step {self.node.name!r} has deferrable=True, and on {named!r} it would end with its worker. "
                "Expected a compute target of kind kubernetes and a step on one node, or no deferrable=True."
            )
        return target

    # -- leaving the worker

    def _run(self, decision: Decision, lease: Lease | None) -> dict[str, Any]:
        try:
            return super()._run(decision, lease)
        except _Begun as left:
            if self.cancelled and self.target is not None:  # in the last moment
                self._end_badly(super()._run_on(self.target, left.spec))
            self._defer(left, decision, lease)

    def _run_on(self, target: Target, spec: StepSpec) -> StepResult:
        from mlsteps.operators.targets import credentials_for

        wanted = target.deferrable if self.operator.deferrable is None else self.operator.deferrable
        if self._kept is not None or not target.can_defer or not may_defer(wanted):
            return super()._run_on(target, spec)
        begun = target.begin(spec, credentials_for(self.ws, spec), on_line=self.log.info)
        if isinstance(begun, StepResult):
            return begun
        raise _Begun(begun, spec)

    def _defer(self, left: _Begun, decision: Decision, lease: Lease | None) -> NoReturn:
        from mlsteps.triggers.pod import PodTrigger

        if lease is not None:
            lease.leave(AHEAD)
        self.runs.write(left.spec.run_id, "status", status="Running")
        kept = Kept(
            begun=left.begun,
            run_id=left.spec.run_id,
            lost=self.attempt.lost,
            decision=decision_to_json(decision),
            snapshot=self.snapshot,
            lease=None if lease is None else lease.generation,
            deadline=self._deadline,
        )
        trigger = PodTrigger(left.begun, self._watched(kept, decision).to_json(), self._deadline)
        self.log.info("The step runs in the pod %s; a trigger waits for its end.", left.begun["pod"])
        self.operator.defer(trigger=trigger, method_name="resume", kwargs={"kept": kept.to_json()})

    def _watched(self, kept: Kept, decision: Decision) -> Watched:
        return Watched(
            workspace={"root": self.ws.root, "root_conn_id": self.ws.connection},
            run_id=kept.run_id,
            pipeline_run_id=self.attempt.pipeline_run_id,
            step=self.node.id,
            run_started=self.attempt.run_started,
            clear_number=self.attempt.clear_number,
            go_on=self.plan.continue_on_step_failure if self.plan else True,
            fingerprint=decision.fingerprint,
            lease=kept.lease,
        )

    # -- going on

    def _attempted(self, decision: Decision, lease: Lease | None) -> tuple[StepSpec | None, StepResult]:
        kept = self._kept
        if kept is None:
            return super()._attempted(decision, lease)
        self.target = self._target()
        spec, result = self._collected(self.target, kept, lease)
        self._kept = None  # what it ran on may have been taken away: the next one is begun, and deferred, as the first
        return spec, result

    def _collected(self, target: Target, kept: Kept, lease: Lease | None) -> tuple[StepSpec | None, StepResult]:
        from airflow.sdk.exceptions import AirflowTaskTimeout

        is_over = self._event.get("state") == "timeout"
        if self._event.get("state") == "stop":
            self.cancelled = str(self._event.get("reason"))
        found = target.resume({**kept.begun, "said": self._event.get("said")}, on_line=self.log.info)
        if isinstance(found, StepResult):
            return None, found
        if is_over:
            target.stop()
        spec, result = self._supervised(target, kept.run_id, lease, found)
        if is_over and result.status != "Completed":
            raise AirflowTaskTimeout(f"Step {self.node.name!r} ran for longer than the task's execution_timeout.")
        return spec, result
