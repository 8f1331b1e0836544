"""A step in a curated environment of Azure's, named as in the SDK: scikit-learn 0.24, or the nearest there is.

A workspace may let the name stand for an environment of its own:
`airflow mlsteps environment map 'AzureML-sklearn-*' my-environment`.
"""

from __future__ import annotations

from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Environment, Experiment, Workspace
from azureml.core.runconfig import RunConfiguration
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config()

# [START curated]
settings = RunConfiguration()
settings.environment = Environment.get(ws, "AzureML-sklearn-0.24-ubuntu18.04-py37-cpu")
# [END curated]

scores = PipelineData("scores")
fit = PythonScriptStep(
    name="fit",
    script_name="fit.py",
    source_directory=Path(__file__).parent / "curated_environment_steps",
    arguments=["--scores", scores],
    outputs=[scores],
    runconfig=settings,
)

pipeline = Pipeline(ws, steps=[fit], description="Irises, by the scikit-learn of 2021")
dag = pipeline.as_dag("curated_environment", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "curated_environment").submit(pipeline)
    run.wait_for_completion(show_output=True)
