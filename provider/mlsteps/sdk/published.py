"""``PublishedPipeline``: a stored pipeline that is started by name, over REST and on a schedule."""

from __future__ import annotations

from typing import Any, List, Mapping, NoReturn

from mlsteps.errors import UnsupportedFeature


def not_yet(feature: str, by: str) -> NoReturn:
    """Refuse what needs a part that is still to come.

    :param by: the function of ``mlsteps.client`` that will do it.
    """
    raise UnsupportedFeature(
        feature, f"publishing is not there yet (mlsteps.client.{by})", "Pipeline.submit or Pipeline.as_dag"
    )


def publish(
    workspace: Any,
    graph: Any,
    name: str | None,
    description: str | None,
    version: str | None,
    continue_on_step_failure: bool | None,
) -> PublishedPipeline:
    """Store a graph under a name; for ``Pipeline.publish`` and ``PipelineRun.publish_pipeline``."""
    not_yet("Pipeline.publish", "publish.publish")


class PublishedPipeline:
    """A published pipeline (SDK docs: ``azureml.pipeline.core.PublishedPipeline``). Made by ``Pipeline.publish``."""

    def __init__(
        self,
        name: str,
        graph_id: str,
        description: str | None,
        version: str | None,
        published_pipeline_id: str,
        status: str,
        endpoint: str,
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
        self.endpoint = endpoint
        self.total_run_steps = total_run_steps
        self.workspace = workspace
        self.continue_on_step_failure = continue_on_step_failure

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
        """Start a run."""
        not_yet("PublishedPipeline.submit", "publish.submit")

    @staticmethod
    def get(
        workspace: Any,
        id: str,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> PublishedPipeline:
        """The published pipeline of an id."""
        not_yet("PublishedPipeline.get", "publish.get")

    @staticmethod
    def list(workspace: Any, active_only: bool = True, _service_endpoint: Any = None) -> List[PublishedPipeline]:
        """All published pipelines."""
        not_yet("PublishedPipeline.list", "publish.list_published")

    @staticmethod
    def get_all(workspace: Any, active_only: bool = True, _service_endpoint: Any = None) -> List[PublishedPipeline]:
        """Deprecated by the SDK; :meth:`list`."""
        return PublishedPipeline.list(workspace, active_only)

    @property
    def portal_url(self) -> str:
        """The same as :meth:`get_portal_url`."""
        return self.get_portal_url()

    def get_portal_url(self) -> str:
        """Where a person can look at it."""
        return self.endpoint

    def enable(self) -> None:
        """Let it be started again."""
        not_yet("PublishedPipeline.enable", "publish.set_status")

    def disable(self) -> None:
        """Let it be started no more."""
        not_yet("PublishedPipeline.disable", "publish.set_status")

    def get_graph(self, _workflow_provider: Any = None) -> Any:
        """Its graph."""
        not_yet("PublishedPipeline.get_graph", "publish.get_graph")

    def get_step_names(self, _workflow_provider: Any = None) -> List[str]:
        """The names of its steps."""
        return [node.name for node in self.get_graph().steps]

    def save(self, path: str | None = None, _workflow_provider: Any = None) -> Any:
        """Write it as YAML."""
        not_yet("PublishedPipeline.save", "publish.save")
