"""``airflow mlsteps plan | explain``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlsteps.cli.dags import plan_task
from mlsteps.cli.shared import command, print_rows
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import AzureMLException
from mlsteps.hooks.mlsteps import resolve_reference
from mlsteps.operators.parameters import REGENERATE, refuse_unknown, values
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.reuse.decision import Plan

if TYPE_CHECKING:
    from argparse import Namespace


@command
def plan(args: Namespace) -> None:
    """Print what a run of a DAG would do now: nothing is started and nothing is stored."""
    from mlsteps.reuse.explain import plan_as_json

    decisions = _planned(args)
    if args.output == "table":
        from mlsteps.reuse.explain import explain_plan

        print(explain_plan(decisions))
    else:
        print_rows(plan_as_json(decisions), args.output)


@command
def explain(args: Namespace) -> None:
    """Print why steps ran or were reused: in a run that has been, or, with ``--now``, if one began now."""
    found = _now(args) if args.now else _kept(args)
    wanted = [item for item in found if args.step in (None, item["step"], item["name"])]
    if not wanted:
        names = ", ".join(str(item["step"]) for item in found)
        raise SystemExit(f"There is no step {args.step!r}. There are {names}.")
    if args.output != "table":
        print_rows(wanted, args.output)
        return
    for item in wanted:
        print("\n".join(_lines(item)))


def _planned(args: Namespace) -> Plan:
    from mlsteps.operators.planning import environment_identities
    from mlsteps.operators.sources import sources_of
    from mlsteps.reuse.planner import plan as decide

    task = plan_task(args.dag_id, args.bundle_name, args.task_group)
    graph: PipelineGraph = task.pipeline()
    try:
        conf = json.loads(args.conf) if args.conf else {}
        params = _params(task, conf)
        return decide(
            graph,
            open_workspace(resolve_reference(graph.workspace, task.mlsteps_conn_id)),
            parameters=values(graph.parameters, params),
            snapshots=sources_of(graph),
            environments=environment_identities(graph),
            regenerate=bool(params.get(REGENERATE)),
        )
    except (AzureMLException, ValueError) as error:
        raise SystemExit(str(error)) from error


def _params(task: Any, conf: dict[str, Any]) -> dict[str, Any]:
    """What a run would be given: by the DAG's params; a pipeline in a task group by what the DAG file says.

    :raises SystemExit: when that is known only when the DAG runs, and ``--conf`` does not say it.
    """
    if not task.pipeline_group:
        refuse_unknown(conf, task.dag.params)
        return {**task.dag.params.dump(), **conf}
    from mlsteps.operators.assignments import assignments
    from mlsteps.translate.group import is_later

    parameters = task.pipeline().parameters
    known = {item.name: item for item in parameters}
    said = {name: value for name, value in (task.parameters or {}).items() if name not in conf}
    later = sorted(name for name, value in said.items() if is_later(known[name], value))
    if later:
        example = json.dumps(dict.fromkeys(later, "..."))
        raise SystemExit(f"{', '.join(later)}: known only when the DAG runs. To mend it: say it, --conf '{example}'.")
    return {**assignments(parameters, {**said, **conf}, "--conf"), REGENERATE: task.regenerate_outputs is True}


def _now(args: Namespace) -> list[dict[str, Any]]:
    from mlsteps.reuse.explain import plan_as_json

    return plan_as_json(_planned(args))


def _kept(args: Namespace) -> list[dict[str, Any]]:
    """The decisions that the plan of a run made: of ``--run-id``, or of the DAG's newest planned run."""
    from mlsteps.cli.explain_run import DECISIONS, decisions

    task = plan_task(args.dag_id, args.bundle_name, args.task_group)
    runs = RunStore(open_workspace(resolve_reference(task.pipeline().workspace, task.mlsteps_conn_id)))
    candidates = _runs_of(runs, args, task.pipeline_group)
    planned = (run_id for run_id in candidates if args.run_id or runs.artifacts(run_id).entry(DECISIONS) is not None)
    run_id = next(planned, None)
    if run_id is None:
        raise SystemExit(f"No run of {args.dag_id!r} has been planned yet. --now tells what a run would do.")
    try:
        found = decisions(runs, run_id)
    except AzureMLException as error:
        raise SystemExit(str(error)) from error
    if args.output == "table":
        print(f"Pipeline run {run_id}")
    return _with_later(runs, run_id, found)


def _with_later(runs: RunStore, run_id: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The decisions; for steps that could not be decided by the plan, those that their own tasks made."""
    from mlsteps.operators.execution import DECISION
    from mlsteps.registry.pipeline_status import attempts

    began = attempts(runs, run_id)
    for number, item in enumerate(found):
        store = runs.artifacts(began[item["step"]]) if item["action"] == "wait" and item["step"] in began else None
        if store is not None and store.entry(DECISION) is not None:
            found[number] = json.loads(store.read(DECISION))
    return found


def _runs_of(runs: RunStore, args: Namespace, task_group: str) -> list[str]:
    from mlsteps.registry.run_ids import pipeline_run_id

    if args.run_id:
        return [pipeline_run_id(args.dag_id, args.run_id, task_group)]
    heads = runs.heads(run for experiment in runs.experiments() for run in runs.list(experiment))
    asked = (args.dag_id, task_group)
    own = [head for head in heads.values() if (head.get("dag_id"), head.get("task_group") or "") == asked]
    return [head["id"] for head in sorted(own, key=lambda head: head["created"], reverse=True)]


def _lines(item: dict[str, Any]) -> list[str]:
    lines = [f"{item['name']}: {item['action']}. {item['reason']}."]
    if item.get("fingerprint"):
        lines.append(f"  fingerprint {item['fingerprint']}")
    return lines + [f"  {change['text']}" for change in item.get("changes", ())]
