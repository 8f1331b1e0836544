"""What DAG files of tests begin with: a workspace, and steps of scripts that each lie in a folder of their own."""

from __future__ import annotations

#: To be formatted with ``folder``.
STEPS = """
import mlsteps.azureml  # azureml on Airflow
from azureml.core import RunConfiguration, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config({folder!r})
config = RunConfiguration()
config.environment.python.user_managed_dependencies = True

def step(name, target, arguments, **data):
    return PythonScriptStep(name + ".py", name=name, arguments=arguments, compute_target=target, runconfig=config,
                            source_directory={folder!r} + "/" + name, **data)
"""
