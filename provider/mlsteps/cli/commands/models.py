"""``models list | show | versions | download``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.cli import chosen
from mlsteps.cli.exit_codes import OK
from mlsteps.cli.output import print_one, print_rows, when
from mlsteps.cli.places import workspace_of
from mlsteps.registry import models

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.storage.workspace_store import WorkspaceStore

_COLUMNS = ("name", "version", "framework", "files", "created", "tags", "description")


def list_(args: Namespace) -> int:
    """Print the registered models."""
    found = models.list_models(workspace_of(args)._store(), latest=True)
    rows = [_facts(item) for item in sorted(found, key=lambda item: item["name"])]
    print_rows(
        [{**row, "files": len(row["files"])} for row in rows] if args.output == "table" else rows, args, _COLUMNS
    )
    return OK


def show(args: Namespace) -> int:
    """Print one version of a model."""
    print_one(_facts(_need(workspace_of(args)._store(), args.name)), args)
    return OK


def versions(args: Namespace) -> int:
    """Print the versions of a model, newest first."""
    ws = workspace_of(args)._store()
    _need(ws, args.name)
    found = sorted(models.list_models(ws, args.name), key=lambda item: -item["version"])
    print_rows(
        [_facts(item) for item in found], args, ("version", "framework", "created", "run_id", "tags", "description")
    )
    return OK


def download(args: Namespace) -> int:
    """Copy the files of a model."""
    ws = workspace_of(args)._store()
    model = _need(ws, args.name)
    path = models.download(ws, model["name"], model["version"], args.directory, exist_ok=args.overwrite)
    print_rows([{"path": path}], args)
    return OK


def _need(ws: WorkspaceStore, text: str) -> dict[str, Any]:
    name, version = chosen.versioned(text)
    return models.get(ws, name, version=None if version == "latest" else version)


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    framework = [document.get("model_framework"), document.get("model_framework_version")]
    return {
        "name": document["name"],
        "version": document["version"],
        "id": f"{document['name']}:{document['version']}",
        "framework": " ".join(str(item) for item in framework if item),
        "files": document.get("files") or [],
        "created": when(document["created"]),
        "tags": document.get("tags") or {},
        "properties": document.get("properties") or {},
        "description": document.get("description") or "",
        "experiment": document.get("experiment"),
        "run_id": document.get("run_id"),
    }
