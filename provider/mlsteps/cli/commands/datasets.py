"""``datasets list | show | versions | download``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.cli import chosen
from mlsteps.cli.exit_codes import OK
from mlsteps.cli.output import print_one, print_rows, when
from mlsteps.cli.places import workspace_of
from mlsteps.errors import UserErrorException
from mlsteps.registry import datasets

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.storage.workspace_store import WorkspaceStore

_COLUMNS = ("name", "version", "kind", "created", "tags", "description")


def list_(args: Namespace) -> int:
    """Print the registered datasets."""
    ws = workspace_of(args)._store()
    found = [datasets.get(ws, name) for name in datasets.names(ws)]
    print_rows([_facts(item) for item in found if item], args, _COLUMNS)
    return OK


def show(args: Namespace) -> int:
    """Print one version of a dataset."""
    print_one(_facts(_need(workspace_of(args)._store(), args.name)), args)
    return OK


def versions(args: Namespace) -> int:
    """Print the versions of a dataset, newest first."""
    ws = workspace_of(args)._store()
    name = _need(ws, args.name)["name"]
    found = [datasets.get(ws, name, number) for number in reversed(datasets.versions(ws, name))]
    print_rows([_facts(item) for item in found if item], args, ("version", *_COLUMNS[2:], "run_id"))
    return OK


def download(args: Namespace) -> int:
    """Copy the files of a dataset."""
    from mlsteps.sdk.dataset import Dataset

    workspace = workspace_of(args)
    document = _need(workspace._store(), args.name)
    found = Dataset.get_by_name(workspace, document["name"], document["version"])
    if found._data_kind != "file":
        raise UserErrorException(
            f"The dataset {document['name']!r} is a table. To mend it: read it with to_pandas_dataframe(), or "
            "download what it is made of: to_csv_files(), to_parquet_files()."
        )
    paths = found.download(args.directory, overwrite=args.overwrite)
    print_rows([{"file": path} for path in paths], args)
    return OK


def _need(ws: WorkspaceStore, text: str) -> dict[str, Any]:
    name, version = chosen.versioned(text)
    found = datasets.get(ws, name, int(version) if version.isdigit() else version)
    if found is None:
        known = datasets.versions(ws, name)
        there = f"It has the versions {', '.join(map(str, known))}." if known else f"There are {_known(ws)}."
        raise UserErrorException(f"There is no dataset {text!r}. {there}")
    return found


def _known(ws: WorkspaceStore) -> str:
    return ", ".join(datasets.names(ws)) or "none"


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    definition = document["definition"]
    return {
        "name": document["name"],
        "version": document["version"],
        "id": document["id"],
        "kind": definition.get("type"),
        "created": when(document["created"]),
        "tags": document.get("tags") or {},
        "description": document.get("description") or "",
        "run_id": (document.get("output") or {}).get("run_id"),
        "definition": definition,
    }
