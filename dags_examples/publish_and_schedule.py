"""Publish a pipeline, put it behind an endpoint, call it as a program and as a DAG would, and schedule it.

A script: ``python publish_and_schedule.py``. With no Airflow configured it starts one for itself, which ends with it;
with ``airflow_url`` in ``config.json`` all of it is done in that Airflow, where ``call_published.py`` can trigger it.
"""

from __future__ import annotations

from pathlib import Path

import requests

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Experiment, Workspace
from azureml.core.authentication import InteractiveLoginAuthentication
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineEndpoint, PipelineParameter, PipelineRun
from azureml.pipeline.core.schedule import Schedule, ScheduleRecurrence, TimeZone
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config()
here = RunConfiguration()
here.environment.python.user_managed_dependencies = True

counts = OutputFileDatasetConfig("counts")
words = PythonScriptStep(
    name="words",
    script_name="words.py",
    source_directory=Path(__file__).parent / "task_group_steps",
    arguments=["--text", PipelineParameter("text", "a rose is a rose"), "--at-least", "2", "--counts", counts],
    runconfig=here,
    compute_target="local",
)

if __name__ == "__main__":
    # [START publish]
    published = Pipeline(ws, steps=[words]).publish(name="count-words", description="Counts words", version="1.0")
    known = [item.name for item in PipelineEndpoint.list(ws)]
    if "count-words" in known:
        endpoint = PipelineEndpoint.get(ws, name="count-words")
        endpoint.add_default(published)
    else:
        endpoint = PipelineEndpoint.publish(ws, name="count-words", pipeline=published, description="Counts words")
    # [END publish]

    # [START call]
    header = InteractiveLoginAuthentication().get_authentication_header()
    body = {"ExperimentName": "count-words", "ParameterAssignments": {"text": "a rose is a rose is a rose"}}
    answer = requests.post(endpoint.endpoint, headers=header, json=body)
    answer.raise_for_status()
    run = PipelineRun(Experiment(ws, "count-words"), answer.json()["Id"])
    run.wait_for_completion(show_output=True)
    # [END call]

    # [START schedule]
    every_night = ScheduleRecurrence("Day", 1, time_zone=TimeZone.WEuropeStandardTime, hours=[3], minutes=[30])
    schedule = Schedule.create_for_pipeline_endpoint(
        ws,
        name="count-words every night",
        pipeline_endpoint_id=endpoint.id,
        experiment_name="count-words",
        recurrence=every_night,
        pipeline_parameters={"text": "what was said today"},
    )
    print(schedule)
    # [END schedule]
