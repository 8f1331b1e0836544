"""``PipelineEndpoint``: one lasting address over the versions of a published pipeline."""

from __future__ import annotations

from typing import Any, List, Mapping

from mlsteps.errors import InvalidInput
from mlsteps.sdk.published import PublishedPipeline, outside_steps, published_id


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
    """An endpoint (SDK docs: ``azureml.pipeline.core.PipelineEndpoint``). Made by :meth:`publish`.

    Versions are the texts ``"0"``, ``"1"``, ...; the first is the default one until another is made it.
    """

    def __init__(
        self,
        workspace: Any,
        id: str,
        name: str,
        description: str | None,
        status: str,
        default_version: str,
        endpoint: str | None,
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
        self.pipeline_version_list = pipeline_version_list
        self._endpoint = endpoint
        self._swaggerurl = _swaggerurl

    @classmethod
    def _of(cls, workspace: Any, document: Mapping[str, Any]) -> PipelineEndpoint:
        made = cls(workspace, document["id"], "", None, "", "", None, [])
        made._take(document)
        return made

    def _take(self, document: Mapping[str, Any]) -> None:
        self.name = document["name"]
        self.description = document.get("description")
        self.status = document["status"]
        self.default_version = document["default_version"]
        self.pipeline_version_list = [PipelineIdVersion(*item) for item in document["versions"].items()]

    def _refresh(self) -> None:
        from mlsteps.registry import endpoints

        self._take(endpoints.need(self._workspace._store(), self.id))

    # Making and finding

    @staticmethod
    def publish(
        workspace: Any,
        name: str,
        description: str | None,
        pipeline: Any,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> PipelineEndpoint:
        """Make an endpoint whose version ``"0"`` is this pipeline.

        :param pipeline: a ``PublishedPipeline``; or a ``Pipeline``, which is published under the endpoint's name.
        :raises InvalidInput: (a ``ValueError``) when the name is taken.
        """
        from mlsteps.registry import endpoints

        store = workspace._store()
        if endpoints.get(store, name=name) is not None:  # before a pipeline is published for nothing
            raise InvalidInput(
                f"There is a pipeline endpoint {name!r} already",
                mend="PipelineEndpoint.get(workspace, name=...) and its add(), or another name",
            )
        pipeline_id = published_id(workspace, pipeline, name, description)
        return PipelineEndpoint._of(workspace, endpoints.publish(store, name, description, pipeline_id))

    @staticmethod
    def get(
        workspace: Any,
        id: str | None = None,
        name: str | None = None,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> PipelineEndpoint:
        """The endpoint of an id or a name.

        :raises UserErrorException: when there is none; names those there are.
        """
        from mlsteps.registry import endpoints

        return PipelineEndpoint._of(workspace, endpoints.need(workspace._store(), id, name))

    @staticmethod
    def list(
        workspace: Any,
        active_only: bool = True,
        max_results: int = 100,
        _workflow_provider: Any = None,
        _service_endpoint: Any = None,
    ) -> List[PipelineEndpoint]:
        """The endpoints, newest first, at most ``max_results``."""
        from mlsteps.registry import endpoints

        found = endpoints.list_endpoints(workspace._store(), active_only)
        return [PipelineEndpoint._of(workspace, document) for document in found[:max_results]]

    @staticmethod
    def get_all(
        workspace: Any, active_only: bool = True, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[PipelineEndpoint]:
        """Deprecated by the SDK; :meth:`list`."""
        return PipelineEndpoint.list(workspace, active_only)

    @property
    def endpoint(self) -> str:
        """The address that takes ``POST`` to start a run, by id: ``.../Id/<id>``; see ``PublishedPipeline.endpoint``.

        Cut at ``Id``, ``Name?name=<name>`` finds it by its name; ``pipelineVersion=<version>`` chooses a version.
        """
        if self._endpoint:
            return self._endpoint
        outside_steps("PipelineEndpoint.endpoint")
        from mlsteps.client.addresses import of_endpoint

        return of_endpoint(self._workspace, self.id)

    @property
    def swaggerurl(self) -> str:
        """The address of the OpenAPI description of :attr:`endpoint`."""
        if self._swaggerurl:
            return self._swaggerurl
        outside_steps("PipelineEndpoint.swaggerurl")
        from mlsteps.client.addresses import of_description

        return of_description(self._workspace)

    # Its state

    def enable(self) -> None:
        """Let it be started again."""
        self._set_status("Active")

    def disable(self) -> None:
        """Let it be started no more."""
        self._set_status("Disabled")

    def archive(self) -> None:
        """Put it away; its name is free again."""
        self._set_status("Archived")

    def _set_status(self, status: str) -> None:
        from mlsteps.registry import endpoints

        endpoints.set_status(self._workspace._store(), self.id, status)
        self._refresh()

    def reactivate(self, name: str) -> None:
        """Take it back under a name.

        :raises InvalidInput: (a ``ValueError``) when the name is taken.
        """
        self._set_name(name, "Active")

    def set_name(self, name: str) -> None:
        """Give it another name.

        :raises InvalidInput: (a ``ValueError``) when the name is taken.
        """
        self._set_name(name, None)

    def _set_name(self, name: str, status: str | None) -> None:
        from mlsteps.registry import endpoints

        endpoints.set_name(self._workspace._store(), self.id, name, status)
        self._refresh()

    # Versions

    def get_default_version(self) -> str:
        """The default version."""
        return self.default_version

    def get_pipeline(self, version: str | None = None) -> PublishedPipeline:
        """The pipeline of a version, or of the default one.

        :raises InvalidInput: for a version that is not there.
        """
        from mlsteps.registry import endpoints

        document = endpoints.need(self._workspace._store(), self.id)
        return PublishedPipeline.get(self._workspace, endpoints.pipeline_id(document, version))

    def list_versions(self, _workflow_provider: Any = None, _service_endpoint: Any = None) -> List[PipelineVersion]:
        """All versions."""
        self._refresh()
        return [
            PipelineVersion(item.version, PublishedPipeline.get(self._workspace, item.pipeline_id))
            for item in self.pipeline_version_list
        ]

    def get_all_versions(self, _workflow_provider: Any = None, _service_endpoint: Any = None) -> List[PipelineVersion]:
        """Deprecated by the SDK; :meth:`list_versions`."""
        return self.list_versions()

    def list_pipelines(
        self, active_only: bool = True, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[PublishedPipeline]:
        """The pipelines of all versions."""
        found = [item.pipeline for item in self.list_versions()]
        return [item for item in found if not active_only or item.status == "Active"]

    def get_all_pipelines(
        self, active_only: bool = True, _workflow_provider: Any = None, _service_endpoint: Any = None
    ) -> List[PublishedPipeline]:
        """Deprecated by the SDK; :meth:`list_pipelines`."""
        return self.list_pipelines(active_only)

    def add(self, pipeline: Any) -> None:
        """Add a version; the default stays."""
        self._add(pipeline)
        self._refresh()

    def add_default(self, pipeline: Any) -> None:
        """Add a version and make it the default."""
        self.set_default_version(self._add(pipeline))

    def _add(self, pipeline: Any) -> str:
        from mlsteps.registry import endpoints

        pipeline_id = published_id(self._workspace, pipeline, self.name, self.description)
        return endpoints.add(self._workspace._store(), self.id, pipeline_id)

    def set_default_version(self, version: str) -> None:
        """Make a version the default.

        :raises InvalidInput: (a ``ValueError``) for a version that is not there.
        """
        from mlsteps.registry import endpoints

        endpoints.set_default(self._workspace._store(), self.id, str(version))
        self._refresh()

    def set_default(self, pipeline: Any) -> None:
        """Make the newest version of this pipeline the default.

        :raises InvalidInput: (a ``ValueError``) when no version is of this pipeline.
        """
        self._refresh()
        wanted = pipeline.id if isinstance(pipeline, PublishedPipeline) else pipeline
        versions = [item.version for item in self.pipeline_version_list if item.pipeline_id == wanted]
        if not versions:
            raise InvalidInput(f"The endpoint {self.name!r} has no version of the pipeline {wanted}", mend="add() it")
        self.set_default_version(versions[-1])

    def submit(
        self,
        experiment_name: str,
        pipeline_parameters: Mapping[str, Any] | None = None,
        parent_run_id: str | None = None,
        pipeline_version: str | None = None,
    ) -> Any:
        """Start a run of a version, or of the default one.

        :raises UserErrorException: when the endpoint or the pipeline is disabled.
        """
        from mlsteps.sdk.experiment import Experiment

        return Experiment(self._workspace, experiment_name).submit(
            self,
            pipeline_parameters=pipeline_parameters,
            parent_run_id=parent_run_id,
            pipeline_version=pipeline_version,
        )
