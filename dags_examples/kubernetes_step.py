"""One step on the worker, the next in a pod: the workspace says which cluster and what a pod may have.

The pipeline names compute targets as with the SDK. Whoever looks after the workspace says, once, where each of them is:

    airflow mlsteps compute set gpu-cluster --kind kubernetes --option namespace=ml --option memory=2g \\
        --option base_image=python:3.11-slim

Steps on ``gpu-cluster`` then run in pods of that namespace, on the cluster of the worker or of ``KUBECONFIG``. This
environment has no packages, so its image is taken as it is; one with packages is built by the workers' Docker engine
and kept in the ``registry`` that the target names.
"""

from __future__ import annotations

from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Environment, Experiment, Workspace
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep

STEPS = Path(__file__).parent / "kubernetes_step_steps"

ws = Workspace.from_config()

# [START environment]
environment = Environment("kubernetes-step")
environment.python.user_managed_dependencies = True  # the image has all that the script wants
in_pod = RunConfiguration()
in_pod.environment = environment
# [END environment]

count = PipelineParameter("count", default_value=4)
numbers = PipelineData("numbers")
report = OutputFileDatasetConfig(name="report").register_on_complete(name="kubernetes_step_report")

draw = PythonScriptStep(
    name="draw",
    script_name="draw.py",
    source_directory=STEPS / "draw",
    arguments=["--count", count, "--numbers", numbers],
    outputs=[numbers],
    compute_target="local",
)
# [START measure]
measure = PythonScriptStep(
    name="measure",
    script_name="measure.py",
    source_directory=STEPS / "measure",
    arguments=["--numbers", numbers, "--report", report],
    inputs=[numbers],
    compute_target="gpu-cluster",
    runconfig=in_pod,
)
# [END measure]

pipeline = Pipeline(ws, steps=[measure], description="Numbers, measured in a pod")
dag = pipeline.as_dag("kubernetes_step", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "kubernetes_step").submit(pipeline)
    run.wait_for_completion(show_output=True)
