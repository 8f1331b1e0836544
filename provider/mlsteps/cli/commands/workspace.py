"""``workspace list | show | init``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlsteps.cli import places
from mlsteps.cli.exit_codes import OK
from mlsteps.cli.output import print_one, print_rows
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.registry import datasets, endpoints, models, pipelines, schedules
from mlsteps.registry.documents import list_computes, list_datastores, list_environments
from mlsteps.registry.workspaces import workspace_document
from mlsteps.sdk.workspace_listing import known_workspaces

if TYPE_CHECKING:
    from argparse import Namespace

    from mlsteps.sdk.workspace import Workspace


def list_(args: Namespace) -> int:
    """Print the workspaces that are known here."""
    print_rows(list(_known()), args, ("workspace", "root", "connection"))
    return OK


def show(args: Namespace) -> int:
    """Print what a workspace holds."""
    args.workspace = args.name or args.workspace
    print_one(contents(places.workspace_of(args)), args)
    return OK


def init(args: Namespace) -> int:
    """Make a workspace, and the file that names it."""
    from mlsteps.sdk.workspace import Workspace
    from mlsteps.sdk.workspace_reference import absolute_root

    given = {
        "root": absolute_root(args.root) if args.root else None,
        "root_conn_id": args.root_conn_id,
        "subscription_id": args.subscription_id,
        "resource_group": args.resource_group,
    }
    reference = {key: value for key, value in given.items() if value}
    named = Workspace(args.subscription_id, args.resource_group, args.name)
    workspace = Workspace._from_reference({**named._reference(), **reference})
    existed = workspace._exists()
    _check_name(workspace, args.name, existed)
    store = workspace._store()
    facts: dict[str, Any] = {"workspace": workspace.name, "root": store.root, "made": not existed}
    if not args.no_config:
        facts["config"] = _write_config(workspace, args)
    print_one(facts, args)
    return OK


def contents(workspace: Workspace) -> dict[str, Any]:
    """What a workspace holds, by name."""
    ws = workspace._store()
    document = workspace_document(ws)
    latest = models.list_models(ws, latest=True)
    return {
        "workspace": document["name"],
        "root": ws.root,
        "airflow": workspace.discovery_url or "embedded",
        "datastores": sorted(list_datastores(ws)),
        "default_datastore": document["default_datastore"],
        "datasets": [f"{name}:{max(datasets.versions(ws, name))}" for name in datasets.names(ws)],
        "models": sorted(f"{item['name']}:{item['version']}" for item in latest),
        "environments": sorted(list_environments(ws)),
        "computes": sorted(list_computes(ws)),
        "pipelines": [item["name"] for item in pipelines.list_published(ws)],
        "endpoints": [item["name"] for item in endpoints.list_endpoints(ws)],
        "schedules": [item["name"] for item in schedules.list_schedules(ws)],
        "experiments": workspace._run_store().experiments(),
    }


def _known() -> Iterator[dict[str, Any]]:
    from mlsteps.registry.workspaces import workspace_root

    for reference in known_workspaces():
        yield {
            "workspace": reference["name"],
            "root": workspace_root(reference),
            "connection": reference.get("conn_id") or "",
        }


def _check_name(workspace: Workspace, name: str, existed: bool) -> None:
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{1,31}", name):
        raise InvalidInput(f"The workspace name {name!r} does not fit", expected="2 to 32 letters, digits, '-' and '_'")
    there = workspace._document_if_there().get("name") if existed else name
    if there != name:
        raise UserErrorException(
            f"{places.root_of(workspace)} holds the workspace {there!r}. To mend it: that name, or another --root."
        )


def _write_config(workspace: Workspace, args: Namespace) -> str:
    """Write ``.azureml/config.json``; one that names something else is left alone."""
    import json

    folder = os.path.join(os.path.abspath(args.config), ".azureml")
    path = os.path.join(folder, "config.json")
    data = {
        "subscription_id": workspace.subscription_id,
        "resource_group": workspace.resource_group,
        "workspace_name": workspace.name,
    }
    more = {
        "root": args.root and places.root_of(workspace),
        "root_conn_id": args.root_conn_id,
        "airflow_url": args.airflow_url,
    }
    data.update({key: value for key, value in more.items() if value})
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if json.load(file) == data:
                return path
        raise UserErrorException(
            f"{path} is there already and says something else. To mend it: --config another folder, --no-config, or "
            "delete it."
        )
    os.makedirs(folder, exist_ok=True)
    with open(f"{path}.partial", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=4)
    os.replace(f"{path}.partial", path)
    return path
