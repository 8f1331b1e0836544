"""Containers and stores on other machines: drivers come with the runner, and nothing of a step needs a shared disk."""

from __future__ import annotations

import uuid

import pytest

from mlsteps.compute.docker import DockerTarget
from mlsteps.compute.placement import DockerOptions
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepSpec
from mlsteps.registry.credentials import add_source
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.storage import snapshots
from mlsteps.storage.open import open_datastore
from tests.components.docker_place import base_image, client
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
try:
    import s3fs
except ImportError:
    print("no driver", run.experiment.workspace.get_default_datastore().name)
"""


@pytest.fixture
def marked():
    """A label for this test's containers, none of which stay."""
    engine, mark = client(), uuid.uuid4().hex
    yield mark
    left = engine.containers(all=True, filters={"label": f"test={mark}"})
    engine.close()
    assert left == []


@pytest.fixture
def elsewhere(s3, tmp_path):
    """A workspace in a bucket, its datastore another folder of it."""
    add_source(lambda conn_id: s3["credentials"] if conn_id == "bucket" else None)
    root = s3["document"]["url"] + "/workspace"
    ws = open_workspace({"name": "far", "root": root, "root_conn_id": "bucket"})
    return ws, s3


@pytest.mark.parametrize("sees_files", [True, False])
def test_a_workspace_in_a_bucket(elsewhere, tmp_path, marked, sees_files):
    """The engine need see no file of this machine: with ``shared_files`` off not even the package is mounted."""
    ws, place = elsewhere
    store = open_datastore(place["document"], place["credentials"])
    store.write("in/a.csv", b"abc")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "script.py").write_text(SCRIPT)
    runs, run_id = RunStore(ws), str(uuid.uuid4())
    runs.create(run_id, experiment="e", type="azureml.StepRun", name="s")
    # The server of these tests listens on this machine alone.
    options = DockerOptions(image=base_image(), network="host", labels={"test": marked}, shared_files=sees_files)
    target, said = DockerTarget(options), []
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
        datastores={"s3": place["document"]},
        inputs=(InputSpec("data", file_definition("s3", "in"), "file", "mount"),),
        outputs=(OutputSpec("out", "file", "s3", "out"),),
    )
    credentials = {"datastores": {"s3": place["credentials"]}, "workspace": place["credentials"]}
    result = target.run(spec, credentials, on_line=said.append)
    assert (result.status, result.error) == ("Completed", {}), said
    assert said[-1] == "no driver workspaceblobstore"
    assert store.read("out/b.csv") == b"ABC"
    assert runs.state(run_id).metrics == {"rows": 1}
    assert runs.artifacts(run_id).read("own/script.py").decode() == SCRIPT
    assert not (tmp_path / "work").exists()


def test_drivers_are_installed_once(elsewhere, tmp_path, marked):
    from mlsteps.environments.drivers import Python, drivers

    said: list[str] = []
    python = Python("/usr/bin/python3", (3, 9, 1), "x86_64-manylinux_2_28")
    first = drivers(python, ["s3", "abfs"], said.append)
    assert first is not None and said == ["installing storage drivers for Python 3.9: adlfs, fsspec, s3fs"]
    assert drivers(python, ["abfs", "s3"], said.append) == first and len(said) == 1
    assert drivers(python, [], said.append) is None
