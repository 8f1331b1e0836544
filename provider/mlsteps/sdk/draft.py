"""``PipelineDraft``: a pipeline with parameters that can still be changed."""

from __future__ import annotations

from typing import Any, List, Mapping

from mlsteps.sdk.published import not_yet


class PipelineDraft:
    """A draft (SDK docs: ``azureml.pipeline.core.PipelineDraft``). Made by :meth:`create`."""

    def __init__(
        self,
        workspace: Any,
        id: str,
        name: str | None = None,
        description: str | None = None,
        experiment_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        graph_draft_id: str | None = None,
        parent_pipeline_id: str | None = None,
        parent_pipeline_run_id: str | None = None,
        parent_step_run_ids: List[str] | None = None,
        parent_pipeline_draft_id: str | None = None,
        last_submitted_pipeline_run_id: str | None = None,
        _pipeline_draft_provider: Any = None,
    ) -> None:
        self._workspace = workspace
        self.id = id
        self.name = name
        self.description = description
        self.experiment_name = experiment_name
        self.tags = dict(tags or {})
        self.properties = dict(properties or {})
        self.graph_draft_id = graph_draft_id
        self.parent_pipeline_id = parent_pipeline_id
        self.parent_pipeline_run_id = parent_pipeline_run_id
        self.parent_step_run_ids = parent_step_run_ids
        self.parent_pipeline_draft_id = parent_pipeline_draft_id
        self.last_submitted_pipeline_run_id = last_submitted_pipeline_run_id

    @staticmethod
    def get(workspace: Any, id: str, _workflow_provider: Any = None, _service_endpoint: Any = None) -> PipelineDraft:
        """The draft of an id."""
        not_yet("PipelineDraft.get", "drafts.get")

    @staticmethod
    def create(
        workspace: Any,
        pipeline: Any,
        name: str | None = None,
        description: str | None = None,
        experiment_name: str | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        continue_on_step_failure: bool | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> PipelineDraft:
        """A draft of a Pipeline, PublishedPipeline, PipelineRun or another draft."""
        not_yet("PipelineDraft.create", "drafts.create")

    def get_graph(self, _workflow_provider: Any = None) -> Any:
        """Its graph."""
        not_yet("PipelineDraft.get_graph", "drafts.get_graph")

    def submit_run(self, _workflow_provider: Any = None) -> Any:
        """Start a run with the draft's parameters."""
        not_yet("PipelineDraft.submit_run", "drafts.submit")

    def publish(self, _workflow_provider: Any = None) -> Any:
        """Publish it."""
        not_yet("PipelineDraft.publish", "drafts.publish")

    def delete(self, _workflow_provider: Any = None) -> None:
        """Forget it."""
        not_yet("PipelineDraft.delete", "drafts.delete")

    def update(
        self,
        pipeline: Any = None,
        name: str | None = None,
        description: str | None = None,
        experiment_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        continue_on_step_failure: bool | None = None,
        _workflow_provider: Any = None,
    ) -> None:
        """Change what is given."""
        not_yet("PipelineDraft.update", "drafts.update")

    @staticmethod
    def list(
        workspace: Any, tags: Mapping[str, str] | None = None, _workflow_provider: Any = None
    ) -> List[PipelineDraft]:
        """All drafts."""
        not_yet("PipelineDraft.list", "drafts.list_drafts")

    def save(self, path: str | None = None, _workflow_provider: Any = None) -> Any:
        """Write it as YAML."""
        not_yet("PipelineDraft.save", "drafts.save")
