"""Functions as steps: they run in an environment of their own, read and write data, and are reused by their source.

What a function returns is an XCom as with any other decorated task; what it writes is a step's output. Trigger it
twice: nothing runs again. Change a function, or the parameter: what depends on it does.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Environment, Workspace
from azureml.data import OutputFileDatasetConfig

ws = Workspace.from_config()
here = Environment("here")
here.python.user_managed_dependencies = True  # with conda_dependencies in its place: an environment of the step's own

with DAG(
    "function_steps",
    schedule=None,
    params={"numbers": Param(100, type="integer")},
    doc_md=__doc__,
) as dag:
    # [START function_steps]
    @task.mlsteps(environment=here, workspace=ws)
    def draw(numbers: str, seed: int, drawn: str) -> int:
        import pathlib
        import random

        random.seed(seed)
        folder = pathlib.Path(drawn)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "numbers.txt").write_text("\n".join(str(random.random()) for _ in range(int(numbers))))
        return int(numbers)

    @task.mlsteps(environment=here, workspace=ws)
    def describe(folder: str, expected: int) -> dict[str, Any]:
        import pathlib

        found = [float(line) for line in (pathlib.Path(folder) / "numbers.txt").read_text().split()]
        assert len(found) == expected
        return {"mean": sum(found) / len(found), "count": len(found)}

    drawn = OutputFileDatasetConfig("drawn")
    count = draw("{{ params.numbers }}", seed=7, drawn=drawn)
    described = describe(drawn.as_input("folder").as_download(), count)
    # [END function_steps]

    @task
    def tell(result: dict[str, Any]) -> str:
        return f"mean {result['mean']:.3f} of {result['count']} numbers"

    tell(described)
