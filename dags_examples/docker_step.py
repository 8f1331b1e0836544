"""One step on the worker, the next in a container: which runs where is the workspace's affair, not the pipeline's.

The pipeline names compute targets as with the SDK. Whoever looks after the workspace says, once, where each of them is:

    airflow mlsteps compute set cpu-cluster --kind docker --option base_image=python:3.11-slim --option memory=2g

Steps on ``cpu-cluster`` then run in containers of an image with their environment in it, built by the first of them;
steps on ``local`` stay processes on the worker. Until that is said, both do. A second run reuses both steps, wherever
they ran.
"""

from __future__ import annotations

from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep

STEPS = Path(__file__).parent / "docker_step_steps"

ws = Workspace.from_config()

# [START environment]
environment = Environment("docker-step")
environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["humanize"])
in_container = RunConfiguration()
in_container.environment = environment
# [END environment]

text = PipelineParameter("text", default_value="the cat sat on the mat")
words = PipelineData("words")
counts = OutputFileDatasetConfig(name="counts").register_on_complete(name="docker_step_counts")

write = PythonScriptStep(
    name="write",
    script_name="write.py",
    source_directory=STEPS / "write",
    arguments=["--text", text, "--words", words],
    outputs=[words],
    compute_target="local",
)
# [START count]
count = PythonScriptStep(
    name="count",
    script_name="count.py",
    source_directory=STEPS / "count",
    arguments=["--words", words, "--counts", counts],
    inputs=[words],
    compute_target="cpu-cluster",
    runconfig=in_container,
)
# [END count]

pipeline = Pipeline(ws, steps=[count], description="Words, counted in a container")
dag = pipeline.as_dag("docker_step", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "docker_step").submit(pipeline)
    run.wait_for_completion(show_output=True)
