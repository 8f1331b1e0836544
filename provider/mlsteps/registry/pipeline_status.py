"""A pipeline run's status, derived from its steps, so that no process has to live to the end to write it.

The head of a pipeline run holds ``steps`` (ids of all steps to expect), ``upstream`` (ids each step waits for, by
step id; optional) and ``continue_on_step_failure``. A step's runs are children of the pipeline run whose heads hold
``step`` (its id) and ``try`` (its number, from 1); the newest attempt counts. A terminal status on the pipeline run
itself (cancelled; failed before its steps) counts before all of this.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Set, Tuple

from mlsteps.registry.run_state import TERMINAL, RunState
from mlsteps.registry.runs import RunStore

#: What a pipeline run can be.
NOT_STARTED, RUNNING, FAILED, COMPLETED, CANCELED = "NotStarted", "Running", "Failed", "Completed", "Canceled"


def pipeline_status(run_store: RunStore, run_id: str) -> str:
    """``NotStarted``, ``Running``, ``Failed``, ``Completed`` or ``Canceled``.

    As in the SDK: the first step that fails for good fails the pipeline, unless ``continue_on_step_failure`` is on:
    then it fails once nothing more can run.

    :raises ExperimentExecutionException: when there is no such run.
    """
    own = run_store.state(run_id)
    if own.status in TERMINAL:
        return own.status
    head = run_store.head(run_id) or {}
    steps = step_states(run_store, run_id)
    status = derive(head, steps)
    if own.status == "CancelRequested" and not any(map(_active, steps.values())):
        return CANCELED
    return RUNNING if status == NOT_STARTED and own.status not in (NOT_STARTED, "Queued") else status


def step_states(run_store: RunStore, run_id: str) -> Dict[str, RunState]:
    """The state of each step's newest attempt, by step id; steps that never began are left out."""
    newest = attempts(run_store, run_id)
    states = run_store.states(newest.values())
    return {step: states[child] for step, child in newest.items()}


def attempts(run_store: RunStore, run_id: str) -> Dict[str, str]:
    """The run id of each step's newest attempt, by step id, in the order in which the steps first began."""
    heads = run_store.heads(run_store.children(run_id))
    newest: Dict[str, str] = {}
    for child, head in heads.items():
        step = head.get("step")
        if step is not None and (step not in newest or _number(head) >= _number(heads[newest[step]])):
            newest[step] = child
    return newest


def derive(head: Mapping[str, Any], steps: Mapping[str, RunState]) -> str:
    """The status that follows from the head and the steps' states."""
    expected: List[str] = list(head.get("steps") or steps)
    failed = {step for step, state in steps.items() if state.status == FAILED and state.final}
    if failed and not head.get("continue_on_step_failure"):
        return FAILED
    if not steps:
        return COMPLETED if head.get("steps") == [] else NOT_STARTED
    if all(step in steps and steps[step].status == COMPLETED for step in expected):
        return COMPLETED
    canceled = {step for step, state in steps.items() if state.status == CANCELED and not state.interim}
    over = _over(expected, head.get("upstream") or {}, failed | canceled, steps)
    if not over:
        return RUNNING
    return FAILED if failed else CANCELED


def _over(
    expected: List[str], upstream: Mapping[str, List[str]], stopped: Set[str], steps: Mapping[str, RunState]
) -> bool:
    """Whether no step runs and none can start: each is done, stopped, or below one that is stopped."""
    blocked = set(stopped)
    before = -1
    while len(blocked) != before:
        before = len(blocked)
        blocked |= {step for step in expected if set(upstream.get(step, ())) & blocked}
    waiting = [step for step in expected if step not in blocked]
    return not any(map(_active, steps.values())) and all(
        step in steps and steps[step].status == COMPLETED for step in waiting
    )


def _active(state: RunState) -> bool:
    """Still going on, or failed with a retry to come, or its task has yet to say."""
    return state.status not in TERMINAL or state.interim or (state.status == FAILED and not state.final)


def _number(head: Mapping[str, Any]) -> Tuple[int, int]:
    return int(head.get("try") or 0), int(head.get("lost") or 0)
