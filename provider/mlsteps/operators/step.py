"""``StepOperator``: one step of a pipeline as an Airflow task."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.operators.links import OutputsLink, SourceRunLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from mlsteps.operators.deferring import DeferringExecution

#: Colour of a task in Airflow's graph, by step type.
COLORS = {
    "Command": "#e6f0d8",
    "DataTransfer": "#fbe5c8",
    "ParallelRun": "#d9d2f0",
    "HyperDrive": "#f4d4e4",
    "AutoML": "#f4d4e4",
}


class StepOperator(BaseOperator):  # type: ignore[misc]
    """Runs one step, or passes on the outputs of an earlier run of the same step.

    Made by :func:`mlsteps.translate.dag`; DAG authors use ``PythonScriptOperator`` or ``CommandOperator``.

    :param node: the step: a ``StepNode`` or its JSON form.
    :param graph: the pipeline it belongs to: a ``PipelineGraph`` or its JSON form.
    :param experiment_name: the experiment its runs belong to; the DAG's id by default.
    :param plan_task_id: the task that decides for all steps of the DAG; None: the step decides for itself.
    :param mlsteps_conn_id: connection of type ``mlsteps`` that says where the workspace lies.
    :param pipeline_group: the task group that the pipeline is; empty for a pipeline that is the whole DAG.
    :param retry_scripts: whether the task's retries are for a script that fails, too, and not only for what befalls
        the machines: a worker that is lost, a store that does not answer.
    :param deferrable: whether the task leaves its worker while its step runs in a pod, and a trigger waits for that;
        True is refused for compute targets where steps end with their worker. By default what the compute target's
        option ``deferrable`` says, else ``[operators] default_deferrable``.
    """

    # Nothing of a compiled step is a template: `{{` in an argument is what the script gets, as in the SDK.
    template_fields: Collection[str] = ()
    #: XCom that tells other steps of the outputs.
    result_key = "return_value"
    ui_color = "#d7e8f7"
    operator_extra_links: Collection[BaseOperatorLink] = (OutputsLink(), SourceRunLink())
    shallow_copy_attrs: Sequence[str] = ("node", "graph")

    def __init__(
        self,
        *,
        node: StepNode | Mapping[str, Any] | None = None,
        graph: PipelineGraph | Mapping[str, Any] | None = None,
        experiment_name: str | None = None,
        plan_task_id: str | None = None,
        mlsteps_conn_id: str | None = None,
        pipeline_group: str = "",
        retry_scripts: bool = True,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.node = node
        self.graph = graph
        self.experiment_name = experiment_name
        self.plan_task_id = plan_task_id
        self.mlsteps_conn_id = mlsteps_conn_id
        self.pipeline_group = pipeline_group
        self.retry_scripts = retry_scripts
        self.deferrable = deferrable

    def pipeline(self) -> tuple[PipelineGraph, StepNode]:
        """The graph and the step in it, as this task runs them."""
        graph = self.graph if isinstance(self.graph, PipelineGraph) else PipelineGraph.from_json(self.graph or _EMPTY)
        node = self.node if isinstance(self.node, StepNode) else StepNode.from_json(self.node or {})
        return graph, node

    def result_key_of(self, task_id: str) -> str:
        """Under which key another task of the DAG tells of its outputs."""
        return str(getattr(self.dag.task_dict.get(task_id), "result_key", StepOperator.result_key))

    def execute(self, context: Context) -> dict[str, Any]:
        """Reuse or run the step; answers what its consumers need (the ``return_value`` XCom).

        :raises AirflowException: when the step fails; says the exit code and its last lines.
        :raises AirflowFailException: when another try would not help: bad input, a cancelled run.
        :raises AirflowRescheduleException: while another run makes the same result.
        :raises TaskDeferred: when the step runs in a pod and a trigger waits for it; :meth:`resume` comes next.
        """
        return self._executed(context).run()

    def resume(
        self, context: Context, event: Mapping[str, Any] | None = None, kept: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Go on with a try that was deferred, in whichever process; as :meth:`execute`.

        :param event: of the trigger; :param kept: ``deferred.Kept`` as JSON data.
        """
        return self._executed(context).resume(kept or {}, event or {})

    def _executed(self, context: Context) -> DeferringExecution:
        from mlsteps.operators.deferring import DeferringExecution

        self._execution = DeferringExecution(self, context)
        return self._execution

    def on_kill(self) -> None:
        """Stop the step's whole process tree, container or pod."""
        execution: DeferringExecution | None = getattr(self, "_execution", None)
        if execution is not None:
            from mlsteps.operators.execution import STOPPED

            execution.cancel(STOPPED)


_EMPTY: dict[str, Any] = {"steps": []}
