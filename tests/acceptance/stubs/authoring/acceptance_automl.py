"""``azureml.train.automl`` in place of Azure's service: a step that fits one linear model on the numeric columns."""

import os
import tempfile

_FIT = """
import argparse
import os

from azureml.core import Run
from sklearn.linear_model import LinearRegression

parser = argparse.ArgumentParser()
parser.add_argument("--label")
label = parser.parse_args().label
run = Run.get_context()
frame = run.input_datasets["training_data"].to_pandas_dataframe().select_dtypes("number").dropna()
model = LinearRegression().fit(frame.drop(columns=[label]), frame[label])
run.log("columns", ",".join(sorted(frame.columns)))
run.log("r2_score", float(model.score(frame.drop(columns=[label]), frame[label])))
"""


class AutoMLConfig:
    def __init__(self, task=None, training_data=None, label_column_name=None, compute_target=None, **settings):
        self.training_data, self.label, self.compute_target = training_data, label_column_name, compute_target


class AutoMLRun:
    def __init__(self, experiment, run_id):
        self.experiment, self.id = experiment, run_id


def AutoMLStep(name, automl_config, allow_reuse=True, **others):
    from azureml.core.conda_dependencies import CondaDependencies
    from azureml.core.runconfig import RunConfiguration
    from azureml.pipeline.steps import PythonScriptStep

    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "fit.py"), "w") as file:
        file.write(_FIT)
    dependencies = CondaDependencies.create(pip_packages=["pandas", "scikit-learn", "pyarrow==14.0.2"])
    return PythonScriptStep(
        name=name,
        script_name="fit.py",
        source_directory=folder,
        arguments=["--label", automl_config.label],
        inputs=[automl_config.training_data.as_named_input("training_data")],
        compute_target=automl_config.compute_target,
        runconfig=RunConfiguration(conda_dependencies=dependencies),
        allow_reuse=allow_reuse,
    )
