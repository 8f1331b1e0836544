"""Graphs as JSON, against files that say what they shall look like. To change one: delete the file and run the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlsteps.contracts.graph import PipelineGraph
from mlsteps.graph.validate import faults
from mlsteps.sdk.conda import CondaDependencies
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.datapath import DataPath, DataPathComputeBinding
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.environment import Environment
from mlsteps.sdk.output_config import OutputFileDatasetConfig
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.steps.command import CommandStep
from mlsteps.sdk.steps.data_transfer import DataTransferStep
from mlsteps.sdk.steps.parallel_run import ParallelRunConfig, ParallelRunStep
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace

GOLDEN = Path(__file__).parent / "golden"


def compare_models(workspace: Workspace, source: Path) -> Pipeline:
    """Prepare, train two families side by side, compare: data sets, outputs, parameters, one environment."""
    store = workspace.get_default_datastore()
    environment = Environment("training")
    environment.python.conda_dependencies = CondaDependencies.create(
        python_version="3.11", pip_packages=["scikit-learn"], pin_sdk_version=False
    )
    run_config = RunConfiguration()
    run_config.environment = environment
    seed = PipelineParameter("seed", 7)
    images = Dataset.File.from_files([(store, "images/")]).as_named_input("images").as_mount()
    table = Dataset.Tabular.from_delimited_files([(store, "iris.csv")]).as_named_input("iris")
    prepared = OutputFileDatasetConfig("prepared", destination=(store, "prepared/{run-id}")).register_on_complete("p")
    models = {family: PipelineData(f"{family}_model", output_name="model") for family in ("linear", "forest")}
    common = {"source_directory": source, "compute_target": ("cpu", "AmlCompute"), "runconfig": run_config}
    prepare = PythonScriptStep(
        "prepare.py", name="prepare", arguments=["--out", prepared], inputs=[images, table], **common
    )
    train = [
        PythonScriptStep(
            "train.py",
            name="train model ",
            arguments=["--family", family, "--seed", seed, f"--out={models[family]}/model.pkl"],
            inputs=[prepared.as_input("prepared").as_download()],
            outputs=[models[family]],
            **common,
        )
        for family in models
    ]
    compare = PythonScriptStep("train.py", inputs=[*models.values()], arguments=[*models.values()], **common)
    return Pipeline(workspace, [prepare, train, compare], description="Compare models")


def other_steps(workspace: Workspace, source: Path) -> Pipeline:
    """Transfer, command, parallel run: step types with payloads, and a place given by a parameter."""
    store = workspace.get_default_datastore()
    place = (PipelineParameter("place", DataPath(store, "in")), DataPathComputeBinding())
    transfer = DataTransferStep(
        "copy",
        DataReference(store, "here", "from/here"),
        DataReference(store, "there", "to/there"),
        compute_target="mover",
        source_reference_type="directory",
        destination_reference_type="directory",
    )
    listing = OutputFileDatasetConfig("listing")
    command = CommandStep(
        ["ls", "-l", place, "&&", "cp", "-r", transfer.get_output(), listing],
        inputs=[place, transfer.get_output()],
        source_directory=source,
        allow_reuse=False,
    )
    config = ParallelRunConfig(
        Environment("scoring"), "train.py", 5, "append_row", "cpu", 2, mini_batch_size="10", source_directory=source
    )
    score = ParallelRunStep(
        "score", config, [listing.as_input("listing")], output=PipelineData("scores", pipeline_output_name="scores")
    )
    return Pipeline(workspace, [score, command], default_datastore=store)


@pytest.mark.parametrize("make", [compare_models, other_steps], ids=lambda make: make.__name__)
def test_the_graph_is_the_golden_one(
    make: Callable[[Workspace, Path], Pipeline], workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    graph = make(workspace, source).graph
    assert faults(graph, datastores=["workspaceblobstore"]) == []
    text = json.dumps(graph.to_json(), indent=1).replace(str(tmp_path), "TMP")
    golden = GOLDEN / f"{make.__name__}.json"
    if not golden.exists():
        golden.write_text(text + "\n")
        pytest.fail(f"{golden} was not there and has been written: read it, and commit it when it is right")
    assert json.loads(text) == json.loads(golden.read_text())
    assert PipelineGraph.from_json(graph.to_json()).to_json() == graph.to_json()


def test_the_same_script_gives_the_same_graph(workspace: Workspace, source: Path) -> None:
    first, second = (json.dumps(compare_models(workspace, source).graph.to_json()) for _ in range(2))
    assert first == second
