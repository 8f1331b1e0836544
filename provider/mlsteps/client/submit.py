"""``Experiment.submit`` and ``Pipeline.submit``: check, keep the source, store the graph, start the run."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

from mlsteps.client import active, parameters, pipelines
from mlsteps.client.target import Target, target_of
from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.errors import AzureMLException, InvalidInput, UnsupportedFeature, UserErrorException
from mlsteps.operators.parameters import CONTINUE, REGENERATE, SUBMISSION
from mlsteps.registry.run_ids import step_run_id

if TYPE_CHECKING:
    from mlsteps.sdk.run import Run
    from mlsteps.sdk.workspace import Workspace

PIPELINE_RUN, SCRIPT_RUN = "azureml.PipelineRun", "azureml.scriptrun"


class Submission(NamedTuple):
    """What a run is started with.

    :param values: of pipeline parameters, checked.
    """

    experiment: str
    graph: PipelineGraph
    values: Mapping[str, Any]
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    continue_on_step_failure: bool
    regenerate_outputs: bool
    parent_run_id: str | None
    display_name: str | None
    is_script: bool


def submit(
    workspace: Workspace,
    experiment_name: str,
    config: Any,
    *,
    tags: Mapping[str, Any] | None = None,
    pipeline_parameters: Mapping[str, Any] | None = None,
    continue_on_step_failure: bool = False,
    regenerate_outputs: bool = False,
    parent_run_id: str | None = None,
    display_name: str | None = None,
    credential_passthrough: bool | None = None,
    **kwargs: Any,
) -> Run:
    """Start a run and return at once.

    :param config: a ``Pipeline``; or a ``ScriptRunConfig``, which is run as a pipeline of one step.
    :param credential_passthrough: accepted; datastores use their connections.
    :returns: a ``PipelineRun``; for a ``ScriptRunConfig`` a ``ScriptRun``.
    :raises GraphError: with every fault of the pipeline.
    :raises InvalidInput: for parameters that do not exist or have the wrong type, and unknown keywords.
    """
    if kwargs:
        raise InvalidInput(f"submit() is given {', '.join(map(repr, sorted(kwargs)))}", expected=_KEYWORDS)
    is_script = not hasattr(config, "_graph")
    graph = _pipeline_of(workspace, config)._check()
    submission = Submission(
        experiment_name,
        graph,
        parameters.assignments(graph.parameters, pipeline_parameters),
        _texts("tags", tags),
        _git_properties(graph),
        bool(continue_on_step_failure),
        bool(regenerate_outputs),
        parent_run_id,
        display_name,
        is_script,
    )
    parameters.check_places(graph.parameters, submission.values, workspace._store())
    if parent_run_id is not None and workspace._run_store().head(parent_run_id) is None:
        raise UserErrorException(f"parent_run_id names the run {parent_run_id!r}, which the workspace does not have.")
    return _start(workspace, submission, config)


_KEYWORDS = (
    "tags, pipeline_parameters, continue_on_step_failure, regenerate_outputs, parent_run_id, display_name or "
    "credential_passthrough"
)


def _start(workspace: Workspace, submission: Submission, config: Any) -> Run:
    # Begins to start the embedded Airflow, which goes on while the sources are packed.
    target = target_of(workspace._reference())
    ws = workspace._store()
    submission = submission._replace(graph=pipelines.with_snapshots(submission.graph, ws))
    run_id = str(uuid.uuid4())
    _announce(submission, run_id)
    with pipelines.one_at_a_time(target):
        dag_id = pipelines.store(target, ws, submission.graph, submission.experiment)
        _record(workspace, submission, run_id, dag_id, target)
        try:
            target.trigger(dag_id, run_id, _conf(submission))
        except AzureMLException as error:
            fields = {"category": "infrastructure", "message": str(error)}
            workspace._run_store().write(run_id, "status", status="Failed", error=fields, final=True)
            raise
    workspace._run_store().write(run_id, "status", status="Running")
    run = _run(workspace, submission, run_id, config)
    active.track(active.ActiveRun(workspace._run_store(), run_id, dag_id, target, run.id))
    print(f"Submitted {'ScriptRun' if submission.is_script else 'PipelineRun'} {run.id}")
    print(f"Link to the run in Airflow: {target.link(dag_id, run_id)}", flush=True)
    return run


def _pipeline_of(workspace: Workspace, config: Any) -> Any:
    from mlsteps.sdk.script_run_config import ScriptRunConfig

    if hasattr(config, "_graph"):
        return config
    if not isinstance(config, ScriptRunConfig):
        raise UnsupportedFeature(f"Submitting a {type(config).__name__}", alternative="a Pipeline or a ScriptRunConfig")
    from mlsteps.sdk.pipeline import Pipeline

    return Pipeline(workspace, [_step_of(config)])


def _step_of(config: Any) -> Any:
    """A script run is never reused: each submission of one runs, as in the SDK."""
    from mlsteps.sdk.steps.command import CommandStep
    from mlsteps.sdk.steps.python_script import PythonScriptStep

    common = {
        "compute_target": config.run_config.target,
        "runconfig": config.run_config,
        "source_directory": config.source_directory,
        "allow_reuse": False,
    }
    if config.command:
        return CommandStep(config.command, **common)
    return PythonScriptStep(config.script, arguments=config.arguments, **common)


def _git_properties(graph: PipelineGraph) -> dict[str, str]:
    """Of the first step's source, as the SDK records them with a run."""
    from mlsteps.storage.snapshots import git_properties

    folder = next((node.source_directory for node in graph.steps if node.source_directory), None)
    return {} if folder is None else git_properties(folder)


