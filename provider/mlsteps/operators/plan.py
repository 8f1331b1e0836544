"""``PlanOperator``: the first task of a pipeline's DAG decides what runs and what is reused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from mlsteps.contracts.graph import PipelineGraph

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanOperator(BaseOperator):  # type: ignore[misc]
    """Takes snapshots, fingerprints every step, and marks those that need not run as skipped, in one process.

    Steps that cannot be decided yet, because their inputs come from steps that run, decide in their own task.

    :param graph: the pipeline: a ``PipelineGraph`` or its JSON form.
    :param experiment_name: the experiment the run belongs to; the DAG's id by default.
    :param mlsteps_conn_id: connection of type ``mlsteps`` that says where the workspace lies.
    :param origin: what the run's head says of where it came from: ``pipeline_id``, ``graph``, ...
    """

    template_fields: Collection[str] = ()
    #: The task group that the pipeline is; empty for a pipeline that is the whole DAG.
    pipeline_group = ""
    ui_color = "#e8e3f3"
    shallow_copy_attrs: Sequence[str] = ("graph",)

    def __init__(
        self,
        *,
        graph: PipelineGraph | Mapping[str, Any],
        experiment_name: str | None = None,
        mlsteps_conn_id: str | None = None,
        origin: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.graph = graph
        self.experiment_name = experiment_name
        self.mlsteps_conn_id = mlsteps_conn_id
        self.origin = origin

    def pipeline(self) -> PipelineGraph:
        """The graph, as this task reads it."""
        return self.graph if isinstance(self.graph, PipelineGraph) else PipelineGraph.from_json(self.graph)

    def given(self, context: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the run was triggered with: values by the names of the DAG's params.

        :raises InvalidInput: for names that the pipeline does not have.
        """
        from mlsteps.operators.parameters import refuse_unknown

        refuse_unknown(context["dag_run"].conf, self.dag.params)
        values: Mapping[str, Any] = context["params"]
        return values

    def execute(self, context: Context) -> None:
        """Decide, and skip what is reused; ends in success.

        :raises AirflowFailException: when the run was triggered with wrong parameters, or a source cannot be read.
        :raises DownstreamTasksSkipped: Airflow's way to skip tasks; the task itself succeeds.
        """
        from mlsteps.operators.planning import Planning

        Planning(self, context).run()
