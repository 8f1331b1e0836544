"""What a step said of its pipeline run, said again of the run that reuses its result.

Scripts log metrics on ``run.parent`` and tag it, and later steps read them there. They are part of what the step did,
so a reused step leaves its pipeline run with the same ones. Files and models that a script put into the workspace by
itself are not repeated: they are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlsteps.contracts.record import StepRecord
from mlsteps.registry.run_events import event

if TYPE_CHECKING:
    from mlsteps.registry.runs import RunStore

_KINDS = ("metric", "tag", "untag", "property")
_OWN = ("t", "kind", "by")


class Replay:
    """Says again what steps said; reads the events of each earlier pipeline run once."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self._read: dict[str, list[Mapping[str, Any]]] = {}

    def say_again(self, record: StepRecord, run_id: str) -> None:
        """Write what the maker of ``record`` said of its pipeline run to that of ``run_id``."""
        source, before = record.producer.get("step_run_id"), record.producer.get("pipeline_run_id")
        here = (self._runs.head(run_id) or {}).get("parent")
        if not source or not before or here is None or here == before:
            return
        again = [
            event(item["kind"], **{name: value for name, value in item.items() if name not in _OWN}, by=run_id)
            for item in self._said(str(before))
            if item.get("by") == source
        ]
        if again:
            self._runs.write_all(here, again)

    def _said(self, pipeline_run: str) -> list[Mapping[str, Any]]:
        if pipeline_run not in self._read:
            known = self._runs.head(pipeline_run) is not None
            events = self._runs.events(pipeline_run) if known else []
            self._read[pipeline_run] = [item for item in events if item["kind"] in _KINDS and "by" in item]
        return self._read[pipeline_run]
