"""A step on several nodes, each with several processes, and a step that reads what all of them have written.

``gpu-cluster`` is a name: where its steps run is said in the workspace. On Kubernetes (1.24 or later) each node is a
pod of an indexed Job; where nothing is said, all processes run on the worker::

    airflow mlsteps compute set gpu-cluster --kind kubernetes --option namespace=ml --option base_image=python:3.11-slim
"""

from __future__ import annotations

from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Experiment, Workspace
from azureml.core.runconfig import PyTorchConfiguration, RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config()
steps = Path(__file__).parent / "several_nodes_steps"

# [START nodes]
settings = RunConfiguration()
settings.environment.python.user_managed_dependencies = True
settings.framework = "PyTorch"
settings.communicator = "Gloo"
settings.node_count = 2
settings.pytorch = PyTorchConfiguration(process_count=4, node_count=2)
# [END nodes]

plain = RunConfiguration()
plain.environment.python.user_managed_dependencies = True

points = PipelineParameter("points", default_value=200_000)
parts = OutputFileDatasetConfig("parts")

draw = PythonScriptStep(
    name="draw",
    script_name="draw.py",
    source_directory=steps,
    arguments=[parts, points],
    compute_target="gpu-cluster",
    runconfig=settings,
)
add_up = PythonScriptStep(
    name="add_up",
    script_name="add_up.py",
    source_directory=steps,
    arguments=[parts.as_input("parts")],
    runconfig=plain,
)

pipeline = Pipeline(ws, steps=[add_up], description="Pi, by four processes on two nodes")
dag = pipeline.as_dag("several_nodes", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "several_nodes").submit(pipeline)
    run.wait_for_completion(show_output=True)
