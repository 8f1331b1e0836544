"""``mlsteps explain``: the decisions of a run that is over or going on, from what its ``plan`` task kept."""

from __future__ import annotations

import json
from typing import Any, Iterator, Mapping

from mlsteps.cli.answers import say
from mlsteps.cli.chosen import run
from mlsteps.cli.places import named
from mlsteps.client.decisions import DECISIONS, decisions
from mlsteps.errors import UserErrorException
from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.runs import RunStore

__all__ = ["DECISIONS", "decisions", "explain_run"]


def explain_run(
    run_id: str | None, step: str | None = None, workspace: str | None = None, as_json: bool = False
) -> int:
    """Print what was decided for each step, and why.

    :param run_id: a pipeline run, the first digits of its id, or ``latest``; None for the latest one.
    :param step: only this step, with every component that has changed.
    :param workspace: its name, root or connection; None as ``Workspace.from_config()`` finds it.
    :param as_json: one JSON document in place of text.
    :raises UserErrorException: when there is no such run or step, or the run has not been planned.
    """
    ws = named(workspace)
    runs = ws._run_store()
    chosen = str(run(ws, run_id or "latest")["id"])
    decided = decisions(runs, chosen)
    if step is not None:
        decided = [item for item in decided if step in (item["step"], item.get("name"))]
        if not decided:
            raise UserErrorException(f"The pipeline run {chosen} has no step {step!r}.")
    if as_json:
        shown = [{**item, "later": _later(runs, chosen, item)} for item in decided]
        say(json.dumps({"run_id": chosen, "steps": shown}, indent=1, ensure_ascii=False))
        return 0
    say(f"Pipeline run {chosen}")
    for item in decided:
        say("\n".join(_lines(item, _later(runs, chosen, item), detailed=step is not None)))
    return 0


def _later(runs: RunStore, run_id: str, item: Mapping[str, Any]) -> str:
    """What became of a step that was to decide for itself when its inputs are known."""
    if item["action"] != "wait":
        return ""
    child = attempts(runs, run_id).get(item["step"])
    if child is None:
        return "not decided yet"
    state = runs.state(child)
    return f"reused, from run {state.reused.get('run_id')}" if state.reused else f"ran: {state.status}"


def _lines(item: Mapping[str, Any], later: str, detailed: bool) -> Iterator[str]:
    yield f"{item.get('name') or item['step']}: {item['action']}. {item['reason']}."
    if later:
        yield f"  then {later}"
    if item.get("fingerprint") and detailed:
        yield f"  fingerprint {item['fingerprint']}"
    for change in item.get("changes") or ():
        yield f"  {change['text']}"
