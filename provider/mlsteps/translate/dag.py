"""``dag(graph, dag_id)``: a ``plan`` task, and one task for each step."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.errors import InvalidInput
from mlsteps.graph.names import PLAN
from mlsteps.operators.parameters import airflow_params
from mlsteps.translate.documentation import pipeline_text, step_text

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from mlsteps.operators.plan import PlanOperator
    from mlsteps.operators.step import StepOperator

#: What Airflow takes as a tag.
_TAG_LENGTH = 100
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def dag(
    graph: PipelineGraph | Mapping[str, Any],
    dag_id: str,
    *,
    schedule: Any = None,
    experiment: str | None = None,
    about: Sequence[str] = (),
    origin: Mapping[str, Any] | None = None,
    retry_scripts: bool = True,
    scheduling: Mapping[str, Mapping[str, str]] | None = None,
    **dag_kwargs: Any,
) -> DAG:
    """The DAG of a pipeline.

    Each step is a task that waits for ``plan``, for the steps whose outputs it reads, and for those it must run after.
    A task runs when none of these failed: a reused step is skipped, and its consumers still run.

    :param graph: the pipeline, or its JSON form.
    :param dag_id: the DAG's id.
    :param schedule: as for any DAG; None runs it only when triggered.
    :param experiment: the experiment its runs belong to; the DAG's id when left out.
    :param about: more lines of the DAG's text.
    :param origin: what the heads of its runs say of where they came from: ``pipeline_id``, ``graph``, ...
    :param retry_scripts: whether ``retries`` of the tasks are for scripts that fail, too (see ``StepOperator``).
    :param scheduling: pool, queue and executor by compute target; None: as a workspace on this machine says.
    :param dag_kwargs: any other argument of ``airflow.sdk.DAG``; ``tags`` and ``params`` add to the pipeline's own.
    :raises InvalidInput: when a pipeline parameter has a reserved name.
    """
    from airflow.sdk import DAG
    from airflow.sdk.definitions.param import ParamsDict

    whole = graph if isinstance(graph, PipelineGraph) else PipelineGraph.from_json(graph)
    experiment = experiment or dag_id
    params = {**airflow_params(whole.parameters), **(dag_kwargs.pop("params", None) or {})}
    options: dict[str, Any] = {
        "description": whole.description,
        "doc_md": pipeline_text(whole, experiment, about),
        "render_template_as_native_obj": True,
        **dag_kwargs,
        "tags": sorted({"mlsteps", experiment[:_TAG_LENGTH], *dag_kwargs.get("tags", ())}),
    }
    made = DAG(dag_id, schedule=schedule, **options)
    made.fileloc = dag_file(made.fileloc)
    if _asked_for(dag_id):
        common = {"retry_scripts": retry_scripts, "scheduling": scheduling}
        _add_tasks(made, whole, experiment, origin, common)
    # Last: Airflow would copy a DAG's params into each of its tasks, which reads the same at run time and costs more
    # than all the rest of a large DAG.
    made.params = ParamsDict(params)
    return made


def _asked_for(dag_id: str) -> bool:
    """False while Airflow reads the file for a task of another DAG: that process needs no task of this one."""
    from airflow.sdk import get_parsing_context

    wanted = get_parsing_context().dag_id
    return wanted is None or wanted == dag_id


def dag_file(fallback: str) -> str:
    """The file that called us: where Airflow has to look for this DAG."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_code.co_filename if frame is not None else fallback


def _add_tasks(
    made: DAG, graph: PipelineGraph, experiment: str, origin: Mapping[str, Any] | None, common: Mapping[str, Any]
) -> None:
    from mlsteps.operators.plan import PlanOperator

    plan = PlanOperator(
        task_id=PLAN,
        dag=made,
        graph=graph,
        experiment_name=experiment,
        origin=origin,
        outlets=plan_outlets(graph) or None,
    )
    options = {"experiment_name": experiment, "trigger_rule": "none_failed", **common}
    add_steps(made, graph, plan, options)


def add_steps(
    made: DAG, graph: PipelineGraph, plan: PlanOperator, common: Mapping[str, Any]
) -> dict[str, StepOperator]:
    """Make a task of each step, with all edges; answers them by the step's id.

    :param plan: the task that plans; :param common: arguments of all tasks; ``scheduling`` among them is pool, queue
        and executor by compute target, without it a workspace on this machine is asked.
    """
    common = {"plan_task_id": plan.task_id, **common}
    placed = _placed(graph, common.pop("scheduling", None))
    tasks = {node.id: _task(made, graph, node, common, placed) for node in graph.steps}
    _connect(plan, tasks, graph)
    return tasks


def _placed(
    graph: PipelineGraph, scheduling: Mapping[str, Mapping[str, str]] | None
) -> Mapping[str | None, Mapping[str, str]]:
    """Pool, queue and executor of the compute targets that the steps name."""
    from mlsteps.compute import choose

    names = {node.compute.get("name") for node in graph.steps}
    return choose.scheduling(graph.workspace, names) if scheduling is None else choose.scheduled(scheduling, names)


def plan_outlets(graph: PipelineGraph) -> list[Any]:
    """``plan`` sends the asset events of steps that it marks reused."""
    from mlsteps.operators.commit import reused_alias

    registers = any(port.register for node in graph.steps for port in node.outputs)
    return [reused_alias(graph.workspace)] if registers else []


def _task(
    made: DAG,
    graph: PipelineGraph,
    node: StepNode,
    common: Mapping[str, Any],
    placed: Mapping[str | None, Mapping[str, str]],
) -> StepOperator:
    from mlsteps.operators.commit import assets_of
    from mlsteps.operators.step import COLORS, StepOperator

    if node.id == PLAN:
        raise InvalidInput("A step has the id 'plan', which is that of the task that plans", expected="another id")
    task = StepOperator(
        task_id=node.id,
        dag=made,
        node=node,
        graph=graph,
        task_display_name=node.name if node.name != node.id else None,
        doc_md=step_text(node),
        outlets=assets_of(graph.workspace, node.outputs) or None,
        **{**common, **placed.get(node.compute.get("name"), {}), **_placement(node.compute)},
    )
    if node.type in COLORS:
        task.ui_color = COLORS[node.type]
    return task


def _placement(compute: Mapping[str, Any]) -> dict[str, Any]:
    """``pool``, ``queue``, ``executor`` as the compute target in the graph names them."""
    return {key: compute[key] for key in ("pool", "queue", "executor") if compute.get(key)}


def _connect(plan: PlanOperator, tasks: Mapping[str, StepOperator], graph: PipelineGraph) -> None:
    """Write the edges of the whole graph straight into the tasks; one by one they would cost as much as the tasks."""
    plan.downstream_task_ids.update(task.task_id for task in tasks.values())
    for node in graph.steps:
        task = tasks[node.id]
        upstream = [tasks[step_id] for step_id in node.upstream()]
        task.upstream_task_ids.update((before.task_id for before in upstream), (plan.task_id,))
        for before in upstream:
            before.downstream_task_ids.add(task.task_id)
