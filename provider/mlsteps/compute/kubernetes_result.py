"""Results of steps in pods, beside those that a runner writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mlsteps.compute.kubernetes_status import Trouble
from mlsteps.contracts.spec import StepResult

CANCELED = StepResult("Canceled", error={"category": "user", "message": "The step was cancelled."})


def failed(trouble: Trouble, last: Iterable[str] = ()) -> StepResult:
    """What the cluster has done to a step; ``last`` are the last lines of its output."""
    error: dict[str, Any] = {"category": trouble.category, "message": trouble.message}
    if trouble.lost:
        error["lost"] = True
    tail = "\n".join(last)
    return StepResult("Failed", error={**error, "tail": tail} if tail else error)


def with_memory(result: StepResult, state: Mapping[str, Any]) -> StepResult:
    """A script that the kernel killed cannot say why; ``state`` is its keeper's."""
    if result.status != "Failed" or not state.get("out_of_memory"):
        return result
    more = "The pod has reached its memory limit: give the compute target more memory, or a larger vm_size."
    return replace(result, error={**result.error, "message": f"{result.error.get('message', '')} {more}".strip()})
