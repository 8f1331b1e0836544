"""``airflow mlsteps compute list | show | set``: where the steps of compute targets run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlsteps.cli.shared import command, print_rows, reference
from mlsteps.compute.choose import placement_of
from mlsteps.compute.placement import KINDS, SCHEDULING, options_of, read_option
from mlsteps.compute.vm_sizes import resources
from mlsteps.errors import UserErrorException
from mlsteps.registry.documents import get_compute, list_computes
from mlsteps.registry.placements import EVERY, delete_placement, get_placement, list_placements, put_placement
from mlsteps.registry.workspaces import open_workspace

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.storage.workspace_store import WorkspaceStore


@command
def compute_list(args: Namespace) -> None:
    """Print the compute targets of a workspace and where their steps run."""
    ws = open_workspace(reference(args.workspace))
    names = sorted({EVERY, *list_computes(ws), *list_placements(ws)})
    print_rows([_row(ws, name) for name in names], args.output)


@command
def compute_show(args: Namespace) -> None:
    """Print one compute target."""
    ws = open_workspace(reference(args.workspace))
    document = get_compute(ws, args.name) or {}
    settings = document.get("settings") or {}
    row = {**_row(ws, args.name), **{key: value for key, value in settings.items() if value is not None}}
    print_rows([{**row, "options": placement_of(ws, args.name).get("options") or {}}], args.output)


@command
def compute_set(args: Namespace) -> None:
    """Say where the steps of a compute target run."""
    ws = open_workspace(reference(args.workspace))
    try:
        if args.remove:
            if not delete_placement(ws, args.name):
                raise SystemExit(f"The workspace at {ws.root} says nothing of {args.name!r}.")
            return
        placement = _placement(ws, args)
        options_of(placement)
    except UserErrorException as error:
        raise SystemExit(str(error)) from error
    if args.pool:
        _make_pool(args.pool, args.slots or _nodes(ws, args.name), args.name)
    put_placement(ws, placement)
    print_rows([_row(ws, args.name)], args.output)


def _placement(ws: WorkspaceStore, args: Namespace) -> dict[str, Any]:
    """The placement there is, with what the arguments say: a new kind begins without options."""
    known = get_placement(ws, args.name)
    known = known if known is not None and known["name"] == args.name else {}
    kind = args.kind or known.get("kind")
    if kind is None:
        raise SystemExit(f"There is no placement of {args.name!r} yet: --kind says which, {' or '.join(KINDS)}.")
    options = dict(known.get("options") or {}) if kind == known.get("kind") else {}
    for item in args.option or ():
        name, given, text = item.partition("=")
        if not given:
            raise SystemExit(f"The option {item!r} cannot be read. Expected name=value; name= takes it back.")
        options[name] = read_option(kind, name, text)
        if text == "":
            del options[name]
    made = {"name": args.name, "kind": kind, **({"options": options} if options else {})}
    asked = {key: getattr(args, key) if getattr(args, key) is not None else known.get(key) for key in SCHEDULING}
    return {**made, **{key: value for key, value in asked.items() if value}}


def _row(ws: WorkspaceStore, name: str) -> dict[str, Any]:
    document = get_compute(ws, name) or {}
    placement = placement_of(ws, name)
    settings = document.get("settings") or {}
    size = resources(settings.get("vm_size"))
    return {
        "compute": name,
        "type": document.get("type") or "",
        "kind": placement["kind"],
        "said_by": placement["name"],
        "vm_size": settings.get("vm_size") or "",
        "cores": size.cores if size else "",
        "memory_gib": size.memory if size else "",
        "gpus": size.gpus if size else "",
        "max_nodes": (settings.get("scale_settings") or {}).get("maximum_node_count", ""),
        **{key: placement.get(key) or "" for key in SCHEDULING},
    }


def _nodes(ws: WorkspaceStore, name: str) -> int:
    found = _row(ws, name)["max_nodes"]
    if found == "":
        raise SystemExit(f"How many steps of {name!r} may run at once is not known: --slots says it.")
    return int(found)


def _make_pool(pool: str, slots: int, compute: str) -> None:
    """Have Airflow make the pool, or set its size: as ``airflow pools set`` does it. Steps that are deferred count."""
    from airflow.cli.cli_parser import get_parser

    about = f"Steps of compute target {compute} (mlsteps)"
    made = get_parser().parse_args(["pools", "set", pool, str(slots), about, "--include-deferred"])
    made.func(made)
