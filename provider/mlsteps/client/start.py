"""Starting a run of a graph that a workspace keeps: check, make the DAG available, record, trigger.

Used by ``Experiment.submit`` and, in Airflow's API server, by the REST endpoints of published pipelines.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Protocol

from mlsteps.client import parameters, pools
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import AzureMLException, InvalidInput, UserErrorException
from mlsteps.operators.parameters import CONTINUE, REGENERATE, SUBMISSION
from mlsteps.registry import graphs
from mlsteps.registry.run_events import event
from mlsteps.registry.run_ids import step_run_id

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

PIPELINE_RUN, SCRIPT_RUN = "azureml.PipelineRun", "azureml.scriptrun"


class Airflow(Protocol):
    """The Airflow that a run is given to."""

    @property
    def is_embedded(self) -> bool:
        """Whether it ends with the script that uses it."""

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a DAG run; InvalidInput when Airflow refuses the conf."""

    def link(self, dag_id: str, run_id: str) -> str:
        """Address of a run's page."""

    def has_pool(self, name: str, slots: int | None) -> bool:
        """Whether there is a pool; one with so many slots may be made."""


class Source(NamedTuple):
    """What is run.

    :param pipeline: document of the published pipeline, if it is one; :param endpoint_id: of the endpoint asked for it.
    """

    graph: PipelineGraph
    is_script: bool = False
    pipeline: Mapping[str, Any] | None = None
    endpoint_id: str | None = None


class Submission(NamedTuple):
    """What a run is started with.

    :param values: of pipeline parameters, checked; :param step_tags: for each step's run.
    """

    experiment: str
    source: Source
    values: Mapping[str, Any]
    tags: Mapping[str, str] = {}
    properties: Mapping[str, str] = {}
    continue_on_step_failure: bool = False
    regenerate_outputs: bool = False
    parent_run_id: str | None = None
    display_name: str | None = None
    description: str | None = None
    step_tags: Mapping[str, str] = {}
    run_source: str = "SDK"

    @property
    def graph(self) -> PipelineGraph:
        """The graph that runs."""
        return self.source.graph


def check(workspace: Workspace, submission: Submission) -> None:
    """Whether what the submission names is in the workspace.

    :raises UserErrorException: for an unknown datastore, dataset or parent run.
    """
    parameters.check_places(submission.graph.parameters, submission.values, workspace._store())
    parent = submission.parent_run_id
    if parent is not None and workspace._run_store().head(parent) is None:
        raise UserErrorException(f"parent_run_id names the run {parent!r}, which the workspace does not have.")


def texts(name: str, given: Any) -> dict[str, str]:
    """Tags and the like as texts.

    :raises InvalidInput: when it is no mapping; names it.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{name} is {given!r}", expected="a dictionary of texts")
    return {str(key): "" if value is None else str(value) for key, value in given.items()}


def start(
    workspace: Workspace, submission: Submission, run_id: str, dag_id: str, digest: str, airflow: Airflow
) -> None:
    """Record the run, then trigger it: it can be looked at from before it begins.

    :param digest: of the kept graph that the DAG has.
    :raises InvalidInput: when Airflow refuses the run, which is a failed one then.
    :raises UserErrorException: when steps would wait in a pool that is not there; nothing is recorded.
    """
    pools.have(workspace._store(), submission.graph, airflow.has_pool)
    runs = workspace._run_store()
    _record(workspace, submission, run_id, dag_id, digest, airflow)
    try:
        airflow.trigger(dag_id, run_id, _conf(submission, digest))
    except AzureMLException as error:
        fields = {"category": "infrastructure", "message": str(error)}
        runs.write(run_id, "status", status="Failed", error=fields, final=True)
        raise
    runs.write(run_id, "status", status="Running")


def _conf(submission: Submission, digest: str) -> dict[str, Any]:
    return {
        **submission.values,
        REGENERATE: submission.regenerate_outputs,
        CONTINUE: submission.continue_on_step_failure,
        SUBMISSION: {
            "experiment_name": submission.experiment,
            "tags": dict(submission.tags),
            "step_tags": dict(submission.step_tags),
            "properties": dict(submission.properties),
            "display_name": submission.display_name,
            "description": submission.description,
            "graph": digest,
        },
    }


def _record(
    workspace: Workspace, submission: Submission, run_id: str, dag_id: str, digest: str, airflow: Airflow
) -> None:
    runs, graph = workspace._run_store(), submission.graph
    place: dict[str, Any] = {"dag_id": dag_id, "dag_run_id": run_id, "portal_url": airflow.link(dag_id, run_id)}
    runs.create(
        run_id,
        experiment=submission.experiment,
        type=PIPELINE_RUN,
        name=submission.display_name or submission.experiment,
        parent=submission.parent_run_id,
        steps=[node.id for node in graph.steps],
        upstream={node.id: list(node.upstream()) for node in graph.steps if node.upstream()},
        continue_on_step_failure=submission.continue_on_step_failure,
        graph=graphs.graph_path(digest),
        pipeline_outputs=_pipeline_outputs(graph),
        parameters=dict(submission.values),
        embedded=airflow.is_embedded,
        **_published(submission.source),
        **place,
    )
    if submission.source.is_script:
        _record_script_run(workspace, submission, run_id, place)
    properties = _run_properties(submission, run_id)
    for one in [run_id, *([step_run_id(run_id, graph.steps[0].id, 1)] if submission.source.is_script else [])]:
        said = [event("property", key=key, value=value) for key, value in properties.items()]
        runs.write_all(one, [*said, *(event("tag", key=key, value=value) for key, value in submission.tags.items())])
    if submission.description:
        runs.write(run_id, "description", value=submission.description)


def _record_script_run(workspace: Workspace, submission: Submission, run_id: str, place: Mapping[str, Any]) -> None:
    (node,) = submission.graph.steps
    head: dict[str, Any] = {"step": node.id, "try": 1, "definition": node.to_json(), "pipeline_run": run_id, **place}
    workspace._run_store().create(
        step_run_id(run_id, node.id, 1), experiment=submission.experiment, type=SCRIPT_RUN, name=node.name, **head
    )


def _published(source: Source) -> dict[str, Any]:
    """Where a run came from, for its head; ``PipelineRun.get_pipeline_runs`` finds it by that."""
    found = {"pipeline_id": (source.pipeline or {}).get("id"), "pipeline_endpoint_id": source.endpoint_id}
    return {key: str(value) for key, value in found.items() if value is not None}


def _pipeline_outputs(graph: PipelineGraph) -> dict[str, list[str]]:
    """``{pipeline output name: [step, output]}``."""
    ports = [(node.id, port) for node in graph.steps for port in node.outputs]
    return {port.pipeline_output_name: [step, port.name] for step, port in ports if port.pipeline_output_name}


def _run_properties(submission: Submission, run_id: str) -> dict[str, str]:
    """As the SDK writes them on a pipeline run."""
    published = {"azureml.pipelineid": (submission.source.pipeline or {}).get("id")}
    return {
        **submission.properties,
        **{key: str(value) for key, value in published.items() if value is not None},
        "azureml.runsource": "azureml.PipelineRun",
        "runSource": submission.run_source,
        "runType": submission.run_source,
        "azureml.pipelinerunid": run_id,
        "azureml.parameters": json.dumps({name: _text(value) for name, value in submission.values.items()}),
        "azureml.continue_on_step_failure": str(submission.continue_on_step_failure),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
