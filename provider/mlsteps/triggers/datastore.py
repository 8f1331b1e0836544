"""``DatastoreChangeTrigger``: polls a datastore in the triggerer, so that no worker is held while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

#: Between polls of a schedule that cannot be read.
_DEFAULT_SECONDS = 60.0


class DatastoreChangeTrigger(BaseEventTrigger):  # type: ignore[misc]
    """Sends an event when a poll finds changes that no run was started for.

    It keeps nothing and marks nothing as seen: the schedule's DAG does, when the runs exist. So an event that is lost
    with its process is sent again by the next poll, and one that is sent twice starts nothing twice.

    What to poll, and how often, it reads from the schedule's document each time, so that it is the same trigger
    whatever is changed: Airflow leaves an asset without any for a while when its trigger is replaced.

    :param root: root of the workspace; :param schedule_id: the schedule.
    """

    def __init__(self, root: str, schedule_id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.root = root
        self.schedule_id = schedule_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        arguments = {"root": self.root, "schedule_id": self.schedule_id}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until cancelled; what a store refuses is logged and tried again at the next poll."""
        while True:
            found, seconds = await asyncio.to_thread(self._poll)
            if found:
                yield TriggerEvent({"schedule_id": self.schedule_id, "changes": found})  # type: ignore[no-untyped-call]
            await asyncio.sleep(seconds)

    def _poll(self) -> tuple[int, float]:
        """How much there is to do, and in how many seconds to look again."""
        from mlsteps.hooks.mlsteps import resolve_reference
        from mlsteps.operators.watching import listing
        from mlsteps.registry import schedule_state, schedules
        from mlsteps.registry.workspaces import open_workspace

        seconds = _DEFAULT_SECONDS
        try:
            ws = open_workspace(resolve_reference({"root": self.root}))
            schedule = schedules.need(ws, self.schedule_id)
            if schedule["status"] != schedules.ACTIVE or "watch" not in schedule:
                return 0, seconds
            watch = schedule["watch"]
            seconds = 60.0 * float(watch["minutes"])
            found = schedule_state.pending(ws, self.schedule_id, watch["generation"], listing(ws, schedule))
        except Exception:  # whatever a driver raises: a trigger that ends would never poll again
            self.log.exception("The poll of schedule %s failed; the next one is in %g s", self.schedule_id, seconds)
            return 0, seconds
        return found, seconds
