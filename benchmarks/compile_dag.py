"""Compile a pipeline of 1,000 steps to a DAG, against a hand-written DAG of 1,000 `BashOperator`s with the same edges.

Both also serialise it, as the DAG processor does with every file it parses (target: at most 1.5).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.measure import paired, report

STEPS = 1_000
FAN = 3  # step n reads the outputs of steps n-1 .. n-3


def ours(folder: str) -> object:
    from mlsteps.sdk.parameter import PipelineParameter
    from mlsteps.sdk.pipeline import Pipeline
    from mlsteps.sdk.pipeline_data import PipelineData
    from mlsteps.sdk.steps.python_script import PythonScriptStep
    from mlsteps.sdk.workspace import Workspace

    workspace = Workspace("subscription", "group", "benchmark")
    rate = PipelineParameter("rate", default_value=0.1)
    data = [PipelineData(f"data{number}") for number in range(STEPS)]
    steps = []
    for number in range(STEPS):
        reads = data[max(0, number - FAN) : number]
        arguments = ["--out", data[number], "--rate", rate, *reads]
        steps.append(
            PythonScriptStep(
                "work.py", name=f"step{number}", arguments=arguments, inputs=reads, outputs=[data[number]],
                source_directory=folder, compute_target="cpu",
            )
        )  # fmt: skip
    return serialize(Pipeline(workspace, steps=steps).as_dag("benchmark"))


def peer() -> object:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, Param

    with DAG("benchmark", schedule=None, params={"rate": Param(0.1, type="number")}) as dag:
        plan = BashOperator(task_id="plan", bash_command="true")
        tasks = []
        for number in range(STEPS):
            command = f"python work.py --out out{number} --rate {{{{ params.rate }}}}"
            task = BashOperator(task_id=f"step{number}", bash_command=command)
            task.set_upstream([plan, *tasks[max(0, number - FAN) : number]])
            tasks.append(task)
    return serialize(dag)


def serialize(dag: object) -> object:
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.to_dict(dag)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLSTEPS_HOME"] = os.path.join(folder, "home")
        Path(folder, "work.py").write_text("pass\n")
        a, b, ratio = paired(lambda: ours(folder), peer)
        report("compile_1000_steps", "s", a, b, ratio, 1.5)


if __name__ == "__main__":
    main()
