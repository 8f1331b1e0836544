"""``PipelineDraft``: a pipeline with parameters that can still be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping

from mlsteps.errors import InvalidInput, UnsupportedFeature

if TYPE_CHECKING:
    from mlsteps.contracts.graph import PipelineGraph

_FIELDS = ("name", "description", "experiment_name", "last_submitted_pipeline_run_id")
_PARENTS = ("parent_pipeline_id", "parent_pipeline_run_id", "parent_step_run_ids", "parent_pipeline_draft_id")


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

    @classmethod
    def _of(cls, workspace: Any, document: Mapping[str, Any]) -> PipelineDraft:
        made = cls(workspace, document["id"])
        made._take(document)
        return made

    def _take(self, document: Mapping[str, Any]) -> None:
        for field in (*_FIELDS, *_PARENTS):
            setattr(self, field, document.get(field))
        self.tags = dict(document["tags"])
        self.properties = dict(document["properties"])
        self.graph_draft_id = document["graph"]

    @staticmethod
    def get(workspace: Any, id: str, _workflow_provider: Any = None, _service_endpoint: Any = None) -> PipelineDraft:
        """The draft of an id.

        :raises UserErrorException: when there is none.
        """
        from mlsteps.registry import drafts

        return PipelineDraft._of(workspace, drafts.need(workspace._store(), id))

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
        """A draft of a Pipeline, PublishedPipeline, PipelineRun or another draft.

        One of a run or of a draft begins with its parameters, its experiment and what it does after a failure; one of
        a draft with its name, description, tags and properties, too. What is given counts before that.

        :raises UnsupportedFeature: for anything else; InvalidInput: for parameters that the pipeline does not have.
        """
        from mlsteps.registry import drafts

        graph, parents = _graph_of(workspace, pipeline)
        given = {
            "name": name,
            "description": description,
            "experiment_name": experiment_name,
            "continue_on_step_failure": continue_on_step_failure,
            "tags": None if tags is None else _texts(tags),
            "properties": None if properties is None else _texts(properties),
        }
        before = _cloned(pipeline)
        parameters = {**before.pop("parameters", {}), **_values(graph, pipeline_parameters)}
        facts = {**before, **{key: value for key, value in given.items() if value is not None}}
        kept = _kept(workspace, graph)
        document = drafts.create(workspace._store(), kept, parameters=parameters, **facts, **parents)
        return PipelineDraft._of(workspace, document)

    def get_graph(self, _workflow_provider: Any = None) -> PipelineGraph:
        """Its graph."""
        from mlsteps.registry import graphs

        return graphs.get_graph(self._workspace._store(), self._document()["graph"])

    def submit_run(self, _workflow_provider: Any = None) -> Any:
        """Start a run with the draft's parameters, in the draft's experiment; returns at once.

        :raises InvalidInput: when the draft names no experiment.
        """
        from mlsteps.registry import drafts
        from mlsteps.sdk.experiment import Experiment

        document = self._document()
        if not document.get("experiment_name"):
            raise InvalidInput(
                f"The draft {self.id} names no experiment", mend='draft.update(experiment_name="...") before submit_run'
            )
        run = Experiment(self._workspace, document["experiment_name"]).submit(
            self,
            tags=document["tags"],
            pipeline_parameters=document["parameters"],
            continue_on_step_failure=bool(document.get("continue_on_step_failure")),
        )
        self._take(drafts.update(self._workspace._store(), self.id, last_submitted_pipeline_run_id=run.id))
        return run

    def publish(self, _workflow_provider: Any = None) -> Any:
        """Publish it; the draft's parameters become the defaults."""
        from dataclasses import replace

        from mlsteps.sdk.published import publish

        document, graph = self._document(), self.get_graph()
        values = document["parameters"]
        parameters = tuple(
            replace(item, default=values[item.name], required=False) if item.name in values else item
            for item in graph.parameters
        )
        graph = replace(graph, parameters=parameters)
        go_on = document.get("continue_on_step_failure")
        return publish(self._workspace, graph, document.get("name"), document.get("description"), None, go_on)

    def delete(self, _workflow_provider: Any = None) -> None:
        """Forget it."""
        from mlsteps.registry import drafts

        drafts.delete(self._workspace._store(), self.id)

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
        """Change what is given.

        :raises InvalidInput: for parameters that the pipeline does not have.
        """
        from mlsteps.registry import drafts

        given: Dict[str, Any] = {
            "name": name,
            "description": description,
            "experiment_name": experiment_name,
            "tags": None if tags is None else _texts(tags),
            "continue_on_step_failure": continue_on_step_failure,
        }
        changes = {key: value for key, value in given.items() if value is not None}
        graph = self.get_graph() if pipeline is None else _graph_of(self._workspace, pipeline)[0]
        if pipeline is not None:
            changes["graph"] = _kept(self._workspace, graph)
            known = {item.name for item in graph.parameters}
            before = self._document()["parameters"]
            changes["parameters"] = {key: value for key, value in before.items() if key in known}
        if pipeline_parameters is not None:
            changes["parameters"] = _values(graph, pipeline_parameters)
        self._take(drafts.update(self._workspace._store(), self.id, **changes))

    @staticmethod
    def list(
        workspace: Any, tags: Mapping[str, str] | None = None, _workflow_provider: Any = None
    ) -> List[PipelineDraft]:
        """All drafts that have these tags, newest first."""
        from mlsteps.registry import drafts

        return [PipelineDraft._of(workspace, item) for item in drafts.list_drafts(workspace._store(), tags)]

    def save(self, path: str | None = None, _workflow_provider: Any = None) -> Any:
        """:raises UnsupportedFeature: always; the SDK writes graphs of modules only."""
        raise UnsupportedFeature("PipelineDraft.save", "", "PipelineDraft.get_graph().to_json()")

    def _document(self) -> Dict[str, Any]:
        from mlsteps.registry import drafts

        return drafts.need(self._workspace._store(), self.id)


