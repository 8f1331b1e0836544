"""One output read in two ways by one step is two inputs."""

from __future__ import annotations

from pathlib import Path

from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.output_config import OutputFileDatasetConfig
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace

WORKSPACE = Workspace("subscription", "group", "readings")


def step(folder: Path, **given) -> PythonScriptStep:
    (folder / "work.py").write_text("pass\n")
    return PythonScriptStep("work.py", source_directory=folder, compute_target="cpu", **given)


def inputs_of(reader: PythonScriptStep) -> dict:
    graph = Pipeline(WORKSPACE, [reader])._graph()
    return {port.name: port for port in graph.steps[-1].inputs}


def test_a_file_and_a_table_over_one_output_given_as_arguments_alone(tmp_path: Path) -> None:
    out = OutputFileDatasetConfig("out")
    step(tmp_path, arguments=[out])
    table = out.read_delimited_files().as_input("rows")
    reader = step(tmp_path, name="read", arguments=[out.as_input("files").as_mount(), table])
    ports = inputs_of(reader)
    assert {name: port.kind for name, port in ports.items()} == {"files": "file", "rows": "tabular"}
    assert Pipeline(WORKSPACE, [reader])._graph().steps[-1].arguments == ({"input": "files"}, {"input": "rows"})


def test_two_halves_of_a_split_stay_apart(tmp_path: Path) -> None:
    out = OutputFileDatasetConfig("out")
    step(tmp_path, arguments=[out])
    one, two = out.read_delimited_files().random_split(0.8, seed=1)
    ports = inputs_of(step(tmp_path, name="read", arguments=[one.as_input("train"), two.as_input("test")]))
    assert set(ports) == {"train", "test"}
    assert ports["train"].transform != ports["test"].transform


def test_an_input_that_is_listed_and_an_argument_is_one(tmp_path: Path) -> None:
    out = OutputFileDatasetConfig("out")
    step(tmp_path, arguments=[out])
    reader = step(
        tmp_path, name="read", arguments=[out.as_input("files").as_mount()], inputs=[out.as_input("files").as_mount()]
    )
    assert set(inputs_of(reader)) == {"files"}


def test_the_reader_of_a_promoted_output_is_kept(tmp_path: Path) -> None:
    data = PipelineData("data")
    promoted = data.as_dataset()
    step(tmp_path, arguments=[data], outputs=[promoted])
    rows = DatasetConsumptionConfig("rows", promoted.parse_delimited_files())
    ports = inputs_of(step(tmp_path, name="read", inputs=[rows]))
    assert ports["rows"].kind == "tabular" and ports["rows"].transform["reader"]["format"] == "delimited"
