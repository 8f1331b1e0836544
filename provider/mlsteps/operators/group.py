"""The first and the last task of a pipeline that is a task group of a larger DAG."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import InvalidInput
from mlsteps.operators.authored import UpstreamOutput
from mlsteps.operators.links import OutputsLink
from mlsteps.operators.parameters import CONTINUE, REGENERATE
from mlsteps.operators.plan import PlanOperator

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context


class GroupPlanOperator(PlanOperator):
    """Plans one pipeline of a DAG. Its parameters are templates, XComArgs or plain values, not the DAG's own params.

    :param pipeline_group: id of the task group, with those that it is in.
    :param parameters: values of pipeline parameters by name; those left out have their defaults. (templated)
    :param regenerate_outputs: run every step. (templated)
    :param continue_on_step_failure: let steps that do not depend on a failed one go on. (templated)
    :param kwargs: as for :class:`.plan.PlanOperator`.
    """

    template_fields: Collection[str] = ("parameters", "regenerate_outputs", "continue_on_step_failure")
    template_fields_renderers = {"parameters": "json"}

    def __init__(
        self,
        *,
        pipeline_group: str,
        parameters: Mapping[str, Any] | None = None,
        regenerate_outputs: Any = False,
        continue_on_step_failure: Any = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_group = pipeline_group
        self.parameters = parameters
        self.regenerate_outputs = regenerate_outputs
        self.continue_on_step_failure = continue_on_step_failure

    def given(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """The rendered parameters, as the types that the pipeline says.

        :raises InvalidInput: for one that has no value, or one of another type.
        """
        from mlsteps.operators.assignments import assignments

        rendered = {name: _value(value, context, self.dag) for name, value in (self.parameters or {}).items()}
        values = assignments(self.pipeline().parameters, rendered, f"parameters of task group {self.pipeline_group!r}")
        switches = {REGENERATE: self.regenerate_outputs, CONTINUE: self.continue_on_step_failure}
        return {**values, **{name: _switch(name, value) for name, value in switches.items()}}


class GroupResultOperator(BaseOperator):  # type: ignore[misc]
    """Ends well when every step has ended well or was reused: what comes after the task group need not know which.

    Its ``return_value`` is ``{"pipeline_run_id", "experiment", "reused": [step], "outputs": {"<step>.<output>":
    OutputRecord JSON}}``.

    :param graph: the pipeline, or its JSON form; :param plan_task_id: the group's task that plans.
    """

    ui_color = "#e8e3f3"
    operator_extra_links: Collection[BaseOperatorLink] = (OutputsLink(),)
    shallow_copy_attrs = ("graph",)

    def __init__(
        self, *, graph: PipelineGraph | Mapping[str, Any], plan_task_id: str, pipeline_group: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.graph = graph
        self.plan_task_id = plan_task_id
        self.pipeline_group = pipeline_group

    def pipeline(self) -> PipelineGraph:
        """The graph, as this task reads it."""
        return self.graph if isinstance(self.graph, PipelineGraph) else PipelineGraph.from_json(self.graph)

    def execute(self, context: Context) -> dict[str, Any]:
        """Collect what the steps have put out."""
        from mlsteps.operators.attempt import task_of
        from mlsteps.operators.inputs import outputs_of
        from mlsteps.operators.planned import pull

        graph = self.pipeline()
        plan, ti = pull(context, self.plan_task_id), context["ti"]
        outputs, reused = {}, []
        for node in graph.steps:
            value = ti.xcom_pull(task_ids=task_of(self.pipeline_group, node.id), key="return_value")
            planned = plan.step(node.id).get("action") == "reuse" if plan else False
            if value["reused"] if isinstance(value, Mapping) else planned:
                reused.append(node.id)
            for name, record in (outputs_of(node.id, plan, value) if node.outputs else {}).items():
                outputs[f"{node.id}.{name}"] = record.to_json()
        self.log.info("%d of %d steps were reused.", len(reused), len(graph.steps))
        run = {"pipeline_run_id": plan.pipeline_run_id, "experiment": plan.experiment} if plan else {}
        return {**run, "reused": reused, "outputs": outputs}


def _value(value: Any, context: Mapping[str, Any], dag: Any) -> Any:
    """A rendered value; an output of an earlier task as the place where it lies."""
    if not isinstance(value, UpstreamOutput):
        return value
    from mlsteps.operators.inputs import outputs_of

    key = getattr(dag.task_dict.get(value.task_id), "result_key", "return_value")
    found = outputs_of(value.task_id, None, context["ti"].xcom_pull(task_ids=value.task_id, key=key))
    if value.output not in found:
        raise InvalidInput(f"Task {value.task_id!r} has no output {value.output!r}", expected=f"one of {sorted(found)}")
    record = found[value.output]
    return {"datastore": record.datastore, "path": record.path}


def _switch(name: str, value: Any) -> bool:
    from mlsteps.operators.assignments import truth

    found = truth(value)
    if found is None:
        raise InvalidInput(f"{name} is {value!r}", expected="True or False")
    return found
