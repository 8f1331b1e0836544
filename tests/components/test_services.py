"""Steps on services, asked by the hooks of Airflow's providers over HTTP. The services are servers of this test's own,
which answer as theirs are documented to; the data is on a real S3 server."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.databricks_section import PyPiLibrary
from mlsteps.sdk.datastore import Datastore
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.steps.azure_batch import AzureBatchStep
from mlsteps.sdk.steps.databricks import DatabricksStep
from mlsteps.sdk.steps.kusto import KustoStep
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.steps.synapse import SynapseSparkStep
from mlsteps.sdk.workspace import Workspace
from tests.components.conftest import opened
from tests.components.test_credentials import registration
from tests.operators.runs import run

pytestmark = pytest.mark.airflow
TOKEN = "dapi-secret-token"


class Server(ThreadingHTTPServer):
    """Keeps every request; ``answer(method, path, body)`` gives ``(status, JSON)``."""

    def __init__(self, answer: Any) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.authorisations: set[str] = set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:
                length = int(handler.headers.get("Content-Length") or 0)
                body = json.loads(handler.rfile.read(length) or b"{}")
                path = handler.path
                self.requests.append((handler.command, path, body))
                self.authorisations.add(handler.headers.get("Authorization", ""))
                status, data = answer(handler.command, path, body)
                text = json.dumps(data).encode()
                handler.send_response(status)
                handler.send_header("Content-Type", "application/json")
                handler.send_header("Content-Length", str(len(text)))
                handler.end_headers()
                handler.wfile.write(text)

            do_GET = do_DELETE = do_POST

            def log_message(handler, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Databricks:
    """Runs one-time runs at once: each writes what it read, in capitals, through a store that both sides reach."""

    def __init__(self, store: Any, bucket: str) -> None:
        self.store, self.bucket = store, bucket
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.result = "SUCCESS"

    def __call__(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        name = path.partition("?")[0]
        if name == "/api/2.2/jobs/runs/submit":
            return 200, {"run_id": self._submitted(body)}
        if name == "/api/2.2/jobs/runs/get":
            state = {"life_cycle_state": "TERMINATED", "result_state": self.result, "state_message": "told"}
            return 200, {"state": state, "run_page_url": "http://page", "tasks": [{"run_id": 99}]}
        if name == "/api/2.2/jobs/runs/get-output":
            return 200, {"notebook_output": {"result": "the notebook's result"}}
        if name == "/api/2.0/dbfs/get-status":
            known = path.rpartition("path=")[2].replace("%2F", "/") in self.files
            return (200, {}) if known else (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
        return 200, self._dbfs(name.rpartition("/")[2], body)

    def _submitted(self, body: Any) -> int:
        token = body["idempotency_token"]
        if token not in self.runs:
            self.runs[token] = body
            if self.result == "SUCCESS":
                self._work(body["tasks"][0])
        return 1 + list(self.runs).index(token)

    def _work(self, task: Any) -> None:
        if "notebook_task" in task:
            places = task["notebook_task"]["base_parameters"]
        else:
            texts = task["spark_python_task"]["parameters"]
            places = {texts[n].lstrip("-"): texts[n + 1] for n in range(0, len(texts), 2)}
        read, written = (places[name].removeprefix(f"s3a://{self.bucket}/place/") for name in ("words", "loud"))
        self.store.write(f"{written}/part-0.txt", self.store.read(f"{read}/words.txt").upper())

    def _dbfs(self, name: str, body: Any) -> Any:
        if name == "create":
            self.files[body["path"]] = b""
            return {"handle": body["path"]}
        if name == "add-block":
            self.files[body["handle"]] += base64.b64decode(body["data"])
        if name == "put":
            self.files[body["path"]] = b""
        return {}


@pytest.fixture
def there(s3, airflow_home, monkeypatch) -> Iterator[tuple[Databricks, Server, Any]]:
    """Databricks, its server, and the datastore that it reads."""
    bucket = s3["document"]["url"].split("/")[2]
    service = Databricks(opened(s3), bucket)
    server = Server(service)
    connection = {"conn_type": "databricks", "host": "127.0.0.1", "port": server.server_port, "schema": "http"}
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", json.dumps({**connection, "password": TOKEN}))
    credentials = s3["credentials"]
    extra = {"endpoint_url": credentials["endpoint_url"], "region_name": "eu-west-1"}
    aws = {"conn_type": "aws", "login": credentials["key"], "password": credentials["secret"], "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_LAKE", json.dumps(aws))
    lake = Datastore.register_url(Workspace.from_config(), "lake", s3["document"]["url"], connection="aws_lake")
    yield service, server, lake
    server.shutdown()


def here() -> RunConfiguration:
    configuration = RunConfiguration()
    configuration.environment.python.user_managed_dependencies = True
    return configuration


WRITE = 'import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + "/words.txt", "w").write("the cat")'
READ = 'import sys; print("READ", open(sys.argv[1] + "/part-0.txt").read())'


def pipeline_of(folder: Path, lake: Any, **bricks: Any) -> Pipeline:
    """A script here, a step on Databricks, a script here."""
    for name, code in (("write", WRITE), ("read", READ), ("loud", "print('runs over there')")):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / f"{name}.py").write_text(code)
    words, loud = PipelineData("words", datastore=lake), PipelineData("loud", datastore=lake)
    steps = [
        PythonScriptStep(
            "write.py", arguments=[words], outputs=[words], source_directory=str(folder / "write"), runconfig=here()
        ),
        DatabricksStep(
            "louder",
            inputs=[words],
            outputs=[loud],
            existing_cluster_id="c1",
            pypi_libraries=[PyPiLibrary("humanize")],
            compute_target="bricks",
            **bricks,
        ),
        PythonScriptStep(
            "read.py", arguments=[loud], inputs=[loud], source_directory=str(folder / "read"), runconfig=here()
        ),
    ]
    return Pipeline(Workspace.from_config(), steps=steps)


def test_a_databricks_notebook_between_scripts_runs_once_and_is_reused(there, tmp_path, capfd) -> None:
    service, server, lake = there
    dag = pipeline_of(tmp_path, lake, notebook_path="/Users/me/louder").as_dag("bricks_notebook")
    first, second = run(dag), run(dag)
    assert first.state == "success", first.states
    assert set(second.states.values()) == {"success", "skipped"}  # plan, and three reused steps
    assert len(service.runs) == 1
    out = "".join(capfd.readouterr())
    assert "READ THE CAT" in out and "the notebook's result" in out and "http://page" in out
    assert server.authorisations == {f"Bearer {TOKEN}"}
    assert TOKEN not in out and TOKEN not in json.dumps([first.xcoms, second.xcoms])


def test_a_script_is_brought_to_dbfs_once(there, tmp_path) -> None:
    service, server, lake = there
    options = {"python_script_name": "loud.py", "source_directory": str(tmp_path / "loud"), "allow_reuse": False}
    dag = pipeline_of(tmp_path, lake, **options).as_dag("bricks_script")
    assert run(dag).state == "success" and run(dag).state == "success"
    (script,) = [path for path in service.files if path.endswith("/loud.py")]
    assert service.files[script] == b"print('runs over there')"
    assert len(service.runs) == 2
    assert sum(path.endswith("dbfs/create") for _, path, _ in server.requests) == 1
    (task,) = next(iter(service.runs.values()))["tasks"]
    assert task["spark_python_task"]["python_file"] == f"dbfs:{script}"
    assert task["libraries"] == [{"pypi": {"package": "humanize"}}]


def test_a_failed_run_fails_the_step_with_what_databricks_says(there, tmp_path, capfd) -> None:
    service, _, lake = there
    service.result = "FAILED"
    done = run(pipeline_of(tmp_path, lake, notebook_path="/x").as_dag("bricks_failed"))
    assert done.states["louder"] == "failed"
    assert "Databricks: FAILED. told" in "".join(capfd.readouterr())


def test_a_spark_job_of_synapse_by_a_client_without_a_login(s3, airflow_home, tmp_path, monkeypatch) -> None:
    """The hook's own client, its requests on a real connection; only Azure's login, which needs Azure, is left out."""
    from airflow.providers.microsoft.azure.hooks.synapse import AzureSynapseHook
    from azure.core.credentials import AzureKeyCredential
    from azure.core.pipeline.policies import AzureKeyCredentialPolicy
    from azure.synapse.spark import SparkClient

    jobs: list[dict[str, Any]] = []

    def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "GET" and "/batches?" in path:
            sessions = [{"id": n + 1, "name": job["name"], "state": "success"} for n, job in enumerate(jobs)]
            return 200, {"from": 0, "total": len(jobs), "sessions": sessions}
        if method == "POST":
            jobs.append(body)
        return 200, {"id": len(jobs), "name": jobs[-1]["name"], "state": "success", "log": ["spark said this"]}

    server = Server(answer)
    policy = AzureKeyCredentialPolicy(AzureKeyCredential("k"), "x-key")
    client = SparkClient(
        credential=AzureKeyCredential("k"),  # type: ignore[arg-type]
        endpoint=f"http://127.0.0.1:{server.server_port}",
        spark_pool_name="pool1",
        authentication_policy=policy,
    )
    monkeypatch.setattr(AzureSynapseHook, "get_conn", lambda self: client)
    monkeypatch.setattr("mlsteps.services.synapse._located", lambda document, path: f"abfss://c@a/{path}")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "job.py").write_text("spark")
    step = SynapseSparkStep("job.py", str(tmp_path / "job"), "pool1", "7g", 4, "7g", 2, 3, arguments=["--rows", 5])
    dag = Pipeline(Workspace.from_config(), steps=[step]).as_dag("synapse")
    first, second = run(dag), run(dag)
    assert (first.state, second.states["job.py"]) == ("success", "skipped")
    (job,) = jobs
    assert job["file"].startswith("abfss://c@a/azureml/mlsteps/") and job["file"].endswith("/job.py")
    assert (job["args"], job["numExecutors"], job["driverMemory"]) == (["--rows", "5"], 3, "7g")
    server.shutdown()


def test_a_kusto_query_by_a_client_without_a_login(airflow_home, tmp_path, monkeypatch) -> None:
    """As above: the provider's client over HTTP, less Azure's login."""
    from airflow.providers.microsoft.azure.hooks.adx import AzureDataExplorerHook
    from azure.kusto.data import KustoClient, KustoConnectionStringBuilder

    def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
        if "auth/metadata" in path:
            return 404, {}
        columns = [{"ColumnName": "city", "ColumnType": "string"}, {"ColumnName": "n", "ColumnType": "long"}]
        frames = [
            {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"},
            {
                "FrameType": "DataTable",
                "TableId": 0,
                "TableKind": "PrimaryResult",
                "TableName": "PrimaryResult",
                "Columns": columns,
                "Rows": [["Bern", 3], ["Wien, 1", 4]],
            },
            {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False},
        ]
        return 200, frames

    server = Server(answer)
    address = KustoConnectionStringBuilder.with_no_authentication(f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(AzureDataExplorerHook, "get_conn", lambda self: KustoClient(address))
    (tmp_path / "query").mkdir()
    (tmp_path / "query" / "cities.kql").write_text("declare query_parameters(least:int); T | where n > least")
    rows = PipelineData("rows")
    step = KustoStep("cities", "adx", "db1", str(tmp_path / "query"), rows, {"least": 2})
    done = run(Pipeline(Workspace.from_config(), steps=[step]).as_dag("kusto"))
    assert done.state == "success", done.states
    record = done.outputs("cities")["rows"]
    store = Workspace.from_config().datastores[record["datastore"]]._open()
    assert store.read(f"{record['path']}/cities.csv").decode().splitlines() == ["city,n", "Bern,3", '"Wien, 1",4']
    (query,) = [body for method, path, body in server.requests if "rest/query" in path]
    assert query["db"] == "db1" and query["csl"].endswith("n > least")
    assert json.loads(query["properties"])["Parameters"] == {"least": "2"}
    server.shutdown()


def fetched(url: str, data: bytes | None = None) -> bytes:
    headers = {"x-ms-blob-type": "BlockBlob"} if data is not None else {}
    request = urllib.request.Request(url, data, headers, method="GET" if data is None else "PUT")
    with urllib.request.urlopen(request, timeout=30) as response:
        return bytes(response.read())


def test_a_task_of_azure_batch_gets_and_gives_files_by_signed_addresses(
    blob, airflow_home, tmp_path, monkeypatch, capfd
) -> None:
    """Batch's part is played here; the addresses that it is given are put to the test by the real blob service."""
    tasks: list[dict[str, Any]] = []

    def work(task: Any) -> None:
        found = {item["filePath"]: fetched(item["httpUrl"]) for item in task["resourceFiles"]}
        assert found["run.sh"] == b"echo"
        (output,) = task["outputFiles"]
        place = output["destination"]["container"]
        address, _, token = place["containerUrl"].partition("?")
        fetched(f"{address}/{place['path']}/loud.txt?{token}", found["words/a.txt"].upper())

    def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
        name = path.partition("?")[0]
        if method == "POST" and name.endswith("/tasks"):
            tasks.append(body)
            work(body)
            return 201, {}
        if method == "GET" and name.endswith("/tasks/step"):
            return 200, {"id": "step", "state": "completed", "executionInfo": {"exitCode": 0, "retryCount": 0}}
        if method == "GET" and "/files/" in name:
            return 200, "said over there"
        return (202 if method == "DELETE" else 201), {}

    server = Server(answer)
    extra = {"account_url": f"http://127.0.0.1:{server.server_port}"}
    key = base64.b64encode(b"batch key").decode()
    connection = {"conn_type": "azure_batch", "login": "batch", "password": key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AZURE_BATCH_DEFAULT", json.dumps(connection))
    ws = Workspace.from_config()
    box = Datastore.register_azure_blob_container(ws, "box", **registration(blob))
    ws.set_default_datastore("box")
    opened(blob).write("in/a.txt", b"the cat")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "run.sh").write_text("echo")
    loud = PipelineData("loud", datastore=box)
    words = DataReference(box, "words", "in")
    step = AzureBatchStep(
        "louder",
        pool_id="pool",
        executable="run.sh",
        source_directory=str(tmp_path / "program"),
        arguments=[words, loud, "a b"],
        inputs=[words],
        outputs=[loud],
        compute_target="batch",
    )
    done = run(Pipeline(ws, steps=[step]).as_dag("batch"))
    assert done.state == "success", done.states
    record = done.outputs("louder")["loud"]
    assert opened(blob).read(f"{record['path']}/loud.txt") == b"THE CAT"
    (task,) = tasks
    assert task["commandLine"] == "run.sh ./words ./loud 'a b'"
    out = "".join(capfd.readouterr())
    assert "sig=" not in out and "sig=" not in json.dumps(done.xcoms)
    server.shutdown()
