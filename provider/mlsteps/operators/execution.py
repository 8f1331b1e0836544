"""One try at a step: reuse, wait for another run, or run; then record the result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from mlsteps.contracts.record import StepRecord
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.hooks.connections import use_airflow_connections
from mlsteps.hooks.mlsteps import resolve_reference
from mlsteps.operators import commit, runs
from mlsteps.operators.attempt import Attempt
from mlsteps.operators.failures import category_of, failure_text, goes_on, told_to_airflow
from mlsteps.operators.inputs import input_document, input_documents, input_spec, upstream_outputs
from mlsteps.operators.links import OutputsLink, SourceRunLink
from mlsteps.operators.planned import pull
from mlsteps.operators.settings import setting, wait_seconds
from mlsteps.operators.specification import step_spec
from mlsteps.operators.watch import Watch, announce_failure, stop_reason
from mlsteps.registry.leases import Lease
from mlsteps.registry.records import get_records, put_record, replace_record
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.decision import REUSE, RUN, Decision
from mlsteps.reuse.explain import as_json, explain, origin

if TYPE_CHECKING:
    from mlsteps.compute.base import Target
    from mlsteps.operators.step import StepOperator

#: Why a task is cancelled that got a signal, whoever sent it.
STOPPED = "the task was stopped"
#: Where a step's own decision is kept among its run's artifacts, for ``airflow mlsteps explain``.
DECISION = "logs/azureml/decision.json"


class StepExecution:
    """What a ``StepOperator`` does when Airflow executes it.

    :param operator: the task; :param context: Airflow's context of this try.
    """

    def __init__(self, operator: StepOperator, context: Mapping[str, Any]) -> None:
        self.operator = operator
        self.context = context
        self.log = operator.log
        self.attempt = Attempt.of(context, operator.pipeline_group)
        self.plan = pull(context, operator.plan_task_id)
        self.target: Target | None = None
        self.taken_over: str | None = None
        self.runs: RunStore
        self.has_runs = False
        self.snapshot: str | None = None
        self.decision: Decision | None = None
        self.cancelled: str | None = None
        self.error: dict[str, Any] | None = None

    def run(self) -> dict[str, Any]:
        """The step's ``return_value``."""
        return self._answer(self._result)

    def _answer(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, TaskDeferred

        try:
            with told_to_airflow():
                return work()
        except (AirflowRescheduleException, TaskDeferred):
            raise
        except BaseException as error:
            self._note_failure(error, final=self.attempt.is_last or isinstance(error, AirflowFailException))
            raise

    def _result(self) -> dict[str, Any]:
        self._open()
        self._refuse_when_stopped()
        decision = self._decide()
        self.decision = decision
        self.log.info("%s", explain(decision))
        if decision.action == REUSE and decision.record is not None:
            return self._reuse(decision.record)
        return self._make(decision)

    def cancel(self, reason: str) -> None:
        """Stop what runs; called by Airflow's signal handler and by the watch."""
        self.cancelled = self.cancelled or reason
        if self.target is not None:
            self.target.stop()

    def _open(self) -> None:
        operator, plan = self.operator, self.plan
        use_airflow_connections()
        self.graph, self.node = operator.pipeline()
        if self.attempt.map_index >= 0:  # each instance of a mapped task is a step, with a run and places of its own
            self.node = replace(self.node, id=f"{self.node.id}[{self.attempt.map_index}]")
        reference = plan.workspace if plan else resolve_reference(self.graph.workspace, operator.mlsteps_conn_id)
        self.ws = open_workspace(reference)
        self.runs = RunStore(self.ws)
        self.has_runs = True
        named = self.attempt.submission.get("experiment_name") or operator.experiment_name or self.attempt.dag_id
        self.experiment = plan.experiment if plan else named
        self.parameters = dict(plan.parameters) if plan else {}
        if plan is None:
            from mlsteps.operators.sources import bundle_properties

            properties = bundle_properties(self.context["ti"])
            runs.open_pipeline_run(self.runs, self.attempt, self.experiment, None, properties=lambda: properties)

    def _refuse_when_stopped(self) -> None:
        from airflow.sdk.exceptions import AirflowFailException

        reason = self.cancelled = self._stop_reason()
        if reason:
            raise AirflowFailException(f"Step {self.node.name!r} was not started: {reason}.")
        runs.reopen(self.runs, self.attempt)

    def _stop_reason(self) -> str | None:
        events = self.runs.events(self.attempt.pipeline_run_id)
        go_on = self.plan.continue_on_step_failure if self.plan else True
        return stop_reason(events, self.attempt, self.node.id, continue_on_step_failure=go_on)

    # -- deciding

    def _decide(self) -> Decision:
        from mlsteps.environments.identity import environment_identity
        from mlsteps.reuse.planner import decide

        self.upstream = upstream_outputs(self.node, self.plan, self._result_of)
        self.snapshot = self._snapshot()
        decision = decide(
            self.node,
            self.ws,
            upstream_outputs=self.upstream,
            parameters=self.parameters,
            snapshot=self.snapshot,
            environment=environment_identity(self._environment()),
            default_datastore=self.graph.default_datastore,
            regenerate=self.plan.regenerate if self.plan else False,
        )
        if decision.action == REUSE and decision.record is not None and self._was_cleared(decision.record):
            return decision._replace(action=RUN, reason="the task was cleared, so it really runs", replace=True)
        return decision

    def _result_of(self, step: str) -> Any:
        task_id = self.attempt.task_of(step)
        return self.context["ti"].xcom_pull(task_ids=task_id, key=self.operator.result_key_of(task_id))

    def _was_cleared(self, record: StepRecord) -> bool:
        """Whether a person asked for this very step to run again by clearing it in the UI.

        Then either ``plan`` had marked it reused, or it has made this record itself before the clearing; a record that
        it made since then is that of a try which was killed before it could say so, and counts.
        """
        if self.plan is not None and self.plan.clear_number >= self.attempt.clear_number:
            return False
        planned = self.plan.step(self.node.id).get("action") == REUSE if self.plan else False
        ours = self.attempt.made(record.producer)
        made_since = ours and record.producer.get("clear_number", 0) >= self.attempt.clear_number
        return (planned or ours) and not made_since

    def _snapshot(self) -> str | None:
        planned = (self.plan.snapshot(self.node.id) if self.plan else None) or self.node.snapshot
        if planned or not self.node.source_directory:
            return planned
        from mlsteps.operators.sources import take_one

        return take_one(self.node, self.ws)

    def _environment(self) -> Mapping[str, Any]:
        return self.graph.environments.get(self.node.environment or "") or {}

    # -- running

    def _make(self, decision: Decision) -> dict[str, Any]:
        """Run the step, holding its lease; or reuse, when another run has come first meanwhile."""
        with ExitStack() as stack:
            lease = self._lease(decision)
            if lease is not None:
                stack.callback(lease.release)
                came_first = self._made_meanwhile(decision)
                if came_first is not None:
                    self.log.info("Meanwhile made by %s.", origin(came_first))
                    return self._reuse(came_first)
            return self._run(decision, lease)

    def _lease(self, decision: Decision) -> Lease | None:
        """The right to make this result; None for one that nobody else could use.

        :raises AirflowRescheduleException: while someone else makes it: the slot is given up until then.
        """
        from airflow.sdk.exceptions import AirflowRescheduleException

        if not decision.fingerprint or not self.node.allow_reuse:
            return None
        held = Lease.acquire(self.ws, decision.fingerprint, self.attempt.holder())
        if isinstance(held, Lease):
            return held
        if self.plan is not None and self.plan.regenerate:
            return None  # everyone makes its own
        seconds = wait_seconds()
        self.log.info("Another run makes the same result: %s. Looking again in %g s.", held, seconds)
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        raise AirflowRescheduleException(until)  # type: ignore[no-untyped-call]

    def _made_meanwhile(self, decision: Decision) -> StepRecord | None:
        if decision.replace:
            return None
        found = get_records(self.ws, [decision.fingerprint]).get(decision.fingerprint)
        if found is None:
            return None
        again = self._decide()
        return again.record if again.action == REUSE else None

    def _run(self, decision: Decision, lease: Lease | None) -> dict[str, Any]:
        while True:
            spec, result = self._attempted(decision, lease)
            if not self._is_to_run_again(result):
                break
        if result.status != "Completed" or spec is None:
            self._end_badly(result)
        return self._commit(decision, spec, result)

    def _target(self) -> Target:
        from mlsteps.operators.targets import target_for

        return target_for(self.node, self.ws, self.parameters)

    def _attempted(self, decision: Decision, lease: Lease | None) -> tuple[StepSpec | None, StepResult]:
        """What was run and what came of it; no spec where nothing of it is left."""
        self.target = self._target()
        with self.target.ready():
            earlier = self.target.left_behind(self.attempt.work_of(self.node.id), decision.fingerprint)
            if earlier is not None:
                self.log.info("An earlier try was killed and what it started goes on: this one takes over its run.")
                self.taken_over = earlier.run_id
            run_id = self._open_run()
            if earlier is None:
                self.runs.write(run_id, "status", status="Preparing")
            return self._supervised(self.target, run_id, lease, earlier)

    def _is_to_run_again(self, result: StepResult) -> bool:
        """Whether what the step ran on was taken away, and it may have another: this costs no try of the task.

        The next attempt has a run of its own, and with it places of its own.
        """
        limit = self.target.lost_tries if self.target is not None else 0
        if not result.error.get("lost") or self.cancelled or self.attempt.lost >= limit:
            return False
        self.runs.write(self._open_run(), "status", status="Failed", error=dict(result.error))
        self.attempt, self.taken_over = replace(self.attempt, lost=self.attempt.lost + 1), None
        self.log.warning("%s It runs again (%d of %d).", result.error.get("message"), self.attempt.lost, limit)
        return True

    def _open_run(self, *, reused: bool = False) -> str:
        if self.taken_over is not None:
            return self.taken_over
        run_id = runs.open_step_run(
            self.runs, self.attempt, self.experiment, self.node, snapshot=self.snapshot, reused=reused
        )
        runs.end_earlier_tries(self.runs, self.attempt, self.node.id)
        if self.decision is not None:
            text = json.dumps(as_json(self.decision), indent=1, ensure_ascii=False)
            self.runs.artifacts(run_id).write(DECISION, text.encode("utf-8", "surrogatepass"))
            self.decision = None
        return run_id

    def _supervised(
        self, target: Target, run_id: str, lease: Lease | None, earlier: StepSpec | None
    ) -> tuple[StepSpec, StepResult]:
        """Prepare the environment and run, while a thread keeps the lease and looks for reasons to stop."""
        from mlsteps.operators.targets import prepare

        watch = Watch(
            look=self._stop_reason,
            stop=lambda: self.cancel(watch.reason or "the pipeline run ended"),
            report=self.log.info,
            lease=lease,
            seconds=setting("watch_seconds"),
        )
        with watch:
            spec = earlier or self._spec(
                run_id, prepare(target, self.node, self._environment(), self.ws, self.log.info)
            )
            if self.cancelled:
                target.stop()  # it was cancelled before there was a target; run() then starts nothing
            return spec, self._run_on(target, spec)

    def _run_on(self, target: Target, spec: StepSpec) -> StepResult:
        from mlsteps.operators.targets import credentials_for

        return target.run(spec, credentials_for(self.ws, spec), on_line=self.log.info)

    def _spec(self, run_id: str, interpreter: str) -> StepSpec:
        inputs = [
            input_spec(port, self.ws, upstream=self.upstream, parameters=self.parameters) for port in self.node.inputs
        ]
        for item in inputs:
            self.runs.write(run_id, "input", name=item.name, document=input_document(item, self.ws))
        return step_spec(
            self.node,
            self.graph,
            self.ws,
            run_id=run_id,
            pipeline_run_id=self.attempt.pipeline_run_id,
            experiment=self.experiment,
            snapshot=self.snapshot,
            interpreter=interpreter,
            inputs=inputs,
            parameters=self.parameters,
        )

    def _end_badly(self, result: StepResult) -> NoReturn:
        from airflow.sdk.exceptions import AirflowException, AirflowFailException

        if self.cancelled == STOPPED and self._was_only_interrupted():
            self.cancelled = None
            message = "Airflow stopped the task, and nobody had ended it: its API server did not answer for long."
            self.error = {"category": "infrastructure", "message": message}
            raise AirflowException(f"Step {self.node.name!r} was interrupted. {message}")
        if result.status == "Canceled" or self.cancelled:
            self.cancelled = self.cancelled or "it was cancelled"
            raise AirflowFailException(f"Step {self.node.name!r} was stopped: {self.cancelled}.")
        self.error = {**result.error, "exit_code": result.exit_code}
        is_tried_again = self.operator.retry_scripts or result.error.get("category") == "infrastructure"
        raise (AirflowException if is_tried_again else AirflowFailException)(failure_text(self.node.name, result))

    def _was_only_interrupted(self) -> bool:
        """Whether the task was stopped by its own supervisor, for want of a connection, and another try is to come."""
        if self.attempt.is_last or self._stop_reason() is not None:
            return False
        return goes_on(self.context["ti"], self.log.info)

    def _note_failure(self, error: BaseException, *, final: bool) -> None:
        """Whatever ended this try: its run says so, and the other steps of the pipeline run hear of it."""
        self.operator.operator_extra_links = ()
        if not self.has_runs:
            return  # the workspace itself could not be opened
        run_id = self._open_run()
        if self.cancelled:
            self.runs.write(run_id, "status", status="Canceled", error={"message": self.cancelled})
            return
        told = self.error or {"category": category_of(error), "message": str(error) or type(error).__name__}
        self.runs.write(run_id, "status", status="Failed", error=told, final=final)
        if final:
            announce_failure(self.runs, self.attempt, self.node.id, self.node.name, run_id)

    # -- keeping

    def _commit(self, decision: Decision, spec: StepSpec, result: StepResult) -> dict[str, Any]:
        record = commit.step_record(
            self.ws,
            self.node,
            spec.outputs,
            result,
            fingerprint=decision.fingerprint if self.node.allow_reuse else "",
            preimage=decision.preimage or {},
            producer=self.attempt.producer(spec.run_id, self.experiment, self.node.name),
        )
        if record.fingerprint:
            (replace_record if decision.replace else put_record)(self.ws, record)
        value = self._published(record, spec.run_id, new_version=True, reused=False)
        runs.finish(self.runs, spec.run_id, value)
        self.operator.operator_extra_links = (OutputsLink(),) if record.outputs else ()
        return value

    def _reuse(self, record: StepRecord) -> dict[str, Any]:
        """Pass on an earlier result.

        One that was made since this pipeline run started is new to it: another run, or a try of this task that was
        killed, has just made it, and its dataset gets a version as if it had been made here.
        """
        run_id = self._open_run(reused=True)
        ours = self.attempt.made(record.producer)
        is_new = record.created >= self.attempt.run_started and not ours
        value = self._published(record, run_id, new_version=is_new, reused=True)
        inputs = input_documents(self.node, self.ws, upstream=self.upstream, parameters=self.parameters)
        runs.write_reuse(self.runs, run_id, record, value, inputs)
        self.operator.reused_from = record.producer
        self.operator.operator_extra_links = (OutputsLink(), SourceRunLink())
        return value

    def _published(self, record: StepRecord, run_id: str, *, new_version: bool, reused: bool) -> dict[str, Any]:
        """Register datasets, put their versions into the asset events, and push the record; the return value."""
        registered = commit.register_outputs(self.ws, self.node, record, run_id, new_version=new_version)
        events = self.context["outlet_events"]
        for document in registered.values():
            asset = commit.dataset_asset(commit.asset_workspace(self.graph.workspace), document["name"])
            events[asset].extra = commit.asset_extra(document, reused=reused)
            self.log.info("Registered dataset %s, version %s.", document["name"], document["version"])
        if record.fingerprint:
            self.context["ti"].xcom_push(key=f"fp:{record.fingerprint}", value=record.to_json())
        return commit.result_value(record, run_id, registered, reused=reused)
