"""``Experiment.submit`` and ``Pipeline.submit``: check, keep the source, store the graph, start the run."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Mapping

from mlsteps.client import active, connections, parameters, pipelines, start
from mlsteps.client.start import Source, Submission
from mlsteps.client.target import target_of
from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.registry import endpoints, graphs
from mlsteps.registry import pipelines as published
from mlsteps.registry.run_ids import step_run_id
from mlsteps.sdk.steps.not_run import refuse_not_run

if TYPE_CHECKING:
    from mlsteps.sdk.run import Run
    from mlsteps.sdk.workspace import Workspace


def submit(
    workspace: Workspace,
    experiment_name: str,
    config: Any,
    *,
    tags: Mapping[str, Any] | None = None,
    pipeline_parameters: Mapping[str, Any] | None = None,
    continue_on_step_failure: bool | None = None,
    regenerate_outputs: bool = False,
    parent_run_id: str | None = None,
    pipeline_version: str | None = None,
    display_name: str | None = None,
    credential_passthrough: bool | None = None,
    **kwargs: Any,
) -> Run:
    """Start a run and return at once.

    :param config: a ``Pipeline``, ``PublishedPipeline``, ``PipelineEndpoint`` or ``PipelineDraft``; or a
        ``ScriptRunConfig`` or an estimator, which is run as a pipeline of one step.
    :param continue_on_step_failure: None for what was said when it was published, else False.
    :param pipeline_version: of an endpoint; None for its default.
    :param credential_passthrough: accepted; datastores use their connections.
    :returns: a ``PipelineRun``; for a ``ScriptRunConfig`` a ``ScriptRun``.
    :raises GraphError: with every fault of the pipeline.
    :raises InvalidInput: for parameters that do not exist or have the wrong type, and unknown keywords.
    :raises UserErrorException: for what is disabled.
    """
    if kwargs:
        raise InvalidInput(f"submit() is given {', '.join(map(repr, sorted(kwargs)))}", expected=_KEYWORDS)
    source = _source_of(workspace, config, pipeline_version)
    refuse_not_run(source.graph.steps)
    go_on = (source.pipeline or {}).get("continue_on_step_failure")
    submission = Submission(
        experiment_name,
        source,
        parameters.assignments(source.graph.parameters, pipeline_parameters),
        tags=start.texts("tags", tags),
        properties=_git_properties(source.graph),
        continue_on_step_failure=bool(go_on if continue_on_step_failure is None else continue_on_step_failure),
        regenerate_outputs=bool(regenerate_outputs),
        parent_run_id=parent_run_id,
        display_name=display_name,
    )
    start.check(workspace, submission)
    _keep_datasets(workspace, pipeline_parameters or {})
    return _start(workspace, submission, config)


_KEYWORDS = (
    "tags, pipeline_parameters, continue_on_step_failure, regenerate_outputs, parent_run_id, pipeline_version, "
    "display_name or credential_passthrough"
)


def _keep_datasets(workspace: Workspace, values: Mapping[str, Any]) -> None:
    """Datasets among the parameters are saved, as in the SDK: scripts send their ids in REST bodies afterwards."""
    from mlsteps.sdk.abstract_dataset import AbstractDataset

    for value in values.values():
        value = getattr(value, "dataset", value)
        if isinstance(value, AbstractDataset):
            value._keep(workspace)


def _start(workspace: Workspace, submission: Submission, config: Any) -> Run:
    # Begins to start the embedded Airflow, which goes on while the sources are packed.
    target = target_of(workspace._reference())
    ws = workspace._store()
    graph = graphs.with_snapshots(submission.graph, ws)
    submission = submission._replace(source=submission.source._replace(graph=graph))
    run_id = str(uuid.uuid4())
    _announce(submission, run_id)
    connections.hand_over(target.api, ws)
    with pipelines.one_at_a_time(target):
        dag_id, digest = pipelines.load(target, ws, submission.source, submission.experiment)
        start.start(workspace, submission, run_id, dag_id, digest, target)
    run = _run(workspace, submission, run_id, config)
    active.track(active.ActiveRun(workspace._run_store(), run_id, dag_id, target, run.id))
    print(f"Submitted {'ScriptRun' if submission.source.is_script else 'PipelineRun'} {run.id}")
    print(f"Link to the run in Airflow: {target.link(dag_id, run_id)}", flush=True)
    return run


def _source_of(workspace: Workspace, config: Any, version: str | None) -> Source:
    from mlsteps.sdk.draft import PipelineDraft
    from mlsteps.sdk.endpoint import PipelineEndpoint
    from mlsteps.sdk.published import PublishedPipeline

    if version is not None and not isinstance(config, PipelineEndpoint):
        raise InvalidInput(
            f"pipeline_version is {version!r} for a {type(config).__name__}", expected="it for a PipelineEndpoint only"
        )
    if isinstance(config, PublishedPipeline):
        return _published(workspace, config.id)
    if isinstance(config, PipelineEndpoint):
        endpoint = endpoints.need(workspace._store(), config.id)
        endpoints.check_active(endpoint)
        return _published(workspace, endpoints.pipeline_id(endpoint, version))._replace(endpoint_id=config.id)
    if isinstance(config, PipelineDraft):
        return Source(config.get_graph())
    return Source(_pipeline_of(workspace, config)._check(), is_script=not hasattr(config, "_graph"))


def _published(workspace: Workspace, id: str) -> Source:
    document = published.need(workspace._store(), id)
    published.check_active(document)
    return Source(published.graph_of(workspace._store(), document), pipeline=document)


def _pipeline_of(workspace: Workspace, config: Any) -> Any:
    from mlsteps.sdk.estimator import MMLBaseEstimator
    from mlsteps.sdk.script_run_config import ScriptRunConfig

    if hasattr(config, "_graph"):
        return config
    if not isinstance(config, (ScriptRunConfig, MMLBaseEstimator)):
        raise UnsupportedFeature(f"Submitting a {type(config).__name__}", alternative="a Pipeline or a ScriptRunConfig")
    from mlsteps.sdk.pipeline import Pipeline

    return Pipeline(workspace, [_step_of(config)])


def _step_of(config: Any) -> Any:
    """The step of a ScriptRunConfig or an estimator; never reused: each submission of one runs, as in the SDK."""
    from mlsteps.sdk.steps.command import CommandStep
    from mlsteps.sdk.steps.python_script import PythonScriptStep

    common = {
        "compute_target": config.run_config.target,
        "runconfig": config.run_config,
        "source_directory": config.source_directory,
        "inputs": getattr(config, "_inputs", None),
        "allow_reuse": False,
    }
    script = getattr(config, "script", config.run_config.script)
    if getattr(config, "command", None):
        return CommandStep(config.command, **common)
    return PythonScriptStep(script, arguments=getattr(config, "arguments", config.run_config.arguments), **common)


def _git_properties(graph: PipelineGraph) -> dict[str, str]:
    """Of the first step's source, as the SDK records them with a run."""
    from mlsteps.storage.snapshots import git_properties

    folder = next((node.source_directory for node in graph.steps if node.source_directory), None)
    return {} if folder is None else git_properties(folder)


def _announce(submission: Submission, run_id: str) -> None:
    """The lines that the SDK prints for each step."""
    for node in submission.graph.steps:
        reusable = node.allow_reuse and not submission.regenerate_outputs
        what = (
            "This step is eligible to reuse a previous run's output"
            if reusable
            else "This step will run and generate new outputs"
        )
        print(f"Created step {node.name} [{_module_hash(node)}][{step_run_id(run_id, node.id, 1)}], ({what})")


def _module_hash(node: StepNode) -> str:
    return digest_of(node)[:8]


def _run(workspace: Workspace, submission: Submission, run_id: str, config: Any) -> Run:
    from mlsteps.sdk.experiment import Experiment

    experiment = Experiment(workspace, submission.experiment)
    if submission.source.is_script:
        from mlsteps.sdk.script_run import ScriptRun

        own = step_run_id(run_id, submission.graph.steps[0].id, 1)
        return ScriptRun(experiment, own, config.source_directory, config.run_config)
    from mlsteps.sdk.pipeline_run import PipelineRun

    made: Run = PipelineRun(experiment, run_id)
    return made
