"""What services are asked, from the SDK's steps: whole request bodies, as the services document them."""

from __future__ import annotations

import pytest

from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.graph import StepNode
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepSpec
from mlsteps.errors import InvalidInput
from mlsteps.sdk.databricks_section import JarLibrary, MavenLibrary, PyPiLibrary
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.steps.databricks import DatabricksStep
from mlsteps.sdk.steps.synapse import SynapseSparkStep
from mlsteps.sdk.workspace import Workspace
from mlsteps.services.databricks_request import request as databricks
from mlsteps.services.synapse import request as synapse
from mlsteps.services.urls import spark_url
from mlsteps.services.values import Values

BLOB = {"name": "blob", "type": "AzureBlob", "account_name": "acc", "container_name": "box"}
IDENTITY = {
    "AZUREML_RUN_ID": "run",
    "AZUREML_ARM_SUBSCRIPTION": "sub",
    "AZUREML_ARM_RESOURCEGROUP": "group",
    "AZUREML_ARM_WORKSPACE_NAME": "w",
    "AZUREML_ARM_PROJECT_NAME": "exp",
    "AZUREML_WORKSPACE_ID": "",
}


def values(**parameters: str) -> Values:
    spec = StepSpec(
        run_id="run",
        pipeline_run_id="pipeline",
        experiment="exp",
        step_name="s",
        workspace={"name": "w", "subscription_id": "sub", "resource_group": "group"},
        argv=(),
        interpreter="",
        work_directory="",
        datastores={"blob": BLOB},
        inputs=(InputSpec("raw", file_definition("blob", "in/raw"), "reference", "mount"),),
        outputs=(OutputSpec("clean", "pipeline_data", "blob", "azureml/run/clean"),),
        parameters=parameters,
    )
    return Values(spec, lambda document, path: spark_url(document, path, "Spark"))


def node_of(step: object, ws: object) -> StepNode:
    (node,) = Pipeline(Workspace(None, None, "services"), steps=[step])._graph().steps  # type: ignore[arg-type]
    return node


def test_a_notebook_on_a_new_cluster(ws):
    step = DatabricksStep(
        "notebook",
        outputs=[PipelineData("clean")],
        notebook_path="/Users/me/clean",
        notebook_params={"rate": PipelineParameter("rate", "0.1"), "kind": "full"},
        node_type="Standard_D3_v2",
        spark_version="13.3.x-scala2.12",
        min_workers=1,
        max_workers=4,
        spark_conf={"spark.speculation": "true"},
        spark_env_variables={"A": "B"},
        init_scripts=["dbfs:/init.sh"],
        cluster_log_dbfs_path="dbfs:/logs",
        pypi_libraries=[PyPiLibrary("humanize", repo="https://example.org/simple")],
        maven_libraries=[MavenLibrary("org.jsoup:jsoup:1.7.2")],
        run_name="a run",
        timeout_seconds=60,
        compute_target="bricks",
    )
    assert databricks(node_of(step, ws), values(rate="0.5"), None) == {
        "run_name": "a run",
        "timeout_seconds": 60,
        "tasks": [
            {
                "task_key": "step",
                "notebook_task": {
                    "notebook_path": "/Users/me/clean",
                    "base_parameters": {
                        **IDENTITY,
                        "raw": "wasbs://box@acc.blob.core.windows.net/in/raw",
                        "clean": "wasbs://box@acc.blob.core.windows.net/azureml/run/clean",
                        "rate": "0.5",
                        "kind": "full",
                    },
                },
                "new_cluster": {
                    "spark_version": "13.3.x-scala2.12",
                    "node_type_id": "Standard_D3_v2",
                    "autoscale": {"min_workers": 1, "max_workers": 4},
                    "spark_conf": {"spark.speculation": "true"},
                    "spark_env_vars": {"A": "B"},
                    "init_scripts": [{"dbfs": {"destination": "dbfs:/init.sh"}}],
                    "cluster_log_conf": {"dbfs": {"destination": "dbfs:/logs"}},
                },
                "libraries": [
                    {"pypi": {"package": "humanize", "repo": "https://example.org/simple"}},
                    {"maven": {"coordinates": "org.jsoup:jsoup:1.7.2"}},
                ],
            }
        ],
    }


