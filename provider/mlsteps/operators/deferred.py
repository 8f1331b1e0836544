"""A step whose task has left its worker: what is kept of the try until it goes on, and who looks after it meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlsteps.hooks.connections import mask, use_airflow_connections
from mlsteps.operators.watch import stop_reason
from mlsteps.registry.credentials import load_credentials
from mlsteps.registry.documents import list_datastores
from mlsteps.registry.leases import Lease
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import workspace_store
from mlsteps.reuse.decision import Decision
from mlsteps.storage.workspace_store import WorkspaceStore

#: Seconds that a lease is held without a sign of life: a triggerer that is lost is missed only after a while, and a
#: task that goes on may have to wait for a slot.
AHEAD = 600.0


@dataclass(frozen=True)
class Kept:
    """What a try knows when it goes on, in whichever process.

    :param begun: what the compute target says of what it has started.
    :param run_id: the step's run; :param lost: how often within this try what it ran on was taken away.
    :param decision: why it runs, with fingerprint and pre-image: data that has changed meanwhile changes nothing.
    :param lease: generation of the lease that it holds, or None.
    :param deadline: when its ``execution_timeout`` is over, in seconds since the epoch.
    """

    begun: Mapping[str, Any]
    run_id: str
    lost: int
    decision: Mapping[str, Any]
    snapshot: str | None
    lease: int | None
    deadline: float | None

    def to_json(self) -> dict[str, Any]:
        """For Airflow to keep."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Kept:
        """The other way."""
        return cls(**{name: data.get(name) for name in cls.__dataclass_fields__})  # type: ignore[arg-type]


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """A decision to run, without the record that it was compared with."""
    names = ("step", "action", "reason", "fingerprint", "preimage", "replace", "snapshot", "name")
    return {name: getattr(decision, name) for name in names}


@dataclass(frozen=True)
class Watched:
    """What a trigger looks at in the workspace, in place of the task.

    :param workspace: reference of the workspace; :param step: the step's id.
    :param run_started: :param clear_number: as of the task's ``Attempt``.
    :param go_on: ``continue_on_step_failure``.
    """

    workspace: Mapping[str, Any]
    run_id: str
    pipeline_run_id: str
    step: str
    run_started: float
    clear_number: int
    go_on: bool
    fingerprint: str
    lease: int | None

    def to_json(self) -> dict[str, Any]:
        """As arguments of a trigger."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Watched:
        """The other way."""
        return cls(**data)

    def look(self) -> str | None:
        """Why the step has to stop, or None; says that its lease is held."""
        if self._lease is not None:
            self._lease.heartbeat(AHEAD)
        events = RunStore(self._ws).events(self.pipeline_run_id)
        return stop_reason(events, self, self.step, continue_on_step_failure=self.go_on)

    def mask(self) -> None:
        """Keep out of the trigger's log what the step's stores are opened with, whatever its script says."""
        for document in list_datastores(self._ws).values():
            mask(load_credentials(document.get("connection")) or {})

    def say_stopped(self) -> None:
        """The run has ended with its task, which cannot say so any more."""
        from mlsteps.operators.execution import STOPPED

        RunStore(self._ws).write(self.run_id, "status", status="Canceled", error={"message": STOPPED})
        if self._lease is not None:
            self._lease.release()

    @cached_property
    def _ws(self) -> WorkspaceStore:
        use_airflow_connections()
        return workspace_store(self.workspace)

    @cached_property
    def _lease(self) -> Lease | None:
        return None if self.lease is None else Lease.of(self._ws, self.fingerprint, self.lease)
