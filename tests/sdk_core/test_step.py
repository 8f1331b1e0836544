"""Runs seen from inside a step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mlsteps
from mlsteps.errors import (
    AzureMLException,
    ModelPathNotFoundException,
    RunEnvironmentException,
    UnsupportedFeature,
)
from mlsteps.registry import datasets
from mlsteps.sdk.amlcompute import AmlCompute
from mlsteps.sdk.compute import ComputeTarget
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.file_dataset import FileDataset
from mlsteps.sdk.run import Run
from mlsteps.sdk.submitted_run import LinkOutput, _SubmittedRun
from mlsteps.sdk.tabular_dataset import TabularDataset

PROVIDER = str(Path(mlsteps.__file__).parent.parent)
TABLE = {
    "type": "tabular",
    "paths": [{"datastore": "workspaceblobstore", "path": "t.csv"}],
    "reader": {"format": "delimited"},
}
FILES = {"type": "file", "paths": [{"datastore": "workspaceblobstore", "path": "images/**"}]}


def script(code, file, **variables):
    environment = {**os.environ, "MLSTEPS_RUN": str(file), "PYTHONPATH": PROVIDER, **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_gets_its_run(step, ws):
    parent, child, file = step()
    out = script(
        "from mlsteps.sdk.run import Run\n"
        "run = Run.get_context()\n"
        "run.log('accuracy', 0.5); run.parent.log('best', 1); run.tag('k', 'v'); run.complete()\n"
        "print(run.id, run.parent.id, run.experiment.name, run.experiment.workspace.name, run.name)\n",
        file,
    )
    assert out.splitlines()[-1] == f"{child} {parent} waves sea Train it "
    assert "no effect" in out
    assert ws.get_run(child).get_metrics() == {"accuracy": 0.5} and ws.get_run(child).get_tags() == {"k": "v"}
    assert ws.get_run(parent).get_metrics() == {"best": 1}
    assert ws.get_run(child).status == "Running", "complete() inside a step does not end it"


def test_get_context_is_cheap_and_loads_nothing_of_others(step):
    _, _, file = step()
    out = script(
        "import sys\n"
        "from mlsteps.sdk.run import Run; run = Run.get_context()\n"
        "loaded = sorted(sys.modules)\n"
        "import json; print(json.dumps(loaded))\n",
        file,
    )
    loaded = json.loads(out)
    # Cheap: few modules, also of ours. Seconds are measured by `python -m benchmarks import_time`.
    assert len([name for name in loaded if name.startswith("mlsteps")]) <= 40
    heavy = {"yaml", "fsspec", "pandas", "numpy", "pyarrow", "urllib.request", "dataclasses", "subprocess", "airflow"}
    assert heavy & set(loaded) == set()
    assert not [
        name for name in loaded if name.startswith(("mlsteps.storage", "mlsteps.registry", "mlsteps.contracts"))
    ]


def test_authoring_classes_import_without_third_parties():
    code = (
        "import sys, mlsteps.sdk.workspace, mlsteps.sdk.experiment, mlsteps.sdk.run, mlsteps.sdk.environment\n"
        "import mlsteps.sdk.runconfig, mlsteps.sdk.compute, mlsteps.sdk.amlcompute, mlsteps.sdk.other_computes\n"
        "import mlsteps.sdk.model, mlsteps.sdk.script_run_config, mlsteps.sdk.widgets, mlsteps.sdk.authentication\n"
        "print('mlsteps.registry' in sys.modules or 'mlsteps.storage' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": PROVIDER}
    # -S leaves site-packages out: an import of anything that is not Python's own fails.
    out = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True)
    assert (out.stdout.strip(), out.stderr) == ("False", "")


def test_inputs_and_outputs_by_name(step, ws, tmp_path):
    table, files = datasets.save(ws._store(), TABLE), datasets.save(ws._store(), FILES)
    registered = datasets.register(ws._store(), "cups", FILES)
    named = {"name": "cups", "version": 1, "id": registered["id"]}
    step(
        inputs={
            "mounted": {"value": "/mnt/x", "mode": "mount", "kind": "file", "dataset_id": files},
            "table": {"value": table, "mode": "direct", "kind": "tabular", "dataset_id": table, "definition": TABLE},
            "direct": {"value": files, "mode": "direct", "kind": "file", "dataset": named, "definition": FILES},
            "old": {"value": "/mnt/y", "mode": "download", "kind": "reference"},
        },
        outputs={
            "out": {"path": "/tmp/out", "kind": "file"},
            "link": {"path": str(tmp_path / "link.json"), "kind": "link_file"},
        },
    )
    run = Run.get_context()
    assert type(run) is _SubmittedRun and Run.get_context() is run
    inputs = run.input_datasets
    assert inputs["mounted"] == "/mnt/x" and inputs["old"] == "/mnt/y"
    assert isinstance(inputs["table"], TabularDataset) and inputs["table"].id == table
    assert isinstance(inputs.get("direct"), FileDataset) and inputs["direct"].name == "cups"
    assert inputs["direct"] is inputs["direct"] and "mounted" in inputs and inputs.get("x", 7) == 7
    assert dict(inputs.items())["old"] == "/mnt/y"
    with pytest.raises(KeyError, match="mounted, table, direct, old"):
        inputs["nope"]
    assert run.output_datasets["out"] == "/tmp/out"
    link = run.output_datasets["link"]
    assert isinstance(link, LinkOutput)
    link.link(Dataset.get_by_id(ws, table))
    assert json.loads((tmp_path / "link.json").read_text()) == TABLE
    with pytest.raises(AzureMLException, match="cannot be linked"):
        link.link("a path")
    with pytest.raises(KeyError, match="out, link"):
        run.output_datasets["nope"]


def test_details_name_the_input_datasets(step, ws):
    _, child, _ = step()
    identity = datasets.save(ws._store(), TABLE)
    runs = ws._run_store()
    document = {"name": "t", "definition": TABLE, "kind": "tabular", "mode": "direct", "dataset_id": identity}
    runs.write(child, "input", name="t", document=document)
    runs.write(
        child, "input", name="r", document={"name": "r", "definition": FILES, "kind": "reference", "mode": "mount"}
    )
    place = {"datastore": "workspaceblobstore", "path": "dataset/1/o", "tree": "", "manifest": "", "kind": "file"}
    runs.write(child, "output", name="o", document=place)
    details = ws.get_run(child).get_details()
    (given,) = details["inputDatasets"]
    assert given["dataset"].id == identity and given["consumptionDetails"]["inputName"] == "t"
    assert given["consumptionDetails"]["mechanism"] == "Direct"
    (made,) = details["outputDatasets"]
    assert made["outputDetails"] == {"outputName": "o"} and isinstance(made["dataset"], FileDataset)


def test_outputs_of_the_running_step_can_be_registered(step, ws):
    _, child, _ = step()
    os.makedirs("outputs/model")
    Path("outputs/model/a.bin").write_text("a")
    Path("outputs/one.pkl").write_text("1")
    run = Run.get_context()
    model = run.register_model("one", model_path="outputs/one.pkl")
    folder = run.register_model("folder", model_path="./outputs/model")
    assert (model.version, model.unpack, folder.unpack) == (1, False, True)
    assert ws.get_run(child).get_file_names() == ["outputs/model/a.bin", "outputs/one.pkl"]
    os.chdir("/")
    assert run.register_model("one", model_path="outputs/one.pkl").version == 2
    with pytest.raises(ModelPathNotFoundException):
        run.register_model("one", model_path="one.pkl")


def test_runs_go_to_worker_processes(step):
    file = step()[2]
    script(
        "import multiprocessing\n"
        "from mlsteps.sdk.run import Run\n"
        "def work(run): run.log('from', run.id)\n"
        "if __name__ == '__main__':\n"
        "    run = Run.get_context()\n"
        "    import pickle; copy = pickle.loads(pickle.dumps(run.parent)); copy.log('copied', 1)\n"
        "    context = multiprocessing.get_context('fork')\n"
        "    run.log('from', 'parent')\n"
        "    process = context.Process(target=work, args=(run,)); process.start(); process.join()\n"
        "    assert process.exitcode == 0\n"
        "    assert run.get_metrics() == {'from': ['parent', run.id]}, run.get_metrics()\n"
        "    assert run.parent.get_metrics() == {'copied': 1}\n",
        file,
    )


def test_status_belongs_to_the_platform(step, ws):
    parent, child, _ = step()
    run = Run.get_context()
    with run as same:
        assert same is run
    with pytest.raises(UnsupportedFeature, match="exit code"):
        run.fail()
    with pytest.raises(ValueError), run:
        raise ValueError
    assert run.get_status() == "Running"
    run.cancel()
    assert ws.get_run(child).status == "CancelRequested"
    run.parent.cancel()
    assert ws._run_store().state(parent).status == "CancelRequested"


def test_the_parent_is_a_full_run(step, ws, tmp_path):
    parent, child, _ = step()
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a").write_text("a")
    above = Run.get_context().parent
    above.upload_folder("x", str(tmp_path / "x"))
    above.tag("k", 1)
    assert above.get_tags() == {"k": "1"} and above.get_file_names() == ["x/a"]
    assert above.register_model("m", "x").run_id == parent
    assert [run.id for run in above.get_children()] == [child]
    assert above.experiment.workspace.get_run(child).type == "azureml.StepRun"


def test_management_is_refused_inside_a_step(step, ws):
    step()
    with pytest.raises(UnsupportedFeature, match="compute target inside a step"):
        ComputeTarget.create(ws, "cpu", AmlCompute.provisioning_configuration(vm_size="D2"))
    with pytest.raises(UnsupportedFeature, match="inside a step"):
        Experiment(ws, "waves").submit(None)
    with pytest.raises(UnsupportedFeature, match="inside a step"):
        Run.get_context().submit_child(None)


def test_a_broken_run_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MLSTEPS_RUN", str(tmp_path / "none.json"))
    with pytest.raises(RunEnvironmentException, match=r"none.json"):
        Run.get_context()
