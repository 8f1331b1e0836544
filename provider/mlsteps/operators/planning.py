"""One try at planning a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.contracts.record import StepRecord
from mlsteps.hooks.mlsteps import resolve_reference
from mlsteps.operators import commit, planned, runs, sources
from mlsteps.operators.attempt import Attempt
from mlsteps.operators.failures import told_to_airflow
from mlsteps.operators.parameters import CONTINUE, REGENERATE, refuse_unknown, values
from mlsteps.operators.planting import plant
from mlsteps.operators.settings import setting
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.decision import REUSE, Decision, Plan
from mlsteps.reuse.explain import explain, plan_as_json
from mlsteps.reuse.planner import plan

if TYPE_CHECKING:
    from mlsteps.operators.plan import PlanOperator

#: Where the decisions of a run are kept among its artifacts, for ``airflow mlsteps explain``.
DECISIONS = "logs/azureml/plan.json"


class Planning:
    """What a ``PlanOperator`` does when Airflow executes it.

    :param operator: the task; :param context: Airflow's context of this try.
    """

    def __init__(self, operator: PlanOperator, context: Mapping[str, Any]) -> None:
        self.operator = operator
        self.context = context
        self.log = operator.log
        self.attempt = Attempt.of(context)
        self.graph = operator.pipeline()

    def run(self) -> None:
        """Plan; raises ``DownstreamTasksSkipped`` when something is reused."""
        from airflow.sdk.exceptions import DownstreamTasksSkipped

        with told_to_airflow():
            self._read_parameters()
            self._open()
            decisions = self._decide()
            self._publish(decisions)
            for decision in decisions.decisions:
                self.log.info("%s", explain(decision))
        self.log.info("%d of %d steps are reused.", len(decisions.reused), len(decisions.decisions))
        if decisions.reused:
            raise DownstreamTasksSkipped(tasks=list(decisions.reused))  # type: ignore[no-untyped-call]

    def _read_parameters(self) -> None:
        """Wrong parameters are refused before anything is read or made."""
        refuse_unknown(self.context["dag_run"].conf, self.operator.dag.params)
        params = self.context["params"]
        self.parameters = values(self.graph.parameters, params)
        self.regenerate = bool(params.get(REGENERATE, False))
        self.go_on = bool(params.get(CONTINUE, False))

    def _open(self) -> None:
        self.reference = resolve_reference(self.graph.workspace, self.operator.mlsteps_conn_id)
        self.ws = open_workspace(self.reference)
        self.reference = {**self.reference, "root": self.ws.root}
        self.runs = RunStore(self.ws)
        named = self.attempt.submission.get("experiment_name")
        self.experiment = named or self.operator.experiment_name or self.attempt.dag_id
        runs.open_pipeline_run(
            self.runs,
            self.attempt,
            self.experiment,
            self.graph,
            continue_on_step_failure=self.go_on,
            properties=sources.git_properties(self.graph),
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

    def _publish(self, decisions: Plan) -> None:
        """Hand the decisions to the steps, keep them, and do for reused steps what a run of them would have done."""
        self.context["ti"].xcom_push(key=planned.KEY, value=self._told(decisions).to_json())
        text = json.dumps(plan_as_json(decisions), indent=1, ensure_ascii=False)
        self.runs.artifacts(self.attempt.pipeline_run_id).write(DECISIONS, text.encode("utf-8", "surrogatepass"))
        reused = self._reused(decisions)
        runs.write_all_reused(self.runs, self.attempt, self.experiment, reused)
        registered = {node.id: self._registered(node, record) for node, record in reused}
        if len(reused) <= setting("planted_steps"):
            for node, record in reused:
                run_id = self.attempt.reused_run_id(node.id)
                value = commit.result_value(record, run_id, registered[node.id], reused=True)
                plant(self.attempt, node.id, value, record)

    def _reused(self, decisions: Plan) -> list[tuple[StepNode, StepRecord]]:
        found = decisions.by_step
        pairs = [(node, found[node.id]) for node in self.graph.steps]
        return [(node, made.record) for node, made in pairs if made.action == REUSE and made.record is not None]

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
            told["record"] = planned.slim(made.record)
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


def environment_identities(graph: PipelineGraph) -> dict[str, Any]:
    """What counts of each environment, by its key in the graph."""
    from mlsteps.environments.identity import environment_identity

    return {key: environment_identity(document) for key, document in graph.environments.items()}
