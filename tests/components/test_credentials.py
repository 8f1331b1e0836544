"""Secrets given to an SDK script: they open stores in the script, in its pipeline's steps, and lie nowhere readable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from mlsteps.errors import StoreError
from mlsteps.storage.open import open_datastore
from tests.components.conftest import opened, variable

pytestmark = pytest.mark.airflow

PIPELINE = """
import json, sys
import mlsteps.azureml
from azureml.core import Dataset, Datastore, Experiment, RunConfiguration, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

given = json.loads(sys.argv[1])
ws = Workspace.from_config()
if given:
    store = Datastore.register_azure_blob_container(ws, "box", overwrite=True, **given)
    store.upload_files(["data/one.txt", "data/table.csv"], target_path="in", show_progress=False)
store = ws.datastores["box"]
config = RunConfiguration()
config.environment.python.user_managed_dependencies = True
out = OutputFileDatasetConfig("out", destination=(store, "out/{run-id}"))
step = PythonScriptStep(
    "step.py",
    source_directory="step",
    arguments=["--out", out],
    inputs=[
        Dataset.File.from_files((store, "in/*.txt")).as_named_input("files").as_download(),
        Dataset.Tabular.from_delimited_files((store, "in/table.csv")).as_named_input("table"),
    ],
    compute_target="local",
    runconfig=config,
)
run = Experiment(ws, "keys").submit(Pipeline(ws, [step]))
print("STATUS", run.wait_for_completion(show_output=True))
"""

STEP = """
import os, sys
from azureml.core import Run
run = Run.get_context()
table = run.input_datasets["table"].to_pandas_dataframe()
with open(os.path.join(run.input_datasets["files"], "one.txt")) as file:
    text = file.read()
run.log("rows", len(table))
with open(os.path.join(sys.argv[2], "result.txt"), "w") as file:
    file.write(f"{text} {table['a'].sum()}")
print("VARIABLES", sorted(os.environ.values()))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a script, its step and its data."""
    for name, text in {
        "pipeline.py": PIPELINE,
        "step/step.py": STEP,
        "data/one.txt": "one",
        "data/table.csv": "a,b\n1,x\n2,y\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run_script(folder: Path, home: Path, given: dict[str, Any], **variables: str) -> str:
    """Run the script as a person does who has none of the servers' variables; its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "AWS_", "AIRFLOW"))}
    done = subprocess.run(
        [sys.executable, "pipeline.py", json.dumps(given)],
        cwd=folder,
        env={**kept, "MLSTEPS_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


def registration(blob: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``register_azure_blob_container``."""
    document = {key: value for key, value in blob["document"].items() if key not in ("name", "type")}
    return {**document, **blob["credentials"]}


def holders_of(secret: str, home: Path) -> list[str]:
    """The files that hold a text."""
    paths = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    return [str(path.relative_to(home)) for path in paths if secret.encode() in path.read_bytes()]


def test_a_datastore_registered_with_a_key_works_in_the_run_and_in_later_ones(blob, folder, home) -> None:
    key = blob["credentials"]["account_key"]
    output = run_script(folder, home, registration(blob))
    assert "STATUS Finished" in output and key not in output
    (entry,) = opened(blob).list("out")
    assert opened(blob).read(entry.path) == b"one 3"
    assert holders_of(key, home) == []
    again = run_script(folder, home, {})  # another process, which registers nothing: Airflow knows the connection
    assert "STATUS Finished" in again
    assert [item.path for item in opened(blob).list("out")] == [entry.path]  # reused


def test_a_sas_token_lies_nowhere_readable_either(blob, folder, home) -> None:
    from tests.components.test_identities import ALL, sas

    token = sas(blob, **ALL)
    given = {key: value for key, value in registration(blob).items() if key != "account_key"}
    output = run_script(folder, home, {**given, "sas_token": token})
    signature = token.split("sig=")[1].split("&")[0]
    assert "STATUS Finished" in output
    for text in (signature, unquote(signature)):
        assert text not in output and holders_of(text, home) == []


def test_a_workspace_on_a_remote_store(blob, s3, folder, home) -> None:
    root = s3["document"]["url"].replace("s3://", "s3://root_of_ws@")
    connection = {
        "conn_type": "aws",
        "login": s3["credentials"]["key"],
        "password": s3["credentials"]["secret"],
        "extra": {"endpoint_url": s3["credentials"]["endpoint_url"], "region_name": "eu-west-1"},
    }
    variables = {"MLSTEPS_WORKSPACE_ROOT": root, "AIRFLOW_CONN_ROOT_OF_WS": json.dumps(connection)}
    output = run_script(folder, home, registration(blob), **variables)
    assert "STATUS Finished" in output
    store = opened(s3)
    assert store.kind("workspace.json") == "file"
    metrics = [store.read(entry.path) for entry in store.list("experiments") if entry.path.endswith(".jsonl")]
    assert any(b'"rows"' in text for text in metrics)
    texts = [store.read(entry.path) for entry in store.list()]
    assert not any(blob["credentials"]["account_key"].encode() in text for text in texts)


def test_wrong_credentials_and_missing_places_name_the_store(blob, s3, share) -> None:
    wrong = {**blob["credentials"], "account_key": "d3Jvbmc="}
    with pytest.raises(StoreError, match=blob["document"]["container_name"]):
        list(open_datastore(blob["document"], wrong).list())
    absent = {**blob["document"], "container_name": "nosuchcontainer"}
    with pytest.raises(StoreError, match="nosuchcontainer"):
        open_datastore(absent, blob["credentials"]).write("f", b"")
    with pytest.raises(StoreError, match="nosuchbucket"):
        open_datastore({**s3["document"], "url": "s3://nosuchbucket/a"}, s3["credentials"]).write("f", b"")
    with pytest.raises(StoreError, match=variable("SMB_SHARE")):
        opened({**share, "credentials": {**share["credentials"], "password": "wrong"}}).read("f")
