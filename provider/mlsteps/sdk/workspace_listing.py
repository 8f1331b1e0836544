"""What is known of workspaces without opening, and so making, them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterator, Mapping

from mlsteps.errors import StoreError
from mlsteps.registry.names import name_of
from mlsteps.registry.workspaces import home, workspace_document, workspace_store
from mlsteps.sdk import workspace_reference as references

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace


def document_if_there(reference: Mapping[str, Any]) -> dict[str, Any]:
    """A workspace's document, empty when the workspace does not exist yet or cannot be reached."""
    try:
        document = workspace_store(reference).read_json("workspace.json")
    except StoreError:
        return {}
    return dict(document or {})


def exists(reference: Mapping[str, Any]) -> bool:
    """Whether the workspace has been made."""
    return workspace_store(reference).read_json("workspace.json") is not None


def known_workspaces() -> Iterator[dict[str, Any]]:
    """References of the workspaces in connections and below ``MLSTEPS_HOME``."""
    seen = set()
    for _, reference in references.connections():
        if reference.get("name"):
            seen.add(reference["name"])
            yield reference
    folder = os.path.join(home(), "workspaces")
    for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        name = name_of(entry)
        if name not in seen and os.path.isfile(os.path.join(folder, entry, "workspace.json")):
            document = document_if_there({"root": os.path.join(folder, entry)})
            known: dict[str, Any] = {
                key: document[key] for key in ("subscription_id", "resource_group", "location") if key in document
            }
            yield {**known, "name": name, "root": os.path.join(folder, entry)}


def details(workspace: Workspace) -> dict[str, Any]:
    """See :meth:`Workspace.get_details`; resources that only Azure has are empty texts."""
    document = workspace_document(workspace._store())
    group = f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}"
    empty = ("keyVault", "applicationInsights", "containerRegistry", "imageBuildCompute")
    return {
        "id": f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace.name}",
        "name": workspace.name,
        "location": workspace.location,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "tags": workspace.tags,
        "sku": workspace.sku,
        "workspaceid": document["id"],
        "description": document.get("description", ""),
        "friendlyName": document.get("friendly_name", workspace.name),
        "provisioningState": "Succeeded",
        "storageAccount": workspace._store().root,
        "discoveryUrl": workspace.discovery_url,
        **dict.fromkeys(empty, ""),
    }
