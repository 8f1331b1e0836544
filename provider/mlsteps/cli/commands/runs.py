"""``runs list | show | cancel``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.cli import chosen
from mlsteps.cli.answers import say
from mlsteps.cli.exit_codes import OK
from mlsteps.cli.output import print_one, print_rows, when
from mlsteps.cli.places import workspace_of
from mlsteps.registry.pipeline_status import attempts, pipeline_status
from mlsteps.registry.run_state import TERMINAL, RunState
from mlsteps.registry.runs import RunStore
from mlsteps.sdk.run_types import PIPELINE

if TYPE_CHECKING:
    from argparse import Namespace

_COLUMNS = ("id", "status", "started", "seconds", "experiment")


def list_(args: Namespace) -> int:
    """Print runs, newest first."""
    workspace = workspace_of(args)
    runs = workspace._run_store()
    heads = chosen.heads(runs, args.experiment)
    if args.pipeline:
        found = chosen.pipeline(workspace._store(), args.pipeline)
        key, wanted = "pipeline_id", found.document["id"]
        if found.endpoint is not None:
            key, wanted = "pipeline_endpoint_id", found.endpoint["id"]
        heads = [head for head in heads if head.get(key) == wanted]
    rows: list[dict[str, Any]] = []
    for row in _rows(runs, heads):
        if args.limit and len(rows) == args.limit:
            break
        if args.status is None or row["status"].lower() == args.status.lower():
            rows.append(row)
    print_rows(rows, args, _COLUMNS)
    return OK


def show(args: Namespace) -> int:
    """Print one run."""
    workspace = workspace_of(args)
    runs = workspace._run_store()
    head = chosen.run(workspace, args.run)
    state = runs.state(head["id"])
    known = ("pipeline_id", "pipeline_endpoint_id", "parent", "step", "dag_id", "dag_run_id", "task_group")
    facts = {
        **row_of(runs, head, state),
        "type": head["type"],
        "created": when(head["created"]),
        **{key: head[key] for key in known if head.get(key)},
        "parameters": head.get("parameters") or {},
        "tags": dict(state.tags),
        "url": head.get("portal_url"),
    }
    metrics = {name: getattr(value, "value", value) for name, value in state.metrics.items()}
    facts.update(
        {key: value for key, value in {"metrics": metrics, "error": error_of(runs, head, state)}.items() if value}
    )
    print_one(facts, args, parts={"steps": steps_of(runs, head["id"])} if head["type"] == PIPELINE else {})
    return OK


def cancel(args: Namespace) -> int:
    """Stop a pipeline run."""
    from mlsteps.client.control import cancel as stop

    workspace = workspace_of(args)
    head = chosen.run(workspace, args.run)
    run_id = head.get("pipeline_run") or (head["id"] if head["type"] == PIPELINE else head.get("parent")) or head["id"]
    runs = workspace._run_store()
    before = pipeline_status(runs, run_id)
    if before in TERMINAL:
        say(f"Run {run_id} has ended already: {before}.")
        return OK
    stop(workspace, run_id)
    say(f"Run {run_id} is being stopped.")
    return OK


def row_of(runs: RunStore, head: Mapping[str, Any], state: RunState) -> dict[str, Any]:
    """A run as a row of a table."""
    status = pipeline_status(runs, head["id"]) if head["type"] == PIPELINE else state.status
    ended = state.ended or (_last_end(runs, head["id"]) if status in TERMINAL and head["type"] == PIPELINE else None)
    return {
        "id": head["id"],
        "experiment": head["experiment"],
        "name": state.display_name or head.get("name"),
        "status": status,
        "started": when(state.started),
        "ended": when(ended),
        "seconds": _seconds(state.started, ended, status),
    }


def steps_of(runs: RunStore, run_id: str) -> list[dict[str, Any]]:
    """The steps of a pipeline run, each with its newest attempt; those that have not begun, too."""
    newest = attempts(runs, run_id)
    heads, states = runs.heads(newest.values()), runs.states(newest.values())
    rows = []
    for step in dict.fromkeys([*((runs.head(run_id) or {}).get("steps") or ()), *newest]):
        child = newest.get(step)
        if child is None:
            rows.append(
                {"step": step, "status": "NotStarted", "reused": False, "try": 0, "seconds": None, "run_id": None}
            )
            continue
        head, state = heads[child], states[child]
        rows.append(
            {
                "step": step,
                "status": state.status,
                "reused": bool(state.reused),
                "try": head.get("try", 0),
                "seconds": _seconds(state.started, state.ended, state.status),
                "run_id": child,
            }
        )
    return rows


def error_of(runs: RunStore, head: Mapping[str, Any], state: RunState) -> str:
    """Why a run failed, or nothing."""
    if head["type"] == PIPELINE:
        from mlsteps.client.follow import failure

        return failure(runs, head["id"]) if pipeline_status(runs, head["id"]) == "Failed" else ""
    error = state.error
    return str(error.get("message") or "") if isinstance(error, Mapping) else str(error or "")


def _rows(runs: RunStore, heads: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Read some at once, no more than are looked at."""
    for first in range(0, len(heads), 20):
        some = heads[first : first + 20]
        states = runs.states([head["id"] for head in some])
        for head in some:
            yield row_of(runs, head, states[head["id"]])


def _last_end(runs: RunStore, run_id: str) -> float | None:
    states = runs.states(attempts(runs, run_id).values())
    return max((state.ended for state in states.values() if state.ended is not None), default=None)


def _seconds(started: float | None, ended: float | None, status: str) -> float | None:
    if started is None:
        return None
    until = ended if status in TERMINAL else time.time()
    return None if until is None else round(max(0.0, until - started), 1)
