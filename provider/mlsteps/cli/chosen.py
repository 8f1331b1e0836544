"""What a person means by an id, the first digits of one, or a name."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mlsteps.contracts.graph import PipelineGraph
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.registry import endpoints, pipelines, schedules
from mlsteps.registry.runs import RunStore
from mlsteps.sdk.run_types import PIPELINE

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace
    from mlsteps.storage.workspace_store import WorkspaceStore

#: So many digits of an id are enough when they are one id's only.
SHORTEST = 4


class Pipeline(NamedTuple):
    """A published pipeline, and the endpoint that it was asked for by."""

    document: Mapping[str, Any]
    endpoint: Mapping[str, Any] | None = None

    def graph(self, ws: WorkspaceStore) -> PipelineGraph:
        """Its graph."""
        return pipelines.graph_of(ws, self.document)


def pipeline(ws: WorkspaceStore, text: str, version: str | None = None) -> Pipeline:
    """A published pipeline: by id, by the name or id of an endpoint, by name (the newest active one), by first digits.

    :param version: of an endpoint; its default one by default.
    :raises UserErrorException: when there is none, or several begin like that.
    """
    exact = pipelines.get(ws, text)
    if exact is not None:
        return Pipeline(exact)
    endpoint = endpoints.get(ws, name=text) or endpoints.get(ws, id=text)
    if endpoint is not None:
        return Pipeline(pipelines.need(ws, endpoints.pipeline_id(endpoint, version)), endpoint)
    known = pipelines.list_published(ws, active_only=False)
    named = [item for item in known if item["name"] == text]
    active = [item for item in named if item["status"] == pipelines.ACTIVE]
    if named:
        return Pipeline((active or named)[0])
    found = _beginning(text, (item["id"] for item in known), "published pipeline", ws)
    return Pipeline(pipelines.need(ws, found))


def schedule(ws: WorkspaceStore, text: str) -> Mapping[str, Any]:
    """A schedule: by id, name (the newest active one) or first digits."""
    exact = schedules.get(ws, text)
    if exact is not None:
        return exact
    known = schedules.list_schedules(ws, active_only=False)
    named = sorted((item for item in known if item["name"] == text), key=lambda item: item["status"] != "Active")
    return named[0] if named else schedules.need(ws, _beginning(text, (item["id"] for item in known), "schedule", ws))


def run(workspace: Workspace, text: str) -> dict[str, Any]:
    """The head of a run: by id, first digits, or ``latest``, the newest pipeline run."""
    runs = workspace._run_store()
    if text == "latest":
        return latest(runs)
    head = runs.head(text)
    if head is None:
        found = _beginning(text, workspace._store().names("runs"), "run", workspace._store())
        head = runs.head(found)
    assert head is not None
    return head


def latest(runs: RunStore) -> dict[str, Any]:
    """The head of the newest pipeline run."""
    found = [head for head in heads(runs) if head["type"] == PIPELINE]
    if not found:
        raise UserErrorException("The workspace has no pipeline runs yet.")
    return found[0]


def heads(runs: RunStore, experiment: str | None = None) -> list[dict[str, Any]]:
    """The heads of runs that are no steps of others, newest first."""
    names = runs.experiments() if experiment is None else [experiment]
    found = [head for name in names for head in runs.heads(runs.list(name)).values()]
    return sorted(found, key=lambda head: head["created"], reverse=True)


def graph(workspace: Workspace, text: str) -> PipelineGraph:
    """The graph of a published pipeline, ``run:ID``, ``dag:ID``, a JSON or YAML file, or ``FILE.py:VARIABLE``.

    :raises UserErrorException: when there is no such thing.
    """
    kind, _, rest = text.partition(":")
    if kind == "run" and rest:
        from mlsteps.sdk.pipeline_run import PipelineRun

        return PipelineRun.get(workspace, run(workspace, rest)["id"]).get_graph()
    if kind == "dag" and rest:
        from mlsteps.cli.dags import plan_task

        with contextlib.redirect_stdout(sys.stderr):  # DAG files are people's code, and may print
            made: PipelineGraph = plan_task(rest).pipeline()
        return made
    from mlsteps.cli import graph_files

    if graph_files.is_one(text):
        return graph_files.read(workspace, text)
    return pipeline(workspace._store(), text).graph(workspace._store())


def versioned(text: str) -> tuple[str, str]:
    """``NAME`` or ``NAME:VERSION`` as both, ``latest`` for no version."""
    name, colon, version = text.rpartition(":")
    return (name, version) if colon and version.isdigit() else (text, "latest")


def pairs(items: Iterable[str] | None, what: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a mapping.

    :raises InvalidInput: for one without ``=``.
    """
    made = {}
    for item in items or ():
        name, given, value = item.partition("=")
        if not given or not name:
            raise InvalidInput(f"{what} {item!r} cannot be read", expected="NAME=VALUE")
        made[name] = value
    return made


def step_of(steps: Mapping[str, Mapping[str, Any]], text: str | None) -> list[str]:
    """The steps that are meant, by id or name; all of them for None.

    :param steps: heads of step runs by step id.
    """
    wanted = [step for step, head in steps.items() if text in (None, step, head.get("name"))]
    if text is not None and not wanted:
        raise UserErrorException(f"The run has no step {text!r}. It has {', '.join(steps) or 'none that has begun'}.")
    return wanted


def _beginning(text: str, ids: Iterable[str], what: str, ws: WorkspaceStore) -> str:
    found = sorted(id for id in ids if id.startswith(text)) if len(text) >= SHORTEST else []
    if len(found) == 1:
        return found[0]
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise UserErrorException(f"{text!r} is the beginning of {len(found)}: {', '.join(found[:3])}{more}.")
    raise UserErrorException(f"There is no {what} {text!r} in the workspace at {os.fspath(ws.root)}.")
