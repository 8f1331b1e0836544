"""``airflow mlsteps gc``: intermediate outputs that nobody needs any more, parts, and pods; shown, or deleted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mlsteps.cli.shared import command, print_rows, reference
from mlsteps.compute.kubernetes_swept import Leftover, Swept, sweep
from mlsteps.errors import AzureMLException
from mlsteps.registry.workspaces import workspace_store
from mlsteps.reuse.garbage import DELETE, KEEP, LATER, Candidate, collect, plan, seconds_of
from mlsteps.reuse.interrupted import Interrupted, tidy
from mlsteps.storage.copying.progress import in_units

if TYPE_CHECKING:
    from argparse import Namespace


@command
def gc(args: Namespace) -> None:
    """Print what would go and why the rest is kept; with ``--apply`` do it."""
    try:
        older_than = seconds_of(args.older_than)
        ws = workspace_store(reference(args.workspace))
        found = (collect if args.apply else plan)(ws, older_than)
        left = tidy(ws, older_than, apply=args.apply)
        swept = sweep(ws, apply=args.apply) or Swept([], {})
    except AzureMLException as error:
        raise SystemExit(error.message) from error
    all_of_it: list[Candidate | Interrupted | Leftover] = [*found, *left, *swept.pods]
    shown = [item for item in all_of_it if args.all or args.output != "table" or item.action != KEEP]
    if shown or args.output != "table":
        print_rows([_row(item, args.output) for item in shown], args.output)
    lines = [*_summary(found, args.apply), *_of_parts(left, args.apply), *_of_pods(swept, args.apply)]
    print("\n".join(lines), file=sys.stdout if args.output == "table" else sys.stderr)


def _row(item: Candidate | Interrupted | Leftover, output: str) -> dict[str, object]:
    row = item.to_json()
    if output != "table":
        return row
    names = ("action", "step", "days", "files", "reason")
    size = "pod" if isinstance(item, Leftover) else in_units(int(str(row["bytes"])))
    return {**{name: row[name] for name in names}, "size": size}


def _of_parts(left: list[Interrupted], applied: bool) -> list[str]:
    if not left:
        return []
    gone = sum(item.action == DELETE for item in left)
    word = "Deleted" if applied else "To be deleted"
    return [f"{word}: parts that {gone:,} interrupted transfers left. Kept: those of {len(left) - gone:,}."]


def _of_pods(swept: Swept, applied: bool) -> list[str]:
    lines = [f"The pods of {name} were not looked at: {why}" for name, why in swept.unseen.items()]
    if swept.pods:
        gone = sum(item.action == DELETE for item in swept.pods)
        word = "Deleted" if applied else "To be deleted"
        lines.append(f"{word}: {gone:,} pods that nobody collects. Kept: {len(swept.pods) - gone:,} pods.")
    return lines


def _summary(found: list[Candidate], applied: bool) -> list[str]:
    words = {
        DELETE: "Deleted" if applied else "To be deleted",
        LATER: "To be deleted by a later clean-up, when older runs have ended",
        KEEP: "Kept",
    }
    lines = []
    for action, word in words.items():
        items = [item for item in found if item.action == action]
        size, files = sum(item.size for item in items), sum(item.files for item in items)
        lines.append(f"{word}: outputs of {len(items):,} steps, {files:,} files, {in_units(size)}.")
    return lines if applied else [*lines, "Nothing was deleted; --apply does it."]
