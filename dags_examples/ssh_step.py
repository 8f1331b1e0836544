"""One step on the worker, the next on a machine that is reached by SSH: its process, its environment, its files there.

The SDK attaches such a machine by its address, and its steps run there from then on:

    configuration = RemoteCompute.attach_configuration(
        username="ml", address="box.example.com", ssh_port=22, private_key_file="~/.ssh/id_ed25519"
    )
    ComputeTarget.attach(ws, "box", configuration)

The key becomes a connection of Airflow, ``mlsteps_<workspace>_box``. Or whoever looks after the workspace names a
connection of type ``ssh`` that is there:

    airflow mlsteps compute set box --kind ssh --option ssh_conn_id=box

Until either is said, both steps run on the worker. A second run reuses both, wherever they ran.
"""

from __future__ import annotations

from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Experiment, Workspace
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep

STEPS = Path(__file__).parent / "ssh_step_steps"

ws = Workspace.from_config()

# [START environment]
as_it_is = RunConfiguration()
as_it_is.environment.python.user_managed_dependencies = True  # the Python of the machine, with what it has
# [END environment]

count = PipelineParameter("count", default_value=4)
numbers = PipelineData("numbers")
report = OutputFileDatasetConfig(name="report").register_on_complete(name="ssh_step_report")

draw = PythonScriptStep(
    name="draw",
    script_name="draw.py",
    source_directory=STEPS / "draw",
    arguments=["--count", count, "--numbers", numbers],
    outputs=[numbers],
    compute_target="local",
    runconfig=as_it_is,
)
# [START measure]
measure = PythonScriptStep(
    name="measure",
    script_name="measure.py",
    source_directory=STEPS / "measure",
    arguments=["--numbers", numbers, "--report", report],
    inputs=[numbers],
    compute_target="box",
    runconfig=as_it_is,
)
# [END measure]

pipeline = Pipeline(ws, steps=[measure], description="Numbers, measured on another machine")
dag = pipeline.as_dag("ssh_step", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "ssh_step").submit(pipeline)
    run.wait_for_completion(show_output=True)
