"""What ``plan`` tells the steps of its run: one XCom under the key ``plan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlsteps.contracts.record import OutputRecord

KEY = "plan"


@dataclass(frozen=True)
class Plan:
    """The decisions of a run, and what all its steps share.

    :param workspace: the workspace's reference, resolved: no step asks for the connection again.
    :param parameters: values of the pipeline parameters.
    :param clear_number: of the DAG run when the decisions were made.
    :param steps: ``{step id: {"action", "reason", "fingerprint", "snapshot", "outputs"?, "source"?}}``: of a reused
        step its outputs and the step run that made them, no more: every step that runs reads all of this. The whole
        record is in the workspace's store under the fingerprint.
    """

    pipeline_run_id: str = ""
    experiment: str = ""
    workspace: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    regenerate: bool = False
    continue_on_step_failure: bool = True
    clear_number: int = 0
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The XCom's value."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def step(self, step_id: str) -> Mapping[str, Any]:
        """The decision on a step; empty when there is none."""
        return self.steps.get(step_id) or {}

    def snapshot(self, step_id: str) -> str | None:
        """The snapshot of the step's source that the run works with."""
        return self.step(step_id).get("snapshot")

    def outputs(self, step_id: str) -> dict[str, OutputRecord]:
        """The outputs of a step that was reused; empty for one that was not."""
        made = self.step(step_id).get("outputs") or {}
        return {name: OutputRecord.from_json(output) for name, output in made.items()}


def pull(context: Mapping[str, Any], plan_task_id: str | None) -> Plan | None:
    """The plan of this run; None for an operator in a DAG without one."""
    if plan_task_id is None:
        return None
    value = context["ti"].xcom_pull(task_ids=plan_task_id, key=KEY)
    if not value:
        return None
    known = {name: value[name] for name in Plan.__dataclass_fields__ if name in value}
    return Plan(**known)
