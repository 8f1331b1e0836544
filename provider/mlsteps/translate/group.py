"""``task_group(graph, group_id)``: a pipeline as a task group of a larger DAG.

The group begins with ``plan`` and ends with ``done``. Reused steps are skipped tasks; ``done`` succeeds all the
same, so that what comes after the group runs by its ordinary trigger rule. Each group is a pipeline run of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, TaskGroup, XComArg

from mlsteps.contracts.graph import Parameter, PipelineGraph
from mlsteps.errors import InvalidInput
from mlsteps.graph.names import PLAN
from mlsteps.operators.assignments import assignments
from mlsteps.operators.authored import OutputReference, UpstreamOutput
from mlsteps.translate.dag import add_steps, plan_outlets

if TYPE_CHECKING:
    from mlsteps.operators.group import GroupResultOperator

DONE = "done"
#: A group that is skipped as a whole (by a branch before it) has no task that succeeds, and so none that runs.
_RULE = "none_failed_min_one_success"


class PipelineGroup(TaskGroup):  # type: ignore[misc]
    """A pipeline in a DAG; made by ``Pipeline.as_task_group``."""

    done: GroupResultOperator

    @property
    def output(self) -> XComArg:
        """What :class:`.GroupResultOperator` returns, for other tasks."""
        return XComArg(self.done)

    @property
    def outputs(self) -> GroupOutputs:
        """The outputs of its steps, for other operators' inputs: ``group.outputs["train"]["model"]``."""
        return GroupOutputs(self)


class GroupOutputs:
    """``group.outputs``: by the step's id or name."""

    def __init__(self, group: PipelineGroup) -> None:
        self._group = group

    def __getitem__(self, step: str) -> StepOutputs:
        """The outputs of a step.

        :raises InvalidInput: when the pipeline has no such step, or several of that name.
        """
        graph = self._group.done.pipeline()
        found = [node for node in graph.steps if node.id == step] or [node for node in graph.steps if node.name == step]
        if len(found) != 1:
            raise InvalidInput(
                f"Task group {self._group.group_id!r} has {'no' if not found else 'several'} steps {step!r}",
                expected=f"one of {', '.join(repr(node.id) for node in graph.steps)}",
            )
        return StepOutputs(self._group.done, found[0].id, [port.name for port in found[0].outputs])


class StepOutputs:
    """The outputs of one step."""

    def __init__(self, done: GroupResultOperator, step: str, names: list[str]) -> None:
        self._done = done
        self._step = step
        self._names = names

    def __getitem__(self, name: str) -> OutputReference:
        """A reference to an output, as ``operator.outputs[name]``.

        :raises InvalidInput: when the step has no such output.
        """
        if name not in self._names:
            raise InvalidInput(f"Step {self._step!r} has no output {name!r}", expected=f"one of {self._names}")
        target = UpstreamOutput(self._done.task_id, f"{self._step}.{name}", name=name)
        return OutputReference(self._done, target)


def task_group(
    graph: PipelineGraph | Mapping[str, Any],
    group_id: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    experiment: str | None = None,
    regenerate_outputs: Any = False,
    continue_on_step_failure: Any = False,
    dag: DAG | None = None,
    mlsteps_conn_id: str | None = None,
    plan_kwargs: Mapping[str, Any] | None = None,
    **group_kwargs: Any,
) -> PipelineGroup:
    """Add a pipeline to a DAG as a task group.

    :param graph: the pipeline, or its JSON form.
    :param group_id: unique in the DAG.
    :param parameters: values of pipeline parameters by name: plain values, templates (``"{{ params.rate }}"``),
        ``dag.param("rate")``, XComArgs, and for ``DataPath`` parameters also other operators' ``outputs[name]``. Those
        left out have their defaults; the DAG's params are not taken by their names.
    :param experiment: the experiment its runs belong to; the DAG's id when left out.
    :param regenerate_outputs: run every step. (a template, too)
    :param continue_on_step_failure: let steps that do not depend on a failed one go on. (a template, too)
    :param dag: the DAG; the one of the ``with`` block when left out.
    :param mlsteps_conn_id: connection that says where the workspace lies.
    :param plan_kwargs: more arguments of the group's first task, such as ``trigger_rule``.
    :param group_kwargs: more arguments of ``airflow.sdk.TaskGroup``.
    :raises InvalidInput: for parameters that the pipeline does not have, and in a task group that is mapped.
    """
    whole = graph if isinstance(graph, PipelineGraph) else PipelineGraph.from_json(graph)
    kept = assignments(whole.parameters, parameters, f"parameters of task group {group_id!r}", later=is_later)
    options = {"tooltip": whole.description or "", **({"dag": dag} if dag is not None else {}), **group_kwargs}
    group = PipelineGroup(group_id, **{**options, "prefix_group_id": True})
    _refuse_mapped(group)
    experiment = experiment or group.dag.dag_id
    common = {
        "task_group": group,
        "pipeline_group": str(group.group_id),
        "mlsteps_conn_id": mlsteps_conn_id,
        "experiment_name": experiment,
    }
    switches = {"regenerate_outputs": regenerate_outputs, "continue_on_step_failure": continue_on_step_failure}
    _add_tasks(group, whole, common, {**switches, "parameters": kept, **(plan_kwargs or {})})
    return group


def _add_tasks(
    group: PipelineGroup, graph: PipelineGraph, common: Mapping[str, Any], of_plan: Mapping[str, Any]
) -> None:
    from mlsteps.operators.group import GroupPlanOperator, GroupResultOperator

    outlets = plan_outlets(graph) or None
    plan = GroupPlanOperator(task_id=PLAN, dag=group.dag, graph=graph, outlets=outlets, **{**common, **of_plan})
    tasks = add_steps(group.dag, graph, plan, {**common, "trigger_rule": _RULE})
    group.done = GroupResultOperator(
        task_id=_free(DONE, tasks),
        dag=group.dag,
        task_group=group,
        graph=graph,
        plan_task_id=plan.task_id,
        pipeline_group=str(group.group_id),
        trigger_rule=_RULE,
    )
    last = [task for task in tasks.values() if not task.downstream_task_ids]
    group.done.set_upstream([plan, *last])


def is_later(parameter: Parameter, value: Any) -> bool:
    """Whether a value is known when the DAG runs, and not before.

    :raises InvalidInput: for an output of a task where the pipeline takes no data path.
    """
    from airflow.sdk.definitions._internal.mixins import ResolveMixin

    if isinstance(value, OutputReference) and parameter.type != "datapath":
        raise InvalidInput(
            f"The pipeline parameter {parameter.name!r} is given an output of task {value.operator.task_id!r}",
            expected=f"a {parameter.type}; a parameter that takes outputs has a DataPath as its default",
        )
    if isinstance(value, Mapping):
        return any(is_later(parameter, item) for item in value.values())
    return isinstance(value, ResolveMixin) or (isinstance(value, str) and ("{{" in value or "{%" in value))


def _refuse_mapped(group: PipelineGroup) -> None:
    """A mapped group is one set of tasks that runs several times; a pipeline is planned, and skipped, as one."""
    if any(True for _ in _mapped(group)):
        raise InvalidInput(
            f"The pipeline's task group {group.group_id!r} is inside a task group that is mapped",
            expected="one whose number is known when the DAG file is read",
            mend="publish the pipeline, and map TriggerDagRunOperator over its runs: "
            "TriggerDagRunOperator.partial(task_id=..., trigger_dag_id=...).expand(conf=...)",
        )


def _mapped(group: TaskGroup) -> Iterator[TaskGroup]:
    yield from group.iter_mapped_task_groups()


def _free(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name
