"""``runs outputs``: what the steps of a run have put out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.cli import chosen
from mlsteps.cli.exit_codes import OK
from mlsteps.cli.output import print_rows
from mlsteps.cli.places import workspace_of
from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.runs import RunStore
from mlsteps.sdk.run_types import PIPELINE

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.sdk.workspace import Workspace

_COLUMNS = ("step", "output", "files", "bytes", "dataset", "place")


def outputs(args: Namespace) -> int:
    """Print them; with ``--download`` copy them, too."""
    workspace = workspace_of(args)
    runs = workspace._run_store()
    head = chosen.run(workspace, args.run)
    rows = list(_rows(runs, _step_runs(runs, head, args.step)))
    if args.download:
        for row in rows:
            row["folder"] = _download(workspace, row, args.download)
    print_rows(rows, args, (*_COLUMNS, *(["folder"] if args.download else [])))
    return OK


def _step_runs(runs: RunStore, head: Mapping[str, Any], wanted: str | None) -> dict[str, str]:
    if head["type"] != PIPELINE:
        return {str(head.get("step") or head.get("name")): head["id"]}
    newest = attempts(runs, head["id"])
    heads = runs.heads(newest.values())
    by_step = {step: heads[child] for step, child in newest.items() if child in heads}
    return {step: newest[step] for step in chosen.step_of(by_step, wanted)}


def _rows(runs: RunStore, steps: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    states = runs.states(steps.values())
    for step, run_id in steps.items():
        for name, document in states[run_id].outputs.items():
            dataset = document.get("dataset") or {}
            yield {
                "step": step,
                "output": name,
                "kind": document.get("kind"),
                "files": document.get("count"),
                "bytes": document.get("size"),
                "dataset": f"{dataset['name']}:{dataset['version']}" if dataset else "",
                "place": f"azureml://datastores/{document['datastore']}/paths/{document['path']}",
                "tree": document.get("tree"),
                "run_id": run_id,
                "datastore": document["datastore"],
                "path": document["path"],
            }


def _download(workspace: Workspace, row: Mapping[str, Any], target: str) -> str:
    from mlsteps.contracts.dataset import file_definition
    from mlsteps.sdk.dataset_access import files_of
    from mlsteps.storage.base import safe_path
    from mlsteps.storage.transfer import download_files

    folder = os.path.join(target, safe_path(f"{row['step']}/{row['output']}"))
    found = files_of(file_definition(row["datastore"], row["path"]), workspace, missing_ok=True)
    download_files(list(found), folder, overwrite=True)
    return folder
