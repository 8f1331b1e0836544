"""``Pipeline``: steps made into a graph, at once, so that every fault shows where the pipeline is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Mapping, cast

from mlsteps.errors import GraphError, InvalidInput
from mlsteps.sdk.sequence import StepSequence
from mlsteps.sdk.steps.base import PipelineStep

if TYPE_CHECKING:
    from mlsteps.contracts.graph import PipelineGraph
    from mlsteps.sdk.pipeline_run import PipelineRun


class Pipeline:
    """A pipeline (SDK docs: ``azureml.pipeline.core.Pipeline``).

    :param steps: one step, a list (nested lists have no order), a :class:`StepSequence`, or any mixture.
    :param default_datastore: for outputs that name none: object or name.
    :param default_source_directory: for steps that name none; else the current directory.
    :param resolve_closure: add every step upstream of the given ones, by data or ``run_after``.
    :raises GraphError: (a ``ValueError``) with every fault of the pipeline and how to mend it.
    :raises UnsupportedFeature: for step types that mlsteps does not have.
    """

    #: Read by code in the wild; there is nothing to set.
    _set_experiment_name = None

    def __init__(
        self,
        workspace: Any,
        steps: Any,
        description: str | None = None,
        default_datastore: Any = None,
        default_source_directory: Any = None,
        resolve_closure: bool = True,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
        **kwargs: Any,
    ) -> None:
        self.workspace = workspace
        self._description = description
        self._default_datastore = default_datastore
        self._default_source_directory = default_source_directory
        self._resolve_closure = resolve_closure
        self._steps = _flat(steps)
        self._built: PipelineGraph = self._build()

    @property
    def graph(self) -> PipelineGraph:
        """The pipeline as plain data (the SDK's ``Graph`` has no counterpart)."""
        return self._built

    def _graph(self) -> PipelineGraph:
        return self._built

    def _build(self) -> PipelineGraph:
        from mlsteps.graph.build import build

        return build(self)

    def service_endpoint(self) -> str:
        """Where the pipeline would be submitted: the workspace's place."""
        reference: Mapping[str, Any] = self.workspace._reference()
        return str(reference.get("root") or reference.get("name") or "")

    def validate(self) -> List[str]:
        """Check the pipeline against its workspace: a text for each fault, and one printed line for each step.

        What can be seen without the workspace was checked when the pipeline was made; this looks at datastores too.
        """
        from mlsteps.graph.validate import faults

        found = faults(self._built, datastores=self._known_datastores())
        for index, node in enumerate(self._built.steps):
            own = [str(fault) for fault in found if fault.path.startswith(f"$.steps[{index}]")]
            print(f"Step {node.name} [{node.id}] is {'valid' if not own else 'not valid: ' + ' '.join(own)}")
        return [str(fault) for fault in found]

    def _known_datastores(self) -> Any:
        if not hasattr(self.workspace, "_store"):
            return None
        from mlsteps.registry.documents import list_datastores

        return list(list_datastores(self.workspace._store()))

    def _check(self) -> PipelineGraph:
        """The graph, checked against the workspace; for those who start or store it.

        :raises GraphError: with what the workspace lacks.
        """
        from mlsteps.graph.validate import faults

        self._choose_versions()
        found = faults(self._built, datastores=self._known_datastores())
        if found:
            raise GraphError(found)
        return self._built

    def _choose_versions(self) -> None:
        """Steps made from modules get the version that counts now."""
        from mlsteps.graph.order import reachable

        steps = [ports.step for ports in reachable(self._steps, self._resolve_closure)]
        if any([step._resolve() for step in steps if hasattr(step, "_resolve")]):
            self._built = self._build()

    def submit(
        self,
        experiment_name: str,
        pipeline_parameters: Mapping[str, Any] | None = None,
        continue_on_step_failure: bool = False,
        regenerate_outputs: bool = False,
        parent_run_id: str | None = None,
        credential_passthrough: bool | None = None,
        **kwargs: Any,
    ) -> PipelineRun:
        """Start a run and return at once; the same as ``Experiment(workspace, experiment_name).submit(pipeline, ...)``.

        :param pipeline_parameters: values by name; missing ones have their defaults.
        :param continue_on_step_failure: after a failure go on with what does not depend on it.
        :param regenerate_outputs: run every step, whatever could be reused.
        :param kwargs: ``tags``.
        """
        from mlsteps.client.submit import submit

        run = submit(
            self.workspace,
            experiment_name,
            self,
            pipeline_parameters=pipeline_parameters,
            continue_on_step_failure=continue_on_step_failure,
            regenerate_outputs=regenerate_outputs,
            parent_run_id=parent_run_id,
            **kwargs,
        )
        return cast("PipelineRun", run)

    def publish(
        self,
        name: str | None = None,
        description: str | None = None,
        version: str | None = None,
        continue_on_step_failure: bool | None = None,
    ) -> Any:
        """Store the pipeline so that it can be started by name, over REST and on a schedule."""
        from mlsteps.sdk.published import publish

        return publish(self.workspace, self._check(), name, description, version, continue_on_step_failure)

    def as_dag(self, dag_id: str, **dag_kwargs: Any) -> Any:
        """The pipeline as an Airflow DAG, for a DAG file: ``dag = pipeline.as_dag("train", schedule="@daily")``.

        :param dag_kwargs: whatever ``airflow.sdk.DAG`` takes.
        """
        from mlsteps.translate import dag

        return dag(self._built, dag_id, **dag_kwargs)

    def as_task_group(self, group_id: str, **group_kwargs: Any) -> Any:
        """The pipeline as a task group of a larger Airflow DAG, between other tasks.

        ::

            with DAG("nightly", schedule="@daily"):
                train = pipeline.as_task_group("train", parameters={"rate": "{{ params.rate }}"})
                extract >> train >> notify

        :param group_kwargs: see :func:`mlsteps.translate.task_group`.
        """
        from mlsteps.translate import task_group

        return task_group(self._built, group_id, **group_kwargs)

    @staticmethod
    def load_yaml(
        workspace: Any, filename: Any, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> Pipeline:
        """The pipeline that a YAML file describes (the CLI v1 format).

        :raises InvalidInput: for keys or steps that the format does not have.
        """
        from mlsteps.sdk.pipeline_yaml import load

        return load(workspace, filename)


def _flat(steps: Any) -> List[PipelineStep]:
    """Every step in ``steps`` once, in order; lists are flattened, sequences have told their steps their order."""
    found: dict[int, PipelineStep] = {}
    waiting = [("$.steps", steps)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, PipelineStep):
            found.setdefault(id(item), item)
        elif isinstance(item, (list, tuple, StepSequence)):
            waiting.extend(reversed([(f"{path}[{number}]", inner) for number, inner in enumerate(item)]))
        else:
            raise InvalidInput(
                f"{path} is a {type(item).__name__}", expected="a step, a list of steps or a StepSequence"
            )
    return list(found.values())
