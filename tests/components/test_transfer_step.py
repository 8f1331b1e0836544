"""``DataTransferStep`` between real services, in a script as people write it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.components.conftest import opened
from tests.components.test_credentials import holders_of, registration, run_script

pytestmark = pytest.mark.airflow

PIPELINE = """
import json, sys
import mlsteps.azureml
from azureml.core import Datastore, Experiment, Workspace
from azureml.core.compute import ComputeTarget, DataFactoryCompute
from azureml.data.data_reference import DataReference
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import DataTransferStep

given = json.loads(sys.argv[1])
ws = Workspace.from_config()
blob = Datastore.register_azure_blob_container(ws, "box", overwrite=True, **given["blob"])
s3 = Datastore.register_url(ws, "landing", given["s3"], connection="aws_landing", overwrite=True)
copy = DataTransferStep(
    name="copy",
    source_data_reference=DataReference(blob, "from_blob", "in"),
    destination_data_reference=DataReference(s3, "to_s3", "arrived"),
    compute_target="adf",
)
again = DataTransferStep(
    name="again",
    source_data_reference=copy.get_output(),
    destination_data_reference=DataReference(blob, "back", "back"),
    compute_target="adf",
    source_reference_type="directory",
)
run = Experiment(ws, "transfers").submit(Pipeline(ws, [again]))
print("STATUS", run.wait_for_completion(show_output=True))
print("STEPS", sorted((step.name, step.get_status()) for step in run.get_steps()))
"""


def test_from_a_blob_container_to_s3_and_back(blob, s3, home, tmp_path: Path) -> None:
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    source, target = opened(blob), opened(s3)
    source.write("in/a b.txt", b"A")
    source.write("in/s/big", b"x" * (9 << 20))
    credentials = s3["credentials"]
    extra = {"endpoint_url": credentials["endpoint_url"], "region_name": "eu-west-1"}
    connection = {"conn_type": "aws", "login": credentials["key"], "password": credentials["secret"], "extra": extra}
    given = {"blob": registration(blob), "s3": s3["document"]["url"]}
    variables = {"AIRFLOW_CONN_AWS_LANDING": json.dumps(connection)}
    output = run_script(tmp_path, home, given, **variables)
    assert "STATUS Finished" in output
    assert "STEPS [('again', 'Finished'), ('copy', 'Finished')]" in output
    assert "Transferred 2 files, 9.4 MB" in output
    assert target.read("arrived/a b.txt") == b"A" and target.entry("arrived/s/big").size == 9 << 20  # type: ignore
    assert source.read("back/a b.txt") == b"A" and source.entry("back/s/big").size == 9 << 20  # type: ignore
    stamps = [entry.stamp for entry in [*target.list("arrived"), *source.list("back")]]
    output = run_script(tmp_path, home, given, **variables)
    assert "STATUS Finished" in output
    assert [entry.stamp for entry in [*target.list("arrived"), *source.list("back")]] == stamps  # reused
    assert holders_of(blob["credentials"]["account_key"], home) == []
