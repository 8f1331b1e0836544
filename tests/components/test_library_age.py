"""Steps of the age of the SDK: libraries of 2020 to 2022 on Pythons of their time, with nothing of mlsteps' own.

The packages come from an index, so the tests run where ``PIP_INDEX_URL`` or ``UV_DEFAULT_INDEX`` names one.
"""

from __future__ import annotations

import os
from importlib import metadata

import pytest

import mlsteps.azureml  # noqa: F401
from azureml.core import Dataset
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.pipeline.core import Pipeline
from mlsteps.environments import python_versions
from mlsteps.sdk.conda import package_name
from tests.behaviour.conftest import World

OF_2022 = ["numpy==1.23.5", "pandas==1.5.3", "scikit-learn==1.1.3"]
OF_2020 = ["numpy==1.19.5", "pandas==1.1.5", "scikit-learn==0.23.2"]
SCRIPT = """
import sys
from importlib import metadata
import numpy as np
from azureml.core import Run
from sklearn.preprocessing import OneHotEncoder
run = Run.get_context()
frame = run.input_datasets["table"].to_pandas_dataframe()
frame = frame.append({"a": 9, "b": 9}, ignore_index=True)  # pandas 2 has no append, numpy 1.24 no np.float
OneHotEncoder(sparse=False).fit_transform(frame[["b"]])
run.log("sum", float(frame["a"].astype(np.float).sum()))
open("outputs/model.txt", "w").write("model")
run.register_model("aged", "outputs/model.txt")
tell(
    python=list(sys.version_info[:2]),
    packages=[one.metadata["Name"].lower() for one in metadata.distributions()],
    foreign=[name for name in sys.modules if name.split(".")[0] in ("airflow", "fsspec", "yaml", "pyarrow")],
)
"""


@pytest.fixture
def world(airflow_home, tmp_path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(("python", "packages"), [("3.11", OF_2022), ("3.10", OF_2022), ("3.8", OF_2020)])
def test_a_step_runs_with_the_libraries_of_its_time(world: World, python: str, packages: list[str]) -> None:
    if not (os.environ.get("PIP_INDEX_URL") or os.environ.get("UV_DEFAULT_INDEX")):
        pytest.skip("needs PIP_INDEX_URL")
    if python_versions.choose(f"=={python}.*", print).note:
        pytest.skip(f"needs Python {python}")
    (world.folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    world.store.upload_files([str(world.folder / "table.csv")], target_path="table")
    table = Dataset.Tabular.from_delimited_files((world.store, "table/table.csv")).as_named_input("table")
    config = RunConfiguration(conda_dependencies=CondaDependencies.create(python_version=python, pip_packages=packages))
    config.environment.environment_variables = {"NOTES": str(world.notes), "AML_STEP": "old"}
    step = world.step("old", SCRIPT, inputs=[table], runconfig=config)
    done = world.run(Pipeline(world.workspace, step), "age")
    told = done.told["old"]
    assert done.pipeline_run.find_step_run("old")[0].get_metrics() == {"sum": 13.0}
    assert told["python"] == [int(part) for part in python.split(".")] and told["foreign"] == []
    required = [one for one in metadata.requires("airflow-provider-mlsteps") or () if "extra ==" not in one]
    ours = {"airflow-provider-mlsteps", "apache-airflow-core", *map(package_name, required)}
    assert set(told["packages"]) & ours == set()
