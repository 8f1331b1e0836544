"""Files of a remote store in two steps: one reads a little of each through a mount, the other wants them all.

The store is a datastore of the workspace, registered once; its secrets are an Airflow connection's. Here that is done
when ``LANDING_URL`` is set to any place that fsspec can open, and ``LANDING_CONNECTION`` to the connection's id:

    LANDING_URL=s3://bucket/folder LANDING_CONNECTION=aws_landing python mounted_input.py

A worker mounts it with ``pip install airflow-provider-mlsteps[mount]`` and ``/dev/fuse``. Without them the first step
says in its log why it downloads, and finds the same files.
"""

from __future__ import annotations

import os
from pathlib import Path

import mlsteps.azureml  # noqa: F401  (makes `import azureml` work; a script run by `mlsteps run` needs no such line)
from azureml.core import Dataset, Datastore, Experiment, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

STEPS = Path(__file__).parent / "mounted_input_steps"

ws = Workspace.from_config()

if os.environ.get("LANDING_URL"):
    connection = os.environ.get("LANDING_CONNECTION")
    Datastore.register_url(ws, "landing", os.environ["LANDING_URL"], connection=connection, overwrite=True)


def read_logs() -> Pipeline:
    """Two steps over the logs in the landing place."""
    landing = Datastore.get(ws, "landing")
    # [START inputs]
    logs = Dataset.File.from_files((landing, "**/*.log"))
    index = OutputFileDatasetConfig(name="index")
    read_heads = PythonScriptStep(
        name="index",
        script_name="index.py",
        source_directory=STEPS / "index",
        arguments=["--logs", logs.as_named_input("logs").as_mount(), "--index", index],
        compute_target="local",
    )
    read_all = PythonScriptStep(
        name="total",
        script_name="total.py",
        source_directory=STEPS / "total",
        arguments=["--index", index.as_input("index")],
        inputs=[logs.as_named_input("logs").as_download(path_on_compute="logs")],
        compute_target="local",
    )
    # [END inputs]
    return Pipeline(
        ws, steps=[read_heads, read_all], description="The first line of each log, and how many lines there are"
    )


if "landing" in ws.datastores:  # a workspace without it has no such DAG
    dag = read_logs().as_dag("mounted_input", schedule=None)

if __name__ == "__main__":
    run = Experiment(ws, "mounted_input").submit(read_logs())
    print("STATUS", run.wait_for_completion(show_output=True))
