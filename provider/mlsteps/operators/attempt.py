"""Which task of which run this is, and the ids that follow from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlsteps.operators.links import run_address, task_address
from mlsteps.operators.parameters import SUBMISSION
from mlsteps.registry import run_ids


@dataclass(frozen=True)
class Attempt:
    """One try of one task, as Airflow counts.

    :param clear_number: how often tasks of this DAG run were cleared.
    :param max_tries: the last try that Airflow makes on its own, less one.
    :param run_started: when the DAG run started, in seconds since the epoch; a run that is cleared starts again.
    :param submission: what a client said beside the parameters: ``experiment_name``, ``tags``, ...
    :param triggered: when the DAG run was made, in seconds since the epoch.
    :param map_index: which instance of a mapped task; -1 for one that is not mapped.
    :param task_group: which pipeline of the DAG this is, when the DAG holds it as a task group.
    :param lost: how often, within this try, what the step ran on was taken away.
    """

    dag_id: str
    run_id: str
    task_id: str
    try_number: int
    max_tries: int
    clear_number: int
    run_started: float
    submission: Mapping[str, Any]
    triggered: float = 0.0
    task_group: str = ""
    map_index: int = -1
    lost: int = 0

    @classmethod
    def of(cls, context: Mapping[str, Any], task_group: str = "") -> Attempt:
        """The attempt that a task's context tells of."""
        ti, dag_run = context["ti"], context["dag_run"]
        started = getattr(dag_run, "start_date", None)
        triggered = getattr(dag_run, "run_after", None) or started
        return cls(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            try_number=ti.try_number,
            max_tries=getattr(ti, "max_tries", 0) or 0,
            clear_number=getattr(dag_run, "clear_number", 0) or 0,
            run_started=started.timestamp() if started else time.time(),
            submission={} if task_group else (dag_run.conf or {}).get(SUBMISSION) or {},
            triggered=triggered.timestamp() if triggered else time.time(),
            task_group=task_group,
            map_index=-1 if getattr(ti, "map_index", None) is None else ti.map_index,
        )

    @cached_property
    def pipeline_run_id(self) -> str:
        """The pipeline run's id."""
        return run_ids.pipeline_run_id(self.dag_id, self.run_id, self.task_group)

    def task_of(self, step_id: str) -> str:
        """The id of the task that runs a step."""
        return task_of(self.task_group, step_id)

    def address_of(self, step_id: str) -> str:
        """Where the UI shows the task of a step."""
        if self.map_index < 0:
            return task_address(self.dag_id, self.run_id, self.task_of(step_id), self._run_address)
        return f"{task_address(self.dag_id, self.run_id, self.task_id)}/mapped/{self.map_index}"

    @cached_property
    def _run_address(self) -> str:
        return run_address(self.dag_id, self.run_id)

    @property
    def is_last(self) -> bool:
        """Whether Airflow makes no further try when this one fails."""
        return self.try_number > self.max_tries

    def step_run_id(self, step_id: str) -> str:
        """The id of this try at the step."""
        return run_ids.step_run_id(self.pipeline_run_id, step_id, self.try_number, self.lost)

    def work_of(self, step_id: str) -> str:
        """What all tries at the step have in common until a person clears it: then it shall run anew."""
        return f"{self.pipeline_run_id}/{step_id}/{self.clear_number}"

    def reused_run_id(self, step_id: str) -> str:
        """The id of a step that ``plan`` marks reused: no try of it ever starts."""
        return run_ids.reused_run_id(self.pipeline_run_id, step_id)

    def producer(self, step_run_id: str, experiment: str, step_name: str) -> dict[str, Any]:
        """Who made a result, as ``StepRecord.producer`` keeps it."""
        return {
            **self.holder(),
            "try_number": self.try_number,
            "clear_number": self.clear_number,
            "pipeline_run_id": self.pipeline_run_id,
            "step_run_id": step_run_id,
            "experiment": experiment,
            "step_name": step_name,
        }

    def holder(self) -> dict[str, Any]:
        """Who holds a lease: what another run's log says while it waits."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task_id": self.task_id,
            "url": task_address(self.dag_id, self.run_id, self.task_id),
            **({"map_index": self.map_index} if self.map_index >= 0 else {}),
        }

    def made(self, producer: Mapping[str, Any]) -> bool:
        """Whether this same task of this same run made a result, in whichever try."""
        known = {"map_index": -1, **producer}
        return all(known.get(key) == getattr(self, key) for key in ("dag_id", "run_id", "task_id", "map_index"))


def task_of(task_group: str, step_id: str) -> str:
    """The id of the task that runs a step of a pipeline.

    :param task_group: the pipeline's, or empty for one that is the whole DAG.
    """
    return f"{task_group}.{step_id}" if task_group else step_id
