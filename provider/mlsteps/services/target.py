"""A step that is a job of a service: started once, watched, stopped, its outputs committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from mlsteps.compute.base import Target
from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.contracts.spec import StepResult, StepSpec
from mlsteps.errors import AzureMLException, UserErrorException
from mlsteps.registry.records import put_manifest
from mlsteps.registry.runs import RunStore
from mlsteps.runner.artifacts import LOG
from mlsteps.runner.stores import Stores
from mlsteps.services.job import Job, State
from mlsteps.services.notes import Notes
from mlsteps.storage.workspace_store import WorkspaceStore

#: Makes the job of a spec, with its stores and the credentials that they were opened with.
Make = Callable[[StepSpec, Stores, Mapping[str, Any]], Job]
#: How often it is looked whether the step is to stop, in seconds.
_GLANCE = 0.2


class ServiceTarget(Target):
    """Runs a step on a service.

    :param make: the job; :param seconds: between two looks at it.
    """

    def __init__(self, ws: WorkspaceStore, make: Make, seconds: float) -> None:
        self._ws = ws
        self._make = make
        self._seconds = seconds
        self._stopped = False
        self._notes: Notes | None = None
        self._content = ""

    def prepare(self, environment: Mapping[str, Any] | None, report: Callable[[str], None]) -> str:
        """The service has interpreters of its own."""
        return ""

    def left_behind(self, task: str, content: str) -> StepSpec | None:
        """See :meth:`Target.left_behind`. A job goes on when the worker that started it dies."""
        self._notes, self._content = Notes(self._ws, task), content
        note = self._notes.read()
        if note is None:
            return None
        if note["content"] == content:
            return StepSpec.from_json(note["spec"])
        return None

    def run(self, spec: StepSpec, credentials: Mapping[str, Any], *, on_line: Callable[[str], None]) -> StepResult:
        """See :meth:`Target.run`."""
        started = time.monotonic()
        stores = Stores(spec, credentials)
        try:
            job = self._make(spec, stores, credentials)
            state, said = self._followed(job, spec, on_line)
            if state.canceled or self._stopped:
                return _canceled()
            if state.error:
                return StepResult("Failed", 1, {"category": "user", "message": state.error, "tail": said})
            outputs = _commit(spec, stores)
        except AzureMLException as error:
            category = "user" if isinstance(error, UserErrorException) else "infrastructure"
            return StepResult("Failed", error={"category": category, "message": error.message})
        except Exception as error:  # of a hook: whatever it is, the step has an answer that tells of it
            return StepResult("Failed", error={"category": "infrastructure", "message": f"The service: {error}"})
        return StepResult("Completed", 0, {}, outputs, {}, {"run": round(time.monotonic() - started, 3)})

    def stop(self) -> None:
        """See :meth:`Target.stop`: the job is cancelled by the thread that follows it."""
        self._stopped = True

    def _followed(self, job: Job, spec: StepSpec, on_line: Callable[[str], None]) -> tuple[State, str]:
        """Start the job, or go on with the one that an earlier try started; its end, and what it said."""
        if self._stopped:
            return State("", ended=True, canceled=True), ""
        job_id = self._started(job, spec, on_line)
        RunStore(self._ws).write(spec.run_id, "status", status="Running")
        state = self._ended(job, job_id, on_line)
        said = job.said(job_id)
        for line in said.splitlines():
            on_line(line)
        RunStore(self._ws).artifacts(spec.run_id).write(LOG, said.encode("utf-8", "replace"))
        if self._notes is not None:
            self._notes.remove()
        return state, said

    def _started(self, job: Job, spec: StepSpec, on_line: Callable[[str], None]) -> str:
        note = (self._notes.read() if self._notes else None) or {}
        if note.get("content") == self._content and note.get("job"):
            on_line(f"Job {note['job']} was started by an earlier try and goes on.")
            return str(note["job"])
        if note.get("job"):  # what runs there makes a result that nobody wants any more
            job.cancel(str(note["job"]))
        said = {"content": self._content, "spec": spec.to_json()}
        if self._notes:
            self._notes.write(said)
        job_id = job.start(digest_of([spec.run_id, self._content])[:64])
        if self._notes:
            self._notes.write({**said, "job": job_id})
        on_line(f"Job {job_id} is started.")
        return job_id

    def _ended(self, job: Job, job_id: str, on_line: Callable[[str], None]) -> State:
        shown, is_told = "", False
        while True:
            state = job.look(job_id)
            if state.text != shown:
                shown = state.text
                on_line(f"Job {job_id}: {shown}")
            if state.ended:
                return state
            if self._stopped and not is_told:
                job.cancel(job_id)
                is_told = True
            self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + self._seconds
        while time.monotonic() < end and not self._stopped:
            time.sleep(min(_GLANCE, self._seconds))
        if self._stopped:
            time.sleep(min(1.0, self._seconds))


def _canceled() -> StepResult:
    return StepResult("Canceled", error={"category": "user", "message": "The step was cancelled."})


def _commit(spec: StepSpec, stores: Stores) -> dict[str, OutputManifest]:
    """The manifests of what the job wrote; the service's own word for each file stands for its digest."""
    manifests = {}
    for item in spec.outputs:
        store = stores.datastore(item.datastore)
        single = store.entry(item.path)
        if single is not None:
            manifests[item.name] = OutputManifest.of([_entry("", single)], is_file=True)
            continue
        found = [_entry(entry.path[len(item.path) :].lstrip("/"), entry) for entry in store.tree(item.path)]
        manifests[item.name] = OutputManifest.of(found)
    for name, manifest in manifests.items():
        put_manifest(stores.workspace, spec.run_id, name, manifest)
    return manifests


def _entry(path: str, entry: Any) -> FileEntry:
    return FileEntry(path, entry.size, f"stamp:{entry.stamp}", entry.stamp)
