"""``PipelineEndpoint``: one lasting address over the versions of a published pipeline."""

from __future__ import annotations

from typing import Any, List, Mapping

from mlsteps.sdk.published import PublishedPipeline, not_yet


class PipelineIdVersion:
    """A version of an endpoint and the id of its pipeline."""

    def __init__(self, version: str, pipeline_id: str) -> None:
        self.version = version
        self.pipeline_id = pipeline_id


class PipelineVersion:
    """A version of an endpoint and its pipeline."""

    def __init__(self, version: str, pipeline: PublishedPipeline) -> None:
        self.version = version
        self.pipeline = pipeline


class PipelineEndpoint:
    """An endpoint (SDK docs: ``azureml.pipeline.core.PipelineEndpoint``). Made by :meth:`publish`."""

    def __init__(
        self,
        workspace: Any,
        id: str,
        name: str,
        description: str,
        status: str,
        default_version: str,
        endpoint: str,
        pipeline_version_list: List[PipelineIdVersion],
        _pipeline_endpoint_provider: Any = None,
        _published_pipeline_provider: Any = None,
        _swaggerurl: str | None = None,
    ) -> None:
        self._workspace = workspace
        self.id = id
        self.name = name
        self.description = description
        self.status = status
        self.default_version = default_version
        self.endpoint = endpoint
        self.pipeline_version_list = pipeline_version_list
        self.swaggerurl = _swaggerurl

    @staticmethod
    def publish(
        workspace: Any,
        name: str,
        description: str,
        pipeline: Any,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> PipelineEndpoint:
        """Make an endpoint whose version ``"0"`` is this pipeline."""
        not_yet("PipelineEndpoint.publish", "endpoints.publish")

    @staticmethod
    def get(
        workspace: Any,
        id: str | None = None,
        name: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> PipelineEndpoint:
        """The endpoint of an id or a name."""
        not_yet("PipelineEndpoint.get", "endpoints.get")

    @staticmethod
    def list(
        workspace: Any,
        active_only: bool = True,
        max_results: int = 100,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> List[PipelineEndpoint]:
        """All endpoints."""
        not_yet("PipelineEndpoint.list", "endpoints.list_endpoints")

    @staticmethod
    def get_all(
        workspace: Any, active_only: bool = True, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[PipelineEndpoint]:
        """Deprecated by the SDK; :meth:`list`."""
        return PipelineEndpoint.list(workspace, active_only)

    def enable(self) -> None:
        """Let it be started again."""
        not_yet("PipelineEndpoint.enable", "endpoints.update")

    def disable(self) -> None:
        """Let it be started no more."""
        not_yet("PipelineEndpoint.disable", "endpoints.update")

    def get_default_version(self) -> str:
        """The default version."""
        return self.default_version

    def get_pipeline(self, version: str | None = None) -> PublishedPipeline:
        """The pipeline of a version, or of the default one."""
        not_yet("PipelineEndpoint.get_pipeline", "endpoints.pipeline")

    def list_versions(self, _workflow_provider: Any = None, _service_endpoint: Any = None) -> List[PipelineVersion]:
        """All versions."""
        not_yet("PipelineEndpoint.list_versions", "endpoints.versions")

    def get_all_versions(self, _workflow_provider: Any = None, _service_endpoint: Any = None) -> List[PipelineVersion]:
        """Deprecated by the SDK; :meth:`list_versions`."""
        return self.list_versions()

    def list_pipelines(
        self, active_only: bool = True, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[PublishedPipeline]:
        """The pipelines of all versions."""
        not_yet("PipelineEndpoint.list_pipelines", "endpoints.pipelines")

    def get_all_pipelines(
        self, active_only: bool = True, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[PublishedPipeline]:
        """Deprecated by the SDK; :meth:`list_pipelines`."""
        return self.list_pipelines(active_only)

    def set_name(self, name: str) -> None:
        """Give it another name."""
        not_yet("PipelineEndpoint.set_name", "endpoints.update")

    def archive(self) -> None:
        """Put it away; its name is free again."""
        not_yet("PipelineEndpoint.archive", "endpoints.update")

    def reactivate(self, name: str) -> None:
        """Take it back under a name."""
        not_yet("PipelineEndpoint.reactivate", "endpoints.update")

    def add(self, pipeline: Any) -> None:
        """Add a version; the default stays."""
        not_yet("PipelineEndpoint.add", "endpoints.add")

    def add_default(self, pipeline: Any) -> None:
        """Add a version and make it the default."""
        not_yet("PipelineEndpoint.add_default", "endpoints.add")

    def set_default_version(self, version: str) -> None:
        """Make a version the default."""
        not_yet("PipelineEndpoint.set_default_version", "endpoints.update")

    def set_default(self, pipeline: Any) -> None:
        """Make the version of this pipeline the default."""
        not_yet("PipelineEndpoint.set_default", "endpoints.update")

    def submit(
        self,
        experiment_name: str,
        pipeline_parameters: Mapping[str, Any] | None = None,
        parent_run_id: str | None = None,
        pipeline_version: str | None = None,
    ) -> Any:
        """Start a run of a version, or of the default one."""
        not_yet("PipelineEndpoint.submit", "endpoints.submit")
