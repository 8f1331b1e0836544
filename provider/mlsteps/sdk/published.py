"""``PublishedPipeline``: a stored pipeline that is started by name, over REST and on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Mapping

from mlsteps.errors import UnsupportedFeature

if TYPE_CHECKING:
    from mlsteps.contracts.graph import PipelineGraph


def publish(
    workspace: Any,
    graph: PipelineGraph,
    name: str | None,
    description: str | None,
    version: str | None,
    continue_on_step_failure: bool | None,
) -> PublishedPipeline:
    """Store a graph under a name; for ``Pipeline.publish`` and ``PipelineRun.publish_pipeline``.

    Sources that are still folders of this machine are packed first, so that what is published can run anywhere.
    """
    from mlsteps.registry import graphs, pipelines

    store = workspace._store()
    document = pipelines.publish(
        store,
        graphs.with_snapshots(graph, store),
        name=name,
        description=description if description is not None else graph.description,
        version=version,
        continue_on_step_failure=continue_on_step_failure,
    )
    return PublishedPipeline._of(workspace, document)


class PublishedPipeline:
    """A published pipeline (SDK docs: ``azureml.pipeline.core.PublishedPipeline``). Made by ``Pipeline.publish``.

    What was published never changes; only whether it takes new runs does.
    """

    def __init__(
        self,
        name: str,
        graph_id: str,
        description: str | None,
        version: str | None,
        published_pipeline_id: str,
        status: str,
        endpoint: str | None,
        total_run_steps: int,
        workspace: Any,
        continue_on_step_failure: bool | None = None,
        _pipeline_provider: Any = None,
        **kwargs: Any,
    ) -> None:
        self.name = name
        self.graph_id = graph_id
        self.description = description
        self.version = version
        self.id = published_pipeline_id
        self.status = status
        self.total_run_steps = total_run_steps
        self.workspace = workspace
        self.continue_on_step_failure = continue_on_step_failure
        self._endpoint = endpoint

    @classmethod
    def _of(cls, workspace: Any, document: Mapping[str, Any]) -> PublishedPipeline:
        return cls(
            document["name"],
            document["graph"],
            document.get("description"),
            document.get("version"),
            document["id"],
            document["status"],
            None,
            document["steps"],
            workspace,
            document.get("continue_on_step_failure"),
        )

    @property
    def endpoint(self) -> str:
        """The address that takes ``POST`` to start a run, on the Airflow of the workspace.

        With none configured this is the embedded Airflow, which is started when it does not run: it and the address
        last as long as the script.
        """
        if self._endpoint:
            return self._endpoint
        outside_steps("PublishedPipeline.endpoint")
        from mlsteps.client.addresses import of_pipeline

        return of_pipeline(self.workspace, self.id)

    def submit(
        self,
        workspace: Any,
        experiment_name: str,
        pipeline_parameters: Mapping[str, Any] | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
        parent_run_id: str | None = None,
        continue_on_step_failure: bool | None = None,
    ) -> Any:
        """Start a run and return at once.

        :raises UserErrorException: when it is disabled.
        """
        from mlsteps.sdk.experiment import Experiment

        return Experiment(workspace, experiment_name).submit(
            self,
            pipeline_parameters=pipeline_parameters,
            parent_run_id=parent_run_id,
            continue_on_step_failure=continue_on_step_failure,
        )

    @staticmethod
    def get(
        workspace: Any,
        id: str,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> PublishedPipeline:
        """The published pipeline of an id.

        :raises UserErrorException: when there is none.
        """
        from mlsteps.registry import pipelines

        return PublishedPipeline._of(workspace, pipelines.need(workspace._store(), id))

    @staticmethod
    def list(workspace: Any, active_only: bool = True, _service_endpoint: Any = None) -> List[PublishedPipeline]:
        """All published pipelines, newest first; the disabled ones too when ``active_only`` is off."""
        from mlsteps.registry import pipelines

        found = pipelines.list_published(workspace._store(), active_only)
        return [PublishedPipeline._of(workspace, document) for document in found]

    @staticmethod
    def get_all(workspace: Any, active_only: bool = True, _service_endpoint: Any = None) -> List[PublishedPipeline]:
        """Deprecated by the SDK; :meth:`list`."""
        return PublishedPipeline.list(workspace, active_only)

    def enable(self) -> None:
        """Let it be started again."""
        self._set_status("Active")

    def disable(self) -> None:
        """Let it be started no more; runs that go on are finished."""
        self._set_status("Disabled")

    def _set_status(self, status: str) -> None:
        from mlsteps.registry import pipelines

        pipelines.set_status(self.workspace._store(), self.id, status)
        self.status = status

    def get_graph(self, _workflow_provider: Any = None) -> PipelineGraph:
        """Its graph."""
        from mlsteps.registry import graphs

        return graphs.get_graph(self.workspace._store(), self.graph_id)

    def get_step_names(self, _workflow_provider: Any = None) -> List[str]:
        """The names of its steps, in the order of the graph."""
        return [node.name for node in self.get_graph().steps]

    def save(self, path: str | None = None, _workflow_provider: Any = None) -> Any:
        """:raises UnsupportedFeature: always; the SDK writes graphs of modules only."""
        raise UnsupportedFeature("PublishedPipeline.save", "", "PublishedPipeline.get_graph().to_json()")

    def get_portal_url(self) -> str:
        """Where a person can look at it."""
        return self.endpoint

    @property
    def portal_url(self) -> str:
        """The same as :meth:`get_portal_url`."""
        return self.get_portal_url()

    def __repr__(self) -> str:
        return f"Pipeline(Name: {self.name}, Id: {self.id}, Status: {self.status}, Endpoint: {self._endpoint or '...'})"


def outside_steps(feature: str) -> None:
    """:raises UnsupportedFeature: inside a step, which has no way to Airflow."""
    from mlsteps.sdk import step_context

    if step_context.current() is not None:
        raise UnsupportedFeature(f"{feature} inside a step", "a step cannot reach Airflow", "a PipelineParameter")


def published_id(workspace: Any, pipeline: Any, name: str, description: str | None) -> str:
    """The id of a published pipeline; what is a ``Pipeline`` still is published under this name.

    :raises UnsupportedFeature: for anything else.
    """
    if isinstance(pipeline, PublishedPipeline):
        return pipeline.id
    if not hasattr(pipeline, "publish"):
        raise UnsupportedFeature(
            f"A {type(pipeline).__name__} as a version of an endpoint", alternative="a Pipeline or a PublishedPipeline"
        )
    made: PublishedPipeline = pipeline.publish(name, description)
    return made.id