def _graph_of(workspace: Any, pipeline: Any) -> Any:
    """A graph and where it came from, by the names of a draft's fields."""
    from mlsteps.sdk.pipeline import Pipeline
    from mlsteps.sdk.pipeline_run import PipelineRun
    from mlsteps.sdk.published import PublishedPipeline

    if isinstance(pipeline, Pipeline):
        return pipeline._check(), {}
    if isinstance(pipeline, PublishedPipeline):
        return pipeline.get_graph(), {"parent_pipeline_id": pipeline.id}
    if isinstance(pipeline, PipelineDraft):
        return pipeline.get_graph(), {"parent_pipeline_draft_id": pipeline.id}
    if isinstance(pipeline, PipelineRun):
        steps = [step.id for step in pipeline.get_steps()]
        return pipeline.get_graph(), {"parent_pipeline_run_id": pipeline.id, "parent_step_run_ids": steps or None}
    raise UnsupportedFeature(
        f"A draft of a {type(pipeline).__name__}", alternative="a Pipeline, PublishedPipeline, PipelineRun or draft"
    )


def _cloned(pipeline: Any) -> Dict[str, Any]:
    """What a draft takes over from the run or the draft that it is made of."""
    from mlsteps.sdk.pipeline_run import PipelineRun

    if isinstance(pipeline, PipelineDraft):
        kept = (
            "name",
            "description",
            "experiment_name",
            "continue_on_step_failure",
            "parameters",
            "tags",
            "properties",
        )
        document = pipeline._document()
        return {key: document[key] for key in kept if document.get(key) is not None}
    if isinstance(pipeline, PipelineRun):
        head = pipeline._head()
        parameters = {item.name for item in pipeline.get_graph().parameters}
        return {
            "experiment_name": pipeline.experiment.name,
            "continue_on_step_failure": bool(head.get("continue_on_step_failure")),
            "parameters": {key: value for key, value in (head.get("parameters") or {}).items() if key in parameters},
        }
    return {}


def _kept(workspace: Any, graph: PipelineGraph) -> str:
    from mlsteps.registry import graphs

    store = workspace._store()
    return graphs.put_graph(store, graphs.with_snapshots(graph, store))


def _values(graph: PipelineGraph, given: Mapping[str, Any] | None) -> Dict[str, Any]:
    from mlsteps.client.parameters import assignments

    known = [item for item in graph.parameters if not item.required or item.name in (given or {})]
    return assignments(known, given)


def _texts(given: Mapping[str, Any] | None) -> Dict[str, str]:
    return {str(key): "" if value is None else str(value) for key, value in (given or {}).items()}
