"""Our DAGs that the scheduler benchmarks run. `BENCH_SOURCE`, set by them, names a folder with `copy_on.py`."""

from __future__ import annotations

import itertools
import os
import sys

from airflow.sdk import DAG, get_parsing_context

import mlsteps.azureml  # noqa: F401
from azureml.core import Environment, RunConfiguration, Workspace
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep
from mlsteps.operators import CommandOperator

CHAIN = 200
OVERHEAD = 10
WANTED = get_parsing_context().dag_id


def wanted(name: str) -> bool:
    return WANTED in (None, name)


def settings() -> RunConfiguration:
    environment = Environment("bench")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    configuration = RunConfiguration()
    configuration.environment = environment
    return configuration


def chain(operators: list) -> None:
    for before, after in itertools.pairwise(operators):
        before >> after


if wanted("chain_reused"):
    workspace = Workspace.from_config()
    steps, previous, shared = [], None, settings()
    for number in range(CHAIN):
        out = PipelineData(f"data{number}")
        reads = [previous] if previous else []
        steps.append(
            PythonScriptStep(
                "copy_on.py",
                name=f"step{number}",
                arguments=[out, *reads],
                inputs=reads,
                outputs=[out],
                source_directory=os.environ["BENCH_SOURCE"],
                runconfig=shared,
                compute_target="local",
            )
        )
        previous = out
    chain_reused = Pipeline(workspace, steps=steps).as_dag("chain_reused")

if wanted("overhead_ours"):
    with DAG("overhead_ours", schedule=None) as overhead_ours:
        chain(
            [
                CommandOperator(
                    task_id=f"step{number}",
                    command=["python", "-c", "pass"],
                    source_directory=os.environ["BENCH_SOURCE"],
                    runconfig=settings(),
                    allow_reuse=False,
                )
                for number in range(OVERHEAD)
            ]
        )
