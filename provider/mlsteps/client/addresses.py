"""Addresses of published pipelines and endpoints on the Airflow of their workspace."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlsteps.client import active
from mlsteps.client.airflow_api import PREFIX, workspace_path
from mlsteps.client.home import Home, read_json, write_private
from mlsteps.client.target import Target, target_of
from mlsteps.registry.workspaces import workspace_document

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace


def of_pipeline(workspace: Workspace, id: str) -> str:
    """Where a run of a published pipeline is started by ``POST``."""
    return f"{_base(workspace)}/PipelineRuns/PipelineSubmit/{quote(id, safe='')}"


def of_endpoint(workspace: Workspace, id: str) -> str:
    """Where a run of an endpoint is started by ``POST``: by its id; cut at ``Id``, ``Name?name=...`` is by its name."""
    return f"{_base(workspace)}/PipelineRuns/PipelineEndpointSubmit/Id/{quote(id, safe='')}"


def of_description(workspace: Workspace) -> str:
    """Where the OpenAPI description of these routes is."""
    return f"{_served_by(workspace).url.rstrip('/')}{PREFIX}/openapi.json"


def _base(workspace: Workspace) -> str:
    url = _served_by(workspace).url.rstrip("/")
    return url + workspace_path(workspace_document(workspace._store()))


def _served_by(workspace: Workspace) -> Target:
    """The workspace's Airflow; the embedded one is started, and told where the workspace lies."""
    target = target_of(workspace._reference())
    if target.embedded is not None:
        _make_known(target.embedded.home, workspace._store().root)
        active.serve(target, workspace._run_store())
    return target


def known_roots(home: Home) -> list[str]:
    """Roots of the workspaces that the embedded Airflow answers for."""
    return list(read_json(home.workspaces) or [])


def _make_known(home: Home, root: str) -> None:
    if root in known_roots(home):
        return
    descriptor = os.open(home.workspaces.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        write_private(
            home.workspaces, json.dumps([*(item for item in known_roots(home) if item != root), root], indent=1)
        )
    finally:
        os.close(descriptor)
