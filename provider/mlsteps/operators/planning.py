"""One try at planning a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.contracts.record import StepRecord
from mlsteps.hooks.mlsteps import resolve_reference
from mlsteps.operators import commit, planned, runs, sources
from mlsteps.operators.attempt import Attempt
from mlsteps.operators.failures import told_to_airflow
from mlsteps.operators.inputs import input_documents, upstream_outputs
from mlsteps.operators.parameters import CONTINUE, REGENERATE, values
from mlsteps.operators.planting import plant
from mlsteps.operators.settings import setting
from mlsteps.operators.watch import stop_reason
from mlsteps.registry.graphs import graph_path
from mlsteps.registry.pipelines import disabled_since
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.decision import REUSE, Decision, Plan
from mlsteps.reuse.explain import explain, plan_as_json
from mlsteps.reuse.planner import plan

if TYPE_CHECKING:
    from mlsteps.operators.plan import PlanOperator

#: Where the decisions of a run are kept among its artifacts, for ``airflow mlsteps explain``.
DECISIONS = "logs/azureml/plan.json"


#: Between the decisions there. (An indented text would be made by Python's slow encoder: 60 ms for 200 steps.)
ONE_A_LINE = ",\n"

#: Characters of one message of the log: each costs a turn of the process that watches over the task.
_MESSAGE = 8000


class Planning:
    """What a ``PlanOperator`` does when Airflow executes it.

    :param operator: the task; :param context: Airflow's context of this try.
    """

    def __init__(self, operator: PlanOperator, context: Mapping[str, Any]) -> None:
        self.operator = operator
        self.context = context
        self.log = operator.log
        self.attempt = Attempt.of(context, operator.pipeline_group)
        self.graph = operator.pipeline()
        self.has_runs = False
        self.stopped = False

    def run(self) -> None:
        """Plan; raises ``DownstreamTasksSkipped`` when something is reused."""
        from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped

        try:
            with told_to_airflow():
                decisions = self._planned()
        except BaseException as error:
            self._note_failure(error, final=self.attempt.is_last or isinstance(error, AirflowFailException))
            raise
        self.log.info("%d of %d steps are reused.", len(decisions.reused), len(decisions.decisions))
        if decisions.reused:
            skipped = [self.attempt.task_of(step) for step in decisions.reused]
            raise DownstreamTasksSkipped(tasks=skipped)  # type: ignore[no-untyped-call]

    def _planned(self) -> Plan:
        self._open()
        self._read_parameters()
        self._begin()
        decisions = self._decide()
        self._refuse_places(decisions)
        for told in _in_batches([explain(decision) for decision in decisions.decisions]):
            self.log.info("%s", told)
        self._publish(decisions)
        return decisions

    def _note_failure(self, error: BaseException, *, final: bool) -> None:
        """A run whose plan failed for good has failed, though no step of it ever began."""
        if final and self.has_runs:
            runs.open_pipeline_run(self.runs, self.attempt, self.experiment, self.graph)
            told = {"category": "user" if self.stopped else "input", "message": str(error) or type(error).__name__}
            status = "Canceled" if self.stopped else "Failed"
            self.runs.write(self.attempt.pipeline_run_id, "status", status=status, error=told, final=True)

    def _read_parameters(self) -> None:
        """Wrong parameters are refused before anything is decided."""
        params = self.operator.given(self.context)
        self.parameters = values(self.graph.parameters, params)
        self.regenerate = bool(params.get(REGENERATE, False))
        self.go_on = bool(params.get(CONTINUE, False))

    def _open(self) -> None:
        self.reference = resolve_reference(self.graph.workspace, self.operator.mlsteps_conn_id)
        self.ws = open_workspace(self.reference)
        self.reference = {**self.reference, "root": self.ws.root}
        self.runs = RunStore(self.ws)
        self.has_runs = True
        named = self.attempt.submission.get("experiment_name")
        self.experiment = named or self.operator.experiment_name or self.attempt.dag_id

    def _begin(self) -> None:
        """The pipeline run runs, unless it was cancelled before it began."""
        from airflow.sdk.exceptions import AirflowFailException

        runs.open_pipeline_run(
            self.runs,
            self.attempt,
            self.experiment,
            self.graph,
            continue_on_step_failure=self.go_on,
            parameters=self.parameters,
            properties=lambda: {
                **sources.bundle_properties(self.context["ti"]),
                **sources.git_properties(self.graph),
            },
            origin=self.operator.origin or {},
        )
        self._refuse_disabled()
        self._refuse_another_graph()
        events = self.runs.events(self.attempt.pipeline_run_id)
        reason = stop_reason(events, self.attempt, "", continue_on_step_failure=self.go_on)
        if reason:
            self.stopped = True
            raise AirflowFailException(f"Nothing was planned: {reason}.")
        runs.reopen(self.runs, self.attempt)

    def _refuse_disabled(self) -> None:
        """A disabled pipeline takes no new runs, whoever triggers them; those that were there before go on."""
        from airflow.sdk.exceptions import AirflowFailException

        pipeline_id = (self.operator.origin or {}).get("pipeline_id")
        since = disabled_since(self.ws, pipeline_id) if pipeline_id else None
        if since is not None and self.attempt.triggered > since:
            raise AirflowFailException(f"The published pipeline {pipeline_id} is disabled: it takes no new runs.")

    def _refuse_another_graph(self) -> None:
        """Two clients that give different graphs to one experiment at once: neither may run the other's."""
        from airflow.sdk.exceptions import AirflowFailException

        wanted, has = self.attempt.submission.get("graph"), (self.operator.origin or {}).get("graph")
        if wanted and has and graph_path(wanted) != has:
            raise AirflowFailException(
                f"The pipeline of experiment {self.experiment!r} was replaced by another one between its submission "
                "and its start. Submit it again, or give each pipeline an experiment of its own."
            )

    def _decide(self) -> Plan:
        self.snapshots = sources.take_all(self.graph, self.ws)
        return plan(
            self.graph,
            self.ws,
            parameters=self.parameters,
            snapshots=self.snapshots,
            environments=environment_identities(self.graph),
            regenerate=self.regenerate,
        )

    def _refuse_places(self, decisions: Plan) -> None:
        """A step that cannot run where it is to run fails the run before others have run for it."""
        from mlsteps.operators.targets import refuse_nodes

        reused = set(decisions.reused)
        wanted = [node for node in self.graph.steps if node.id not in reused]
        refuse_nodes(wanted, self.ws, self.parameters, self.log.warning)

    def _publish(self, decisions: Plan) -> None:
        """Hand the decisions to the steps, keep them, and do for reused steps what a run of them would have done."""
        told = self._told(decisions)
        ids = set(decisions.reused)
        reused = [self._passed_on(node, decisions[node.id]) for node in self.graph.steps if node.id in ids]
        with ThreadPoolExecutor(1) as beside:  # files are written while Airflow takes the XCom
            kept = beside.submit(self._keep, decisions, reused, told)
            self.context["ti"].xcom_push(key=planned.KEY, value=told.to_json())
            kept.result()
        if len(reused) <= setting("planted_steps"):
            for step in reused:
                plant(self.attempt, self.attempt.task_of(step.node.id), step.value, step.record)

    def _keep(self, decisions: Plan, reused: list[runs.Reused], told: planned.Plan) -> None:
        text = f"[{ONE_A_LINE.join(json.dumps(item, ensure_ascii=False) for item in plan_as_json(decisions))}]\n"
        self.runs.artifacts(self.attempt.pipeline_run_id).write(DECISIONS, text.encode("utf-8", "surrogatepass"))
        runs.write_reused(self.runs, self.attempt, self.experiment, reused, lambda node: self._inputs(node, told))

    def _passed_on(self, node: StepNode, decision: Decision) -> runs.Reused:
        assert decision.record is not None
        registered = self._registered(node, decision.record)
        run_id = self.attempt.reused_run_id(node.id)
        value = commit.result_value(decision.record, run_id, registered, reused=True)
        return runs.Reused(node, decision.record, value)

    def _inputs(self, node: StepNode, told: planned.Plan) -> dict[str, dict[str, Any]]:
        upstream = upstream_outputs(node, told, lambda _: None)
        return input_documents(node, self.ws, upstream=upstream, parameters=self.parameters)

    def _told(self, decisions: Plan) -> planned.Plan:
        return planned.Plan(
            pipeline_run_id=self.attempt.pipeline_run_id,
            experiment=self.experiment,
            workspace=self.reference,
            parameters=self.parameters,
            regenerate=self.regenerate,
            continue_on_step_failure=self.go_on,
            clear_number=self.attempt.clear_number,
            steps={made.step: self._told_step(made) for made in decisions.decisions},
        )

    def _told_step(self, made: Decision) -> dict[str, Any]:
        told: dict[str, Any] = {"action": made.action, "reason": made.reason, "fingerprint": made.fingerprint}
        snapshot = sources.digest_of(self.snapshots.get(made.step))
        if snapshot:
            told["snapshot"] = snapshot
        if made.action == REUSE and made.record is not None:
            told["outputs"] = {name: output.to_json() for name, output in made.record.outputs.items()}
            told["source"] = made.record.producer.get("step_run_id")
        return told

    def _registered(self, node: StepNode, record: StepRecord) -> dict[str, dict[str, Any]]:
        """Datasets of a reused step, and the asset events that its own task would have sent."""
        is_new = record.created >= self.attempt.run_started
        run_id = self.attempt.reused_run_id(node.id)
        registered = commit.register_outputs(self.ws, node, record, run_id, new_version=is_new)
        for document in registered.values():
            asset = commit.dataset_asset(commit.asset_workspace(self.graph.workspace), document["name"])
            extra = commit.asset_extra(document, reused=True)
            self.context["outlet_events"][commit.reused_alias(self.graph.workspace)].add(asset, extra=extra)
        return registered


def _in_batches(texts: list[str]) -> Iterator[str]:
    """The texts in order, joined by lines to messages of about :data:`_MESSAGE` characters."""
    waiting: list[str] = []
    for text in texts:
        waiting.append(text)
        if sum(map(len, waiting)) > _MESSAGE:
            yield "\n".join(waiting)
            waiting = []
    if waiting:
        yield "\n".join(waiting)


def environment_identities(graph: PipelineGraph) -> dict[str, Any]:
    """What counts of each environment, by its key in the graph."""
    from mlsteps.environments.identity import environment_identity

    return {key: environment_identity(document) for key, document in graph.environments.items()}
