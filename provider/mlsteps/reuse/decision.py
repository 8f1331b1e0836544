"""``Decision`` and ``Plan``: what is to be done with each step, why, and their JSON forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Mapping, NamedTuple

from mlsteps.contracts.record import StepRecord

RUN, REUSE, WAIT = "run", "reuse", "wait"


class Decision(NamedTuple):
    """What is to be done with one step.

    :param step: its id; :param name: what a person calls it.
    :param action: ``run``, ``reuse``, or ``wait``: decided in the step's own task, when its inputs are known.
    :param reason: in words, for the log and the UI.
    :param fingerprint: "" when it cannot be computed, or not yet.
    :param preimage: what the fingerprint was made from; None likewise.
    :param record: of ``reuse``, the record, its outputs under the names they have now; of ``run``, the nearest earlier
        record, for comparison.
    :param waits_for: the steps whose outputs have to be known before there is a fingerprint: of ``wait``, and of
        ``run`` when all is regenerated.
    :param replace: the store's record for this fingerprint no longer holds; the new one takes its place.
    :param snapshot: digest of the step's source, when the plan needed it.
    """

    step: str
    action: str
    reason: str
    fingerprint: str = ""
    preimage: Mapping[str, Any] | None = None
    record: StepRecord | None = None
    waits_for: tuple[str, ...] = ()
    replace: bool = False
    snapshot: str | None = None
    name: str = ""

    def to_json(self, full: bool = False) -> dict[str, Any]:
        """As JSON data. A record is given only where it is reused, the preimage only when ``full``."""
        answer: dict[str, Any] = {"action": self.action, "reason": self.reason, "fingerprint": self.fingerprint}
        if self.snapshot:
            answer["snapshot"] = self.snapshot
        if self.waits_for:
            answer["waits_for"] = list(self.waits_for)
        if self.replace:
            answer["replace"] = True
        if self.record is not None and (full or self.action == REUSE):
            answer["record"] = self.record.to_json()
        if full:
            answer.update(step=self.step, name=self.name, preimage=self.preimage)
        return answer


@dataclass(frozen=True)
class Plan:
    """The decisions for all steps of a graph, in topological order."""

    decisions: tuple[Decision, ...]

    def __getitem__(self, step: str) -> Decision:
        """The decision for a step, by its id."""
        return self.by_step[step]

    @cached_property
    def by_step(self) -> dict[str, Decision]:
        """Decisions by step id."""
        return {decision.step: decision for decision in self.decisions}

    @property
    def reused(self) -> tuple[str, ...]:
        """Ids of the steps that are not started."""
        return tuple(decision.step for decision in self.decisions if decision.action == REUSE)

    def to_json(self, full: bool = False) -> dict[str, Any]:
        """``{step id: decision}``, as the XCom of ``plan`` holds it under ``steps``."""
        return {decision.step: decision.to_json(full) for decision in self.decisions}
