"""``pipelines list | show | publish | trigger | diff``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.cli import chosen
from mlsteps.cli.answers import answers, say
from mlsteps.cli.exit_codes import FAILED, OK
from mlsteps.cli.output import print_one, print_rows, when
from mlsteps.cli.places import workspace_of
from mlsteps.contracts.graph import PipelineGraph
from mlsteps.registry import endpoints, pipelines

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.sdk.workspace import Workspace


def list_(args: Namespace) -> int:
    """Print the published pipelines, or the endpoints."""
    ws = workspace_of(args)._store()
    if args.endpoints:
        found = endpoints.list_endpoints(ws, active_only=not args.all)
        print_rows([_facts(item) for item in found], args, ("id", "status", "created", "name", "default_version"))
        return OK
    published = pipelines.list_published(ws, active_only=not args.all)
    print_rows([_facts(item) for item in published], args, ("id", "status", "created", "name", "version", "steps"))
    return OK


def show(args: Namespace) -> int:
    """Print one published pipeline."""
    ws = workspace_of(args)._store()
    found = chosen.pipeline(ws, args.pipeline)
    graph = found.graph(ws)
    facts = _facts(found.document)
    parts: dict[str, Any] = {"parameters": _parameters(graph), "step_list": _steps(graph)}
    if found.endpoint is not None:
        facts["endpoint"] = {"id": found.endpoint["id"], "name": found.endpoint["name"]}
        default = found.endpoint["default_version"]
        versions = found.endpoint["versions"].items()
        parts["endpoint_versions"] = [
            {"version": number, "id": pipeline, "default": number == default} for number, pipeline in versions
        ]
    print_one(facts, args, parts=parts)
    return OK


def publish(args: Namespace) -> int:
    """Publish the pipeline of a source, and put it behind an endpoint when one is named."""
    from mlsteps.sdk.published import publish as publish_graph

    workspace = workspace_of(args)
    graph = chosen.graph(workspace, args.source)
    made = publish_graph(workspace, graph, args.name, args.description, args.version, args.continue_on_step_failure)
    facts = _facts(pipelines.need(workspace._store(), made.id))
    if args.endpoint:
        facts["endpoint"] = _behind(workspace, args.endpoint, made)
    print_one(facts, args)
    return OK


def trigger(args: Namespace) -> int:
    """Start a run; with ``--wait`` or ``--follow`` wait for its end."""
    from mlsteps.sdk.experiment import Experiment
    from mlsteps.sdk.published import PublishedPipeline

    workspace = workspace_of(args)
    found = chosen.pipeline(workspace._store(), args.pipeline, args.pipeline_version)
    options = {
        "pipeline_parameters": chosen.pairs(args.parameter, "--parameter"),
        "tags": chosen.pairs(args.tag, "--tag"),
        "regenerate_outputs": args.regenerate_outputs,
        "continue_on_step_failure": args.continue_on_step_failure,
    }
    config: Any = PublishedPipeline._of(workspace, found.document)
    if found.endpoint is not None:
        from mlsteps.sdk.endpoint import PipelineEndpoint

        config = PipelineEndpoint._of(workspace, dict(found.endpoint))
        options["pipeline_version"] = args.pipeline_version
    experiment = Experiment(workspace, args.experiment or _experiment(found))
    with _quiet(args):
        run = experiment.submit(config, **options)
        status = _waited(run, args)
    head = workspace._run_store().head(run.id) or {}
    facts = {"run_id": run.id, "experiment": experiment.name, "status": status, "dag_id": head.get("dag_id")}
    if not args.follow or args.output != "table":
        print_one({**facts, "url": head.get("portal_url")}, args)
    return FAILED if status in ("Failed", "Canceled") else OK


def diff(args: Namespace) -> int:
    """Print what differs between two pipelines."""
    from mlsteps.cli.graph_diff import differences

    workspace = workspace_of(args)
    before, after = chosen.graph(workspace, args.before), chosen.graph(workspace, args.after)
    found = differences(before, after, workspace._store())
    print_rows([item._asdict() for item in found], args, ("step", "field", "before", "after"))
    if not found and args.output == "table":
        say("No difference.")
    return FAILED if found else OK


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**document, "created": when(document["created"])}


def _parameters(graph: PipelineGraph) -> list[dict[str, Any]]:
    return [{"name": item.name, "type": item.type, "default": item.default} for item in graph.parameters]


def _steps(graph: PipelineGraph) -> list[dict[str, Any]]:
    return [
        {
            "step": node.id,
            "name": node.name,
            "type": node.type,
            "script": node.script or "",
            "compute": node.compute.get("name") or "",
            "after": list(node.upstream()),
            "outputs": [port.name for port in node.outputs],
            "reuse": node.allow_reuse,
        }
        for node in graph.steps
    ]


def _behind(workspace: Workspace, name: str, pipeline: Any) -> dict[str, Any]:
    """Make a pipeline the default version of an endpoint; answers which version it is."""
    from mlsteps.sdk.endpoint import PipelineEndpoint

    if endpoints.get(workspace._store(), name=name) is None:
        made = PipelineEndpoint.publish(workspace, name, pipeline=pipeline, description=pipeline.description or name)
    else:
        made = PipelineEndpoint.get(workspace, name=name)
        made.add_default(pipeline)
    return {"id": made.id, "name": made.name, "version": made.default_version}


def _experiment(found: chosen.Pipeline) -> str:
    from mlsteps.registry.dags import experiment_name

    return experiment_name(str((found.endpoint or found.document)["name"]))


def _waited(run: Any, args: Namespace) -> str:
    """The run's status, after its end when that was asked for."""
    if args.wait or args.follow or _ends_with_us(run):
        run.wait_for_completion(show_output=args.follow, raise_on_error=False)
    return str(run.status)


def _ends_with_us(run: Any) -> bool:
    """The embedded Airflow lives as long as the process that uses it: without waiting there would be no run."""
    return bool((run.experiment.workspace._run_store().head(run.id) or {}).get("embedded"))


def _quiet(args: Namespace) -> Any:
    """What submitting tells goes to standard error: standard output has the result, and what steps write."""
    import contextlib
    import sys

    shown = args.follow and args.output == "table"
    return contextlib.redirect_stdout(answers() if shown else sys.stderr)
