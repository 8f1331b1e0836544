"""What transfers of steps that failed or were killed have left for a later try, and its end when none comes.

It lies under hidden names beside the destination, so no listing shows it and nothing takes it for data.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from mlsteps.errors import AzureMLException
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore
from mlsteps.registry.unfinished import Unfinished, end, unfinished
from mlsteps.reuse.garbage import DAY, DELETE, KEEP, LONGEST_RUN
from mlsteps.reuse.verify import OpenByName, opener
from mlsteps.storage.copying.ledger import remove_left
from mlsteps.storage.workspace_store import WorkspaceStore


class Interrupted(NamedTuple):
    """What becomes of the parts that one transfer has left.

    :param action: ``delete`` or ``keep``; :param reason: for a person; :param age: seconds since its last try began.
    """

    transfer: Unfinished
    action: str
    reason: str
    age: float

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        transfer = self.transfer
        return {
            "action": self.action,
            "reason": self.reason,
            "step": transfer.step,
            "run_id": transfer.run_id,
            "days": round(self.age / DAY, 1),
            "files": len(transfer.paths),
            "bytes": transfer.size,
            "places": [f"{transfer.datastore}/{path}" for path in transfer.paths],
        }


def tidy(
    ws: WorkspaceStore, older_than: float, *, apply: bool, open_by_name: OpenByName | None = None
) -> list[Interrupted]:
    """Judge what is left of each transfer and, with ``apply``, delete what goes.

    :param older_than: seconds since the last try began.
    """
    opened = open_by_name or opener(ws)
    found = [_judged(ws, transfer, older_than) for transfer in unfinished(ws)]
    return [_deleted(ws, item, opened) if apply and item.action == DELETE else item for item in found]


def _judged(ws: WorkspaceStore, transfer: Unfinished, older_than: float) -> Interrupted:
    age = time.time() - transfer.since
    if age < older_than:
        return Interrupted(transfer, KEEP, f"its last try began {age / DAY:.1f} days ago; another goes on with it", age)
    if age < LONGEST_RUN and _is_running(ws, transfer.pipeline_run_id):
        return Interrupted(transfer, KEEP, f"run {transfer.pipeline_run_id} has not ended", age)
    return Interrupted(transfer, DELETE, f"parts of files; no try has come for {age / DAY:.1f} days", age)


def _is_running(ws: WorkspaceStore, run_id: str) -> bool:
    runs = RunStore(ws)
    return runs.head(run_id) is not None and pipeline_status(runs, run_id) not in TERMINAL


def _deleted(ws: WorkspaceStore, item: Interrupted, open_by_name: OpenByName) -> Interrupted:
    try:
        remove_left(open_by_name(item.transfer.datastore), item.transfer.folder, item.transfer.paths)
    except AzureMLException as error:  # a datastore that is gone, or out of reach: the next clean-up tries again
        return item._replace(action=KEEP, reason=f"could not be deleted: {error.message}")
    end(ws, item.transfer)
    return item
