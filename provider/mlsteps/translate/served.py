"""What a workspace serves (:mod:`mlsteps.registry.dags`) as a DAG: its document says what, its graph does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.graph import PipelineGraph
from mlsteps.operators.parameters import CONTINUE, RESERVED
from mlsteps.operators.settings import setting
from mlsteps.registry import graphs
from mlsteps.translate.dag import dag

if TYPE_CHECKING:
    from airflow.sdk import DAG

_TAG = {"published": "published", "endpoint": "endpoint"}


def dag_of(
    document: Mapping[str, Any],
    graph_of: Callable[[str], Mapping[str, Any]],
    root: str,
    scheduling: Mapping[str, Mapping[str, str]] | None = None,
) -> DAG:
    """The DAG of a document of any kind.

    :param graph_of: answers the kept graph of a digest.
    :param scheduling: pool, queue and executor by compute target; None: as a workspace on this machine says.
    """
    if document["kind"] == "schedule":
        from mlsteps.translate.schedules import schedule_dag

        return schedule_dag(document, root)
    return served_dag(document, graph_of(document["graph"]), root, scheduling)


def served_dag(
    document: Mapping[str, Any],
    graph: Mapping[str, Any],
    root: str,
    scheduling: Mapping[str, Mapping[str, str]] | None = None,
) -> DAG:
    """The DAG of a pipeline.

    :param graph: the kept graph that it names; :param root: where the workspace lies; :param scheduling: as for
        :func:`dag_of`.
    """
    whole = with_defaults(graphs.placed(graph, root), document.get("params") or {})
    retired = "retired" in document
    options: dict[str, Any] = {
        "description": document.get("description") or whole.description,
        "tags": [*filter(None, [_TAG.get(document["kind"])]), *(["disabled"] if retired else [])],
        "about": _about(document),
        "origin": _origin(document),
        # What was published or submitted is meant to run; whoever pauses it later is heard.
        "is_paused_upon_creation": False,
        "default_args": _retries(),
        "retry_scripts": False,
        "scheduling": scheduling,
    }
    if document.get("display_name"):
        options["dag_display_name"] = str(document["display_name"]) + (" (disabled)" if retired else "")
    if document.get("continue_on_step_failure"):
        options["params"] = {CONTINUE: _on(CONTINUE)}
    return dag(
        whole,
        document["dag_id"],
        experiment=document["experiment"],
        schedule=None if retired else document.get("schedule"),
        **options,
    )


def _retries() -> dict[str, Any]:
    """Nobody who submits a pipeline says how often a lost worker is made up for."""
    return {"retries": int(setting("retries")), "retry_delay": timedelta(seconds=setting("retry_seconds"))}


def with_defaults(graph: PipelineGraph, values: Mapping[str, Any]) -> PipelineGraph:
    """The graph with other defaults of its parameters."""
    if not values:
        return graph
    parameters = [
        replace(item, default=values[item.name], required=False) if item.name in values else item
        for item in graph.parameters
    ]
    return replace(graph, parameters=tuple(parameters))


def _origin(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the runs' heads say of where they came from."""
    origin = {"graph": graphs.graph_path(document["graph"]), "pipeline_id": document.get("pipeline_id")}
    if document["kind"] == "endpoint":
        origin["pipeline_endpoint_id"] = document["id"]
    return {key: value for key, value in origin.items() if value is not None}


def _about(document: Mapping[str, Any]) -> list[str]:
    """Lines of the DAG's text. The graph's digest is among them, so that any change of it is a new version of the DAG,
    and a client can see which graph Airflow knows."""
    kinds = {"published": "Published pipeline", "endpoint": "Pipeline endpoint"}
    lines = []
    if document["kind"] in kinds:
        version = f", version {document['version']}" if document.get("version") else ""
        lines.append(f"{kinds[document['kind']]} `{document['id']}`{version}.")
    if "retired" in document:
        lines.append("It is disabled: a new run of it fails.")
    return [*lines, graph_line(document["graph"])]


def graph_line(digest: str) -> str:
    """How a DAG's text names its graph."""
    return f"Graph `{digest}`."


def _on(name: str) -> Any:
    from airflow.sdk import Param

    return Param(True, type="boolean", description=RESERVED[name], section="Run")
