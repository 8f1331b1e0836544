"""Import what an authoring script, a step script and a DAG file import, against `import json, fsspec` (targets: 0.3 s,
0.1 s and 0.15 s).

Each import is a new process; what Python itself needs to start is taken off both, and what Airflow's SDK needs, which
every DAG file imports, off the DAG file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.measure import report

ROUNDS = 9
PEER = "import json, fsspec"
AUTHORING = """
import mlsteps.azureml
from azureml.core import Dataset, Datastore, Environment, Experiment, Run, Workspace
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep
from azureml.widgets import RunDetails
"""
IN_A_STEP = "from azureml.core import Run"
AIRFLOW = "from airflow.sdk import DAG, BaseOperator, Param, Asset, BaseOperatorLink, XComArg"
IN_A_DAG_FILE = f"""
{AIRFLOW}
import mlsteps
from mlsteps.operators import CommandOperator, PlanOperator, PythonScriptOperator, StepOperator
import mlsteps.translate
"""


def spent(code: str, environment: dict[str, str]) -> float:
    """Seconds of a new process that runs code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return time.perf_counter() - start


def compare(name: str, code: str, environment: dict[str, str], limit: float, before: str = "pass") -> None:
    """Median seconds beyond an empty process; rounds alternate, so that a slow moment of the machine hits all.

    :param before: what the process has imported before ours.
    """
    rounds = [[spent(one, environment) for one in ("pass", before, code, PEER)] for _ in range(ROUNDS + 1)][1:]
    ours = sorted(row[2] - row[1] for row in rounds)[ROUNDS // 2]
    peer = sorted(row[3] - row[0] for row in rounds)[ROUNDS // 2]
    report(name, "s", ours, peer, ours / peer, limit_seconds=limit, within=ours <= limit)


def main() -> None:
    from mlsteps.runner.runtime import runtime_folder

    with tempfile.TemporaryDirectory() as home:
        os.environ["MLSTEPS_HOME"] = home
        compare("import_at_authoring", AUTHORING, dict(os.environ), 0.3)
        step = {**os.environ, "PYTHONPATH": str(runtime_folder())}
        compare("import_in_a_step", IN_A_STEP, step, 0.1)
        compare("import_in_a_dag_file", IN_A_DAG_FILE, dict(os.environ), 0.15, before=AIRFLOW)


if __name__ == "__main__":
    main()