def _texts(name: str, given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{name} is {given!r}", expected="a dictionary of texts")
    return {str(key): "" if value is None else str(value) for key, value in given.items()}


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


def _conf(submission: Submission) -> dict[str, Any]:
    return {
        **submission.values,
        REGENERATE: submission.regenerate_outputs,
        CONTINUE: submission.continue_on_step_failure,
        SUBMISSION: {
            "experiment_name": submission.experiment,
            "tags": dict(submission.tags),
            "properties": dict(submission.properties),
            "display_name": submission.display_name,
        },
    }


def _record(workspace: Workspace, submission: Submission, run_id: str, dag_id: str, target: Target) -> None:
    """Make the runs before anything can start, so that they can be looked at from now on."""
    runs, graph = workspace._run_store(), submission.graph
    airflow: dict[str, Any] = {"dag_id": dag_id, "dag_run_id": run_id, "portal_url": target.link(dag_id, run_id)}
    runs.create(
        run_id,
        experiment=submission.experiment,
        type=PIPELINE_RUN,
        name=submission.display_name or submission.experiment,
        parent=submission.parent_run_id,
        steps=[node.id for node in graph.steps],
        upstream={node.id: list(node.upstream()) for node in graph.steps if node.upstream()},
        continue_on_step_failure=submission.continue_on_step_failure,
        graph=pipelines.graph_path(dag_id, graph),
        pipeline_outputs=_pipeline_outputs(graph),
        parameters=dict(submission.values),
        embedded=target.embedded is not None,
        **airflow,
    )
    if submission.is_script:
        (node,) = graph.steps
        head: dict[str, Any] = {
            "step": node.id,
            "try": 1,
            "definition": node.to_json(),
            "pipeline_run": run_id,
            **airflow,
        }
        runs.create(
            step_run_id(run_id, node.id, 1), experiment=submission.experiment, type=SCRIPT_RUN, name=node.name, **head
        )
    properties = _run_properties(submission, run_id)
    for one in [run_id, *([step_run_id(run_id, graph.steps[0].id, 1)] if submission.is_script else [])]:
        for key, value in properties.items():
            runs.write(one, "property", key=key, value=value)
        for key, value in submission.tags.items():
            runs.write(one, "tag", key=key, value=value)


def _pipeline_outputs(graph: PipelineGraph) -> dict[str, list[str]]:
    """``{pipeline output name: [step, output]}``."""
    ports = [(node.id, port) for node in graph.steps for port in node.outputs]
    return {port.pipeline_output_name: [step, port.name] for step, port in ports if port.pipeline_output_name}


def _run_properties(submission: Submission, run_id: str) -> dict[str, str]:
    """As the SDK writes them on a pipeline run."""
    return {
        **submission.properties,
        "azureml.runsource": "azureml.PipelineRun",
        "runSource": "SDK",
        "runType": "SDK",
        "azureml.pipelinerunid": run_id,
        "azureml.parameters": json.dumps({name: _text(value) for name, value in submission.values.items()}),
        "azureml.continue_on_step_failure": str(submission.continue_on_step_failure),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _run(workspace: Workspace, submission: Submission, run_id: str, config: Any) -> Run:
    from mlsteps.sdk.experiment import Experiment

    experiment = Experiment(workspace, submission.experiment)
    if submission.is_script:
        from mlsteps.sdk.script_run import ScriptRun

        own = step_run_id(run_id, submission.graph.steps[0].id, 1)
        return ScriptRun(experiment, own, config.source_directory, config.run_config)
    from mlsteps.sdk.pipeline_run import PipelineRun

    made: Run = PipelineRun(experiment, run_id)
    return made
