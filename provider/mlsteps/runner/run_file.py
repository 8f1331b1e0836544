"""The file that ``MLSTEPS_RUN`` names: what a script may know of the run it is in."""

from __future__ import annotations

import json
from typing import Any, Mapping

from mlsteps.contracts.spec import StepSpec

#: Variable with the file's path.
VARIABLE = "MLSTEPS_RUN"


def write(path: str, spec: StepSpec, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Write the file.

    :param inputs: what the script gets for each input: a local path, or a dataset's id.
    :param outputs: the local path of each output; for link outputs, of the file that takes the linked definition.
    """
    document = {
        "run_id": spec.run_id,
        "pipeline_run_id": spec.pipeline_run_id,
        "experiment": spec.experiment,
        "workspace": dict(spec.workspace),
        "step_name": spec.step_name,
        "inputs": {item.name: _input(item, inputs[item.name]) for item in spec.inputs},
        "outputs": {item.name: {"path": outputs[item.name], "kind": item.kind} for item in spec.outputs},
        "parameters": dict(spec.parameters),
    }
    with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
        json.dump(document, file)


def _input(item: Any, value: str) -> dict[str, Any]:
    return {
        "value": value,
        "mode": item.mode,
        "kind": item.kind,
        "dataset_id": item.dataset_id,
        "dataset": dict(item.dataset),
        "definition": dict(item.definition),
    }
