"""Pods and stores on other machines: nothing of a step needs a disk of the worker's, and no secret leaves a trace."""

from __future__ import annotations

import uuid

import pytest

from mlsteps.compute.kubernetes import KubernetesTarget
from mlsteps.compute.placement import KubernetesOptions
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepSpec
from mlsteps.registry.credentials import add_source
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.storage import snapshots
from mlsteps.storage.open import open_datastore
from tests.components.kubernetes_place import client, image
from tests.components.relay import relayed
from tests.compute.place import ENVIRONMENT

#: Its own Python has no driver; what it asks of a store the runner answers.
SCRIPT = """
import os, sys
from azureml.core import Run
run = Run.get_context()
run.log("rows", 1)
with open(os.path.join(sys.argv[1], "a.csv")) as stream:
    text = stream.read()
with open(os.path.join(sys.argv[2], "b.csv"), "w") as stream:
    stream.write(text.upper())
run.upload_file("own/script.py", "script.py")
print(sorted(os.environ.values()))
print("done", run.experiment.workspace.get_default_datastore().name)
"""


@pytest.fixture
def near(monkeypatch):
    """The S3 server of these tests where pods reach it."""
    import os

    from tests.components.conftest import variable

    with relayed(variable("AWS_ENDPOINT_URL")) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield os.environ["AWS_ENDPOINT_URL"]


@pytest.fixture
def marked():
    """A label for this test's pods, none of which stay."""
    api, mark = client(), uuid.uuid4().hex
    yield mark
    left = api.list_namespaced_pod("default", label_selector=f"test={mark}").items
    api.api_client.close()
    assert left == []


def test_a_workspace_in_a_bucket(near, s3, tmp_path, marked):
    """Snapshot, inputs and outputs go between the pod and the bucket; its image has no driver of buckets."""
    add_source(lambda conn_id: s3["credentials"] if conn_id == "bucket" else None)
    root = s3["document"]["url"] + "/workspace"
    ws = open_workspace({"name": "far", "root": root, "root_conn_id": "bucket"})
    store = open_datastore(s3["document"], s3["credentials"])
    store.write("in/a.csv", b"abc")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "script.py").write_text(SCRIPT)
    runs, run_id = RunStore(ws), str(uuid.uuid4())
    runs.create(run_id, experiment="e", type="azureml.StepRun", name="s")
    target, said = KubernetesTarget(KubernetesOptions(image=image(), limits="none", labels={"test": marked})), []
    spec = StepSpec(
        run_id=run_id,
        pipeline_run_id=str(uuid.uuid4()),
        experiment="e",
        step_name="s",
        workspace={"name": "far", "root": ws.root},
        argv=({"python": ""}, "script.py", {"input": "data"}, {"output": "out"}),
        interpreter=target.prepare(ENVIRONMENT, said.append),
        work_directory=str(tmp_path / "work"),
        snapshot=snapshots.take(str(tmp_path / "source"), ws).digest,
        datastores={"s3": s3["document"]},
        inputs=(InputSpec("data", file_definition("s3", "in"), "file", "mount"),),
        outputs=(OutputSpec("out", "file", "s3", "out"),),
    )
    credentials = {"datastores": {"s3": s3["credentials"]}, "workspace": s3["credentials"]}
    result = target.run(spec, credentials, on_line=said.append)
    assert (result.status, result.error) == ("Completed", {}), said
    assert said[-1] == "done workspaceblobstore"
    assert s3["credentials"]["secret"] not in "\n".join(said)
    assert store.read("out/b.csv") == b"ABC"
    assert runs.state(run_id).metrics == {"rows": 1}
    assert runs.artifacts(run_id).read("own/script.py").decode() == SCRIPT
    assert not (tmp_path / "work").exists()
