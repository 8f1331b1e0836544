"""Intermediate outputs that nobody needs any more: which they are, why others are kept, and their end.

An output is intermediate when it lies at a place that was made for one try of one step. It goes when its record is old,
no later run has reused it lately, and no version of a dataset and no model stands on it.

The order is: the record, then the data. A record that is gone is a miss for every run that begins afterwards. A run
that began before may have decided to reuse it a moment ago, so the data stays until every run that began before the
record went has ended; the next clean-up, or the end of this one, takes it then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from mlsteps.contracts.record import OutputRecord, StepRecord
from mlsteps.errors import InvalidInput
from mlsteps.registry import datasets, models, removals
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.records import all_records, delete_record
from mlsteps.registry.run_state import TERMINAL
from mlsteps.registry.runs import RunStore
from mlsteps.reuse.verify import OpenByName, opener
from mlsteps.storage.workspace_store import WorkspaceStore

DAY = 86_400.0
#: A run that has not said that it ended counts as running for so many seconds: its machine may have been switched off.
LONGEST_RUN = 30 * DAY
#: Clocks of two machines may differ by so many seconds.
_CLOCKS = 120.0
_WORKERS = 8
_UNITS = {"d": DAY, "h": 3600.0, "m": 60.0, "s": 1.0}

#: What becomes of a record's outputs.
DELETE, KEEP, LATER = "delete", "keep", "later"


class Candidate(NamedTuple):
    """What becomes of the outputs of one record.

    :param action: ``delete``, ``keep``, or ``later``: the record goes (or has gone), the data when no older run runs.
    :param reason: for a person; :param age: seconds since it was made or last reused.
    """

    record: StepRecord
    action: str
    reason: str
    age: float

    @property
    def files(self) -> int:
        """Files of its outputs."""
        return sum(output.count for output in self.record.outputs.values())

    @property
    def size(self) -> int:
        """Bytes of its outputs."""
        return sum(output.size for output in self.record.outputs.values())

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        producer = self.record.producer
        return {
            "action": self.action,
            "reason": self.reason,
            "step": producer.get("step_name", ""),
            "run_id": producer.get("step_run_id", ""),
            "days": round(self.age / DAY, 1),
            "files": self.files,
            "bytes": self.size,
            "places": [f"{output.datastore}/{output.path}" for output in self.record.outputs.values()],
        }


def seconds_of(text: str) -> float:
    """Seconds of ``30d``, ``12h``, ``45m`` or ``10s``.

    :raises InvalidInput: for anything else.
    """
    number, unit = text.strip()[:-1], text.strip()[-1:]
    if unit not in _UNITS or not number.replace(".", "", 1).isdigit():
        raise InvalidInput(f"{text!r} is no length of time", expected="a number and d, h, m or s, such as 30d")
    return float(number) * _UNITS[unit]


def plan(ws: WorkspaceStore, older_than: float, *, longest_run: float = LONGEST_RUN) -> list[Candidate]:
    """What a clean-up would do with each record, and with what an earlier one has begun.

    :param older_than: seconds since an output was made or last reused.
    :param longest_run: seconds after which a run that has not ended counts as dead.
    """
    now = time.time()
    facts = _Facts(ws, now - older_than)
    barrier = _oldest_running(ws, now - longest_run)
    begun = removals.pending(ws)
    gone = {_run_of(removal.record) for removal in begun}
    found = [_ready(removal, barrier, now) for removal in begun]
    for record in all_records(ws):
        if _run_of(record) not in gone:
            found.append(_judged(record, facts, now, older_than, barrier))
    return sorted(found, key=lambda item: (item.action, -item.size))


def collect(
    ws: WorkspaceStore,
    older_than: float,
    *,
    longest_run: float = LONGEST_RUN,
    open_by_name: OpenByName | None = None,
) -> list[Candidate]:
    """Do what :func:`plan` says; answers what was done. Can be killed at any moment and called again.

    :raises StoreError: when data cannot be deleted; its removal stays, and the next call tries it again.
    """
    planned = plan(ws, older_than, longest_run=longest_run)
    begun = {_run_of(removal.record): removal for removal in removals.pending(ws)}
    for item in planned:
        if item.action != KEEP and _run_of(item.record) not in begun:
            begun[_run_of(item.record)] = removals.begin(ws, item.record)
    now = time.time()
    barrier = _oldest_running(ws, now - longest_run)  # asked again: who began meanwhile may have seen the records
    opened = open_by_name or opener(ws)
    done = [item for item in planned if item.action == KEEP]
    for removal in begun.values():
        judged = _ready(removal, barrier, now)
        if judged.action == DELETE:
            _delete(ws, removal, opened)
        done.append(judged)
    return done


def _delete(ws: WorkspaceStore, removal: removals.Removal, open_by_name: OpenByName) -> None:
    delete_record(ws, removal.record)  # whoever began it may have been killed before that
    for output in removal.record.outputs.values():
        open_by_name(output.datastore).delete(output.path)
        if output.manifest:
            ws.delete(output.manifest)
    removals.end(ws, removal)


def _ready(removal: removals.Removal, barrier: tuple[float, str], now: float) -> Candidate:
    age = now - removal.since
    if barrier[0] <= removal.since + _CLOCKS:
        return Candidate(
            removal.record, LATER, f"its record is gone; run {barrier[1]}, which is older, still runs", age
        )
    return Candidate(removal.record, DELETE, "its record is gone, and no run is left that could have seen it", age)


def _judged(record: StepRecord, facts: _Facts, now: float, older_than: float, barrier: tuple[float, str]) -> Candidate:
    used = max(record.created, facts.reused.get(_run_of(record), 0.0))
    age = now - used
    reason = facts.needed(record)
    if not reason and age < older_than:
        verb = "was reused" if used > record.created else "was made"
        reason = f"it {verb} {age / DAY:.1f} days ago"
    if reason:
        return Candidate(record, KEEP, reason, age)
    if barrier[0] < now + _CLOCKS and barrier[1]:
        return Candidate(record, LATER, f"its record goes now, its data when run {barrier[1]} has ended", age)
    return Candidate(record, DELETE, f"not used for {age / DAY:.1f} days, and nothing stands on it", age)


def _run_of(record: StepRecord) -> str:
    return str(record.producer.get("step_run_id", ""))


def _oldest_running(ws: WorkspaceStore, since: float) -> tuple[float, str]:
    """When the oldest run began that has not ended, and its id; (infinity, "") when none runs."""
    runs = RunStore(ws)
    own = [head for head in _heads(runs).values() if head.get("parent") is None and head["created"] >= since]
    with ThreadPoolExecutor(_WORKERS) as pool:
        running = list(pool.map(lambda head: _is_running(runs, head), own))
    return min(
        ((head["created"], head["id"]) for head, runs_on in zip(own, running, strict=True) if runs_on),
        default=(float("inf"), ""),
    )


def _is_running(runs: RunStore, head: Mapping[str, Any]) -> bool:
    """Whether a run may still read what it found; of a DAG written by hand nobody knows whether a step is to come."""
    if "steps" not in head and "dag_id" in head and time.time() - head["created"] < DAY:
        return True
    return pipeline_status(runs, head["id"]) not in TERMINAL


def _heads(runs: RunStore) -> dict[str, dict[str, Any]]:
    ids = [run for experiment in runs.experiments() for run in runs.list(experiment, include_children=True)]
    return runs.heads(ids)


class _Facts:
    """What the workspace stands on: places of datasets, runs of models, and which results were reused since when."""

    def __init__(self, ws: WorkspaceStore, since: float) -> None:
        runs = RunStore(ws)
        lately = [id for id, head in _heads(runs).items() if head.get("parent") and head["created"] >= since]
        self.reused: dict[str, float] = {}
        for id, state in runs.states(lately).items():
            source = str((state.reused or {}).get("run_id") or "")
            if source:
                self.reused[source] = max(self.reused.get(source, 0.0), float((runs.head(id) or {})["created"]))
        self._places = {
            place: f"dataset {name}:{version}"
            for name in datasets.names(ws)
            for version in datasets.versions(ws, name)
            for place in _places(datasets.get(ws, name, version) or {})
        }
        self._models = {
            str(model.get("run_id")): f"model {model['name']}:{model['version']}" for model in models.list_models(ws)
        }

    def needed(self, record: StepRecord) -> str:
        """Why the outputs of a record stay, whatever their age; "" when nothing stands on them."""
        if not record.outputs:
            return "it has no outputs"
        run = _run_of(record)
        if run in self._models:
            return f"{self._models[run]} was registered by its run"
        for output in record.outputs.values():
            reason = self._stands_on(output, run)
            if reason:
                return reason
        return ""

    def _stands_on(self, output: OutputRecord, run: str) -> str:
        if output.dataset:
            return f"it is dataset {output.dataset.get('name')}:{output.dataset.get('version')}"
        if not run or run not in output.path.split("/"):
            return f"{output.datastore}/{output.path} is a place that the pipeline names"
        own = output.path.strip("/") + "/"
        for (datastore, path), user in self._places.items():
            if datastore == output.datastore and (path.startswith(own) or own.startswith(path)):
                return f"{user} reads it"
        return ""


def _places(document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The datastores and folders that a dataset reads, up to the first pattern; "" is all of a datastore."""
    for place in (document.get("definition") or {}).get("paths") or ():
        if place.get("datastore"):
            parts: list[str] = []
            for part in str(place.get("path") or "").strip("/").split("/"):
                if any(sign in part for sign in "*?["):
                    break
                parts.append(part)
            yield str(place["datastore"]), "/".join(part for part in parts if part) + "/" if any(parts) else ""