def test_a_script_on_a_cluster_that_is_there(ws, tmp_path):
    (tmp_path / "clean.py").touch()
    step = DatabricksStep(
        "script",
        python_script_name="clean.py",
        source_directory=str(tmp_path),
        python_script_params=["--rate", PipelineParameter("rate", "0.1")],
        existing_cluster_id="0923-164208-meows279",
        compute_target="bricks",
    )
    (task,) = databricks(node_of(step, ws), values(rate="2"), "dbfs:/s/clean.py")["tasks"]
    parameters = task["spark_python_task"]["parameters"]
    assert task["spark_python_task"]["python_file"] == "dbfs:/s/clean.py"
    assert task["existing_cluster_id"] == "0923-164208-meows279" and "new_cluster" not in task
    assert parameters[:6] == [
        "--rate", "2",
        "-raw", "wasbs://box@acc.blob.core.windows.net/in/raw",
        "-clean", "wasbs://box@acc.blob.core.windows.net/azureml/run/clean",
    ]  # fmt: skip
    assert parameters[6:] == [
        text
        for name, value in {**IDENTITY, "AZUREML_SCRIPT_DIRECTORY_NAME": "dbfs:/s"}.items()
        for text in (f"--{name}", value)
    ]


def test_a_jar(ws):
    step = DatabricksStep(
        "jar",
        main_class_name="com.example.Main",
        jar_params=["a"],
        jar_libraries=[JarLibrary("dbfs:/main.jar")],
        node_type="n",
        num_workers=2,
        compute_target="bricks",
    )
    (task,) = databricks(node_of(step, ws), values(), None)["tasks"]
    assert task["spark_jar_task"]["main_class_name"] == "com.example.Main"
    assert task["spark_jar_task"]["parameters"][0] == "a"
    assert task["libraries"] == [{"jar": "dbfs:/main.jar"}]
    assert task["new_cluster"]["num_workers"] == 2


def test_a_spark_job_of_synapse(ws, tmp_path):
    (tmp_path / "job.py").touch()
    step = SynapseSparkStep(
        "job.py",
        str(tmp_path),
        "pool",
        "7g",
        4,
        "8g",
        2,
        3,
        arguments=["--rows", 10],
        conf={"spark.x": 1},
        py_files=["lib.zip"],
        jars=["abfss://c@a.dfs.core.windows.net/x.jar"],
    )
    assert synapse(node_of(step, ws), values(), "name", "abfss://c@a.dfs.core.windows.net/s") == {
        "name": "name",
        "file": "abfss://c@a.dfs.core.windows.net/s/job.py",
        "arguments": ["--rows", "10"],
        "configuration": {"spark.x": "1"},
        "python_files": ["abfss://c@a.dfs.core.windows.net/s/lib.zip"],
        "jars": ["abfss://c@a.dfs.core.windows.net/x.jar"],
        "driver_memory": "7g",
        "driver_cores": 4,
        "executor_memory": "8g",
        "executor_cores": 2,
        "executor_count": 3,
    }


@pytest.mark.parametrize(
    ("document", "url"),
    [
        (BLOB, "wasbs://box@acc.blob.core.windows.net/a/b"),
        ({**BLOB, "endpoint": "core.chinacloudapi.cn"}, "wasbs://box@acc.blob.core.chinacloudapi.cn/a/b"),
        (
            {"type": "AzureDataLakeGen2", "account_name": "acc", "filesystem": "fs"},
            "abfss://fs@acc.dfs.core.windows.net/a/b",
        ),
        ({"type": "DBFS"}, "dbfs:/a/b"),
        ({"type": "Url", "url": "s3://bucket/root"}, "s3a://bucket/root/a/b"),
        ({"type": "Url", "url": "gs://bucket"}, "gs://bucket/a/b"),
    ],
)
def test_places_that_spark_reads(document, url):
    assert spark_url(document, "a/b", "Spark") == url


@pytest.mark.parametrize("document", [{"name": "here", "url": "/data"}, {"name": "here", "url": "smb://host/share"}])
def test_places_that_no_service_reaches(document):
    with pytest.raises(InvalidInput, match="Databricks cannot reach datastore 'here'"):
        spark_url(document, "a", "Databricks")
