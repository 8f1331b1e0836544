"""``wait_for_provisioning``: wait until the Airflow of a workspace has a schedule's DAG as it is now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.client.target import Target, target_of
from mlsteps.errors import ExperimentExecutionException
from mlsteps.registry import schedules
from mlsteps.registry.workspaces import workspace_document
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate.schedules import mark_of

if TYPE_CHECKING:
    from mlsteps.sdk.workspace import Workspace

_LOOK_EVERY = 1.0
#: Seconds after which Airflow is asked once more to look.
_ASK_EVERY = 30.0


def provision(workspace: Workspace, schedule_id: str, timeout: float) -> None:
    """Return when Airflow has the schedule.

    With no Airflow configured this is the embedded one, which is started when it does not run; it fires as long as the
    script lives.

    :param timeout: in seconds.
    :raises ExperimentExecutionException: when Airflow cannot load it, or does not find it in time.
    """
    ws = workspace._store()
    document = schedules.need(ws, schedule_id)
    target = target_of(workspace._reference())
    if target.embedded is None:
        _wait(target, ws, document, timeout)
    else:
        _sync(target, ws, document)
    print("Provisioning status: Completed", flush=True)


def _sync(target: Target, ws: WorkspaceStore, document: Mapping[str, Any]) -> None:
    """The embedded Airflow is told of each DAG: the schedule's, and the one that it starts."""
    assert target.embedded is not None
    wanted = [schedules.pipeline_of(ws, document)] if document["status"] == schedules.ACTIVE else []
    for item in (*wanted, document):
        if not target.embedded.sync(str(item["dag_id"]), ws.root):
            raise ExperimentExecutionException(f"Another workspace's DAG has the id {item['dag_id']!r}.")
    if "watch" in document and document["status"] == schedules.ACTIVE:
        print(
            "The embedded Airflow does not poll datastores: it has no triggerer. This schedule fires in an Airflow "
            "that serves the workspace (docs/schedules.md).",
            flush=True,
        )


def _wait(target: Target, ws: WorkspaceStore, document: Mapping[str, Any], timeout: float) -> None:
    dag_id, mark = str(document["dag_id"]), mark_of(schedules.served_document(document))
    deadline, ask_at = time.monotonic() + timeout, 0.0
    while mark not in target.api.dag_text(dag_id):
        now = time.monotonic()
        if now > deadline:
            raise ExperimentExecutionException(
                f"Airflow at {target.url} did not load the schedule {document['name']!r} ({dag_id}) within "
                f"{timeout:g} s. The schedule itself is kept. Airflow needs the DAG bundle "
                f"mlsteps.bundles.MlstepsDagBundle with the root {ws.root!r} (docs/publishing.md)."
            )
        if now >= ask_at:
            print(f"Provisioning status: waiting for Airflow at {target.url} to load {dag_id!r}", flush=True)
            target.api.refresh(workspace_document(ws), dag_id)
            ask_at = now + _ASK_EVERY
        time.sleep(_LOOK_EVERY)
    found = target.api.dag(dag_id) or {}
    if found.get("is_paused") and document["status"] == schedules.ACTIVE:
        print(f"{dag_id!r} is paused in Airflow at {target.url}: it does not fire until it is unpaused.", flush=True)
