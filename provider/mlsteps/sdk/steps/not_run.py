"""Step types that compile into a pipeline's graph and that no operator runs yet. Data only.

Whoever makes one of them run takes its line out; everything that refuses or reports such steps reads this table.
"""

from __future__ import annotations

from typing import Iterable, Mapping

from mlsteps.contracts.graph import StepNode
from mlsteps.errors import UnsupportedFeature
from mlsteps.sdk.surface.refused import Refusal

#: ``StepNode.type`` -> why it does not run.
NOT_RUN: Mapping[str, Refusal] = {
    "HyperDrive": Refusal("hyperparameter search is not run yet", "one PythonScriptStep for each setting"),
    "ParallelRun": Refusal("mini-batches are not run yet", "a PythonScriptStep that loops over its input"),
}


def refuse_not_run(steps: Iterable[StepNode]) -> None:
    """Stop before anything is started for a pipeline with a step that nothing runs.

    :raises UnsupportedFeature: naming the first such step.
    """
    for node in steps:
        why = NOT_RUN.get(node.type)
        if why is not None:
            raise UnsupportedFeature(f"{node.type}Step (step {node.name!r})", why.reason, why.alternative)
