"""``schedules list | show | enable | disable | runs``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlsteps.cli import chosen
from mlsteps.cli.commands.runs import row_of
from mlsteps.cli.exit_codes import OK
from mlsteps.cli.output import print_one, print_rows, when
from mlsteps.cli.places import workspace_of
from mlsteps.registry import schedules
from mlsteps.schedules.rule import next_fire

if TYPE_CHECKING:
    from argparse import Namespace


def list_(args: Namespace) -> int:
    """Print the schedules."""
    found = schedules.list_schedules(workspace_of(args)._store(), active_only=not args.all)
    print_rows([_facts(item) for item in found], args, ("id", "status", "next", "name", "fires"))
    return OK


def show(args: Namespace) -> int:
    """Print one schedule."""
    print_one(_facts(chosen.schedule(workspace_of(args)._store(), args.schedule)), args)
    return OK


def enable(args: Namespace) -> int:
    """Let a schedule fire from now on."""
    return _set(args, "Active")


def disable(args: Namespace) -> int:
    """Let a schedule fire no more."""
    return _set(args, "Disabled")


def runs(args: Namespace) -> int:
    """Print the runs that a schedule has started."""
    workspace = workspace_of(args)
    ids = schedules.runs_of(workspace._store(), chosen.schedule(workspace._store(), args.schedule)["id"])
    store = workspace._run_store()
    heads = store.heads(ids) if ids else {}
    shown = list(heads.values())[: args.limit or None]
    states = store.states([head["id"] for head in shown]) if shown else {}
    rows = [row_of(store, head, states[head["id"]]) for head in shown]
    print_rows(rows, args, ("id", "status", "started", "seconds", "experiment"))
    return OK


def _set(args: Namespace, status: str) -> int:
    from mlsteps.sdk.schedule import Schedule

    workspace = workspace_of(args)
    found = Schedule.get(workspace, chosen.schedule(workspace._store(), args.schedule)["id"])
    found.update(status=status)
    print_one(_facts(schedules.need(workspace._store(), found.id)), args)
    return OK


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """A schedule, with what it does in words and when it fires next."""
    rule, watch = schedules.rule_of(document), document.get("watch")
    is_active = document["status"] == schedules.ACTIVE
    following = next_fire(rule, datetime.now(UTC)) if rule is not None and is_active else None
    if rule is not None:
        fires = rule.describe()
    else:
        place = "/".join(filter(None, [watch["datastore"], watch.get("path")])) if watch else ""
        fires = f"for new files in {place}, looked at every {watch['minutes']:g} min" if watch else ""
    return {
        "id": document["id"],
        "name": document["name"],
        "status": document["status"],
        "fires": fires,
        "next": None if following is None else when(following.timestamp()),
        "experiment": document["experiment"],
        "pipeline_id": document.get("pipeline_id"),
        "pipeline_endpoint_id": document.get("pipeline_endpoint_id"),
        "parameters": document.get("parameters") or {},
        "description": document.get("description") or "",
        "dag_id": document["dag_id"],
        "created": when(document["created"]),
    }
