"""``StepSequence``: steps in an order that no data gives."""

from __future__ import annotations

from typing import Any, Iterator, List

from mlsteps.errors import InvalidInput
from mlsteps.sdk.steps.base import PipelineStep


class StepSequence:
    """Steps that run one after another (SDK docs: ``azureml.pipeline.core.StepSequence``).

    Element i+1 starts after all steps of element i are done. An element that is a list is a parallel group; sequences
    may hold sequences.

    :raises InvalidInput: for an element that is neither a step, a list nor a sequence.
    """

    def __init__(self, steps: Any = None) -> None:
        self._elements = [_flat(element) for element in ([] if steps is None else list(steps))]
        for before, after in zip(self._elements, self._elements[1:]):
            for step in after:
                for earlier in before:
                    step.run_after(earlier)

    def __iter__(self) -> Iterator[PipelineStep]:
        for element in self._elements:
            yield from element


def _flat(element: Any) -> List[PipelineStep]:
    if isinstance(element, PipelineStep):
        return [element]
    if isinstance(element, (list, tuple, StepSequence)):
        return [step for item in element for step in _flat(item)]
    raise InvalidInput(f"A StepSequence holds a {type(element).__name__}", expected="steps, lists of steps, sequences")
