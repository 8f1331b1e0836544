"""Prepare, train two model families side by side, compare: an SDK v1 pipeline as an Airflow DAG.

Iris (a table) and digits (images), the data that scikit-learn ships; no download. Write it once to the default
datastore:

    python compare_models_data.py

then let Airflow's scheduler pick this file up, or run it as a plain SDK script: ``python compare_models.py``. A second
run reuses every step; change a script or a byte of the data and only what depends on it runs again.
"""

from __future__ import annotations

from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Dataset, Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep

STEPS = Path(__file__).parent / "compare_models_steps"

ws = Workspace.from_config()
store = ws.get_default_datastore()

# [START inputs]
images = Dataset.File.from_files([(store, "train-images/")])
flowers = Dataset.Tabular.from_delimited_files(path=[(store, "iris/iris.csv")])
# [END inputs]

# [START environment]
environment = Environment("compare-models")
environment.python.conda_dependencies = CondaDependencies.create(
    python_version="3.11", pip_packages=["scikit-learn", "pandas"]
)
run_config = RunConfiguration()
run_config.environment = environment
# [END environment]

seed = PipelineParameter("seed", default_value=7)
prepared = OutputFileDatasetConfig(name="prepared", destination=(store, "outputdataset/{run-id}")).register_on_complete(
    name="compare_models_prepared", description="Iris and digits, split for training and test"
)
models = {
    family: PipelineData(f"{family}_model", datastore=store, output_name="model") for family in ("linear", "forest")
}
report = OutputFileDatasetConfig(name="report").register_on_complete(name="compare_models_report")

prepare = PythonScriptStep(
    name="prepare",
    script_name="prepare.py",
    source_directory=STEPS / "prepare",
    arguments=["--prepared", prepared, "--seed", seed],
    inputs=[images.as_named_input("digits").as_mount(), flowers.as_named_input("iris")],
    compute_target="cpu-cluster",
    runconfig=run_config,
)


def train(family: str) -> PythonScriptStep:
    """One model family; both read the same prepared data and run at the same time."""
    data = prepared.as_input(name="prepared")
    return PythonScriptStep(
        name=f"train {family}",
        script_name="train.py",
        source_directory=STEPS / "train",
        hash_paths=["train.py"],
        arguments=["--family", family, "--model", models[family], "--seed", seed],
        inputs=[data.as_download() if family == "linear" else data.as_mount()],
        outputs=[models[family]],
        compute_target="cpu-cluster",
        runconfig=run_config,
        allow_reuse=True,
    )


training = [train("linear"), train("forest")]
compare = PythonScriptStep(
    name="compare",
    script_name="compare.py",
    source_directory=STEPS / "compare",
    arguments=["--linear", models["linear"], "--forest", models["forest"], "--report", report],
    inputs=[models["linear"], models["forest"], prepared.as_input(name="prepared").as_mount()],
    compute_target="cpu-cluster",
    runconfig=run_config,
)

pipeline = Pipeline(ws, steps=[prepare, training, compare], description="Compare two model families on iris and digits")
dag = pipeline.as_dag("compare_models", schedule=None)

if __name__ == "__main__":
    from compare_models_data import write

    write(ws)
    run = Experiment(ws, "compare_models").submit(pipeline)
    run.wait_for_completion(show_output=True)
