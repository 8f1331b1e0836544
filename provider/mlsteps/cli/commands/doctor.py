"""``workspace doctor``: looks at all that a pipeline of a workspace needs, and says how to mend what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlsteps.cli import places
from mlsteps.cli.answers import say
from mlsteps.cli.exit_codes import FAILED, OK
from mlsteps.cli.health import FAULT, NOTE, Finding
from mlsteps.cli.output import cell, print_rows

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.sdk.workspace import Workspace

_SIGNS = {"ok": "ok   ", NOTE: "note ", FAULT: "FAULT"}


def doctor(args: Namespace) -> int:
    """Print what was found; exit code 1 when anything is a fault."""
    workspace = places.named(args.name or args.workspace)
    found = []
    for item in _findings(workspace, args.read_only):
        found.append(item)
        if args.output == "table":  # as it is found: some of it takes long to answer
            _tell(item)
    faults = sum(item.state == FAULT for item in found)
    if args.output == "table":
        say(f"\n{faults or 'No'} fault{'' if faults == 1 else 's'}.")
    else:
        print_rows([item._asdict() for item in found], args)
    return FAILED if faults else OK


def _findings(workspace: Workspace, read_only: bool) -> Iterator[Finding]:
    from mlsteps.cli import health_airflow, health_computes, health_stores

    yield from health_airflow.versions()
    of_root = list(health_stores.root(workspace, read_only))
    yield from of_root
    if of_root[0].state == FAULT:
        return
    yield from health_stores.datastores(workspace, read_only)
    yield from health_computes.computes(workspace)
    yield from health_airflow.airflow(workspace)
    if places.in_airflow():
        yield from health_airflow.bundle(workspace)


def _tell(item: Finding) -> None:
    say(f"{_SIGNS[item.state]}  {item.area}: {cell(item.what)}: {cell(item.said)}")
    if item.mend:
        say(f"       to mend it: {cell(item.mend)}", flush=True)
