"""A pipeline as a part of a larger DAG: a task before it says what to count, tasks after it use what it has put out.

Trigger it twice: the second run reuses the step, and all that comes after the group runs as before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Workspace
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep
from mlsteps.operators import CommandOperator

ws = Workspace.from_config()
here = RunConfiguration()
here.environment.python.user_managed_dependencies = True  # the worker's own Python

counts = OutputFileDatasetConfig("counts")
words = PythonScriptStep(
    name="words",
    script_name="words.py",
    source_directory=Path(__file__).parent / "task_group_steps",
    arguments=[
        "--text",
        PipelineParameter("text", "the cat sat on the mat"),
        "--at-least",
        PipelineParameter("at_least", 1),
        "--counts",
        counts,
    ],
    runconfig=here,
    compute_target="local",
)
pipeline = Pipeline(ws, steps=[words])

with DAG(
    "task_group",
    schedule=None,
    params={"at_least": Param(2, type="integer", description="Rarer words do not count")},
    doc_md=__doc__,
) as dag:

    @task
    def text_of_the_day() -> str:
        return "a rose is a rose is a rose"

    @task
    def tell(result: dict[str, Any]) -> str:
        place = result["outputs"]["words.counts"]
        return f"{len(result['reused'])} steps were reused; the counts are in {place['datastore']}/{place['path']}"

    # [START task_group]
    count = pipeline.as_task_group(
        "count",
        parameters={"text": text_of_the_day(), "at_least": "{{ params.at_least }}"},
    )
    tell(count.output)
    CommandOperator(
        task_id="show",
        command=["ls", "-l", count.outputs["words"]["counts"]],
        environment=here.environment,
        workspace=ws,
        source_directory=str(Path(__file__).parent / "task_group_steps"),
    )
    # [END task_group]
