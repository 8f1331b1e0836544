"""Arguments become structure: literals, parameters, inputs and outputs by port, and texts that hold them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.errors import GraphError
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.datapath import DataPath, DataPathComputeBinding
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.output_config import OutputFileDatasetConfig
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.ports import InputPortBinding


@pytest.fixture
def store(workspace):
    return workspace.get_default_datastore()


def node_of(workspace, *steps, name="read"):
    return Pipeline(workspace, list(steps)).graph.step(name)


def test_literals_keep_their_types(workspace, step):
    literals = ["--x", 1, 2.5, True, "", "a b", Path("folder") / "file", float("inf")]
    node = node_of(workspace, step("read", arguments=literals))
    assert node.arguments == ("--x", 1, 2.5, True, "", "a b", "folder/file", "inf")
    assert [type(item) for item in node.arguments[1:4]] == [int, float, bool]


def test_numpy_scalars_are_numbers(workspace, step):
    import numpy

    node = node_of(workspace, step("read", arguments=[numpy.int64(3), numpy.float32(0.5), numpy.bool_(True)]))
    assert node.arguments == (3, 0.5, True)


def test_a_dataset_input_in_arguments_alone_is_an_input_and_in_both_it_is_one(workspace, step, store):
    files = Dataset.File.from_files([(store, "images/")]).as_named_input("images").as_mount()
    alone = node_of(workspace, step("read", arguments=["--in", files]))
    both = node_of(workspace, step("read", arguments=["--in", files], inputs=[files]))
    assert alone.inputs == both.inputs and alone.arguments == both.arguments == ("--in", {"input": "images"})
    assert (alone.inputs[0].kind, alone.inputs[0].mode, alone.inputs[0].variable) == ("file", "mount", "images")


def test_an_equal_input_made_twice_is_one(workspace, step, store):
    def images():
        return Dataset.File.from_files([(store, "images/")]).as_named_input("images").as_mount()

    node = node_of(workspace, step("read", arguments=["--in", images()], inputs=[images()]))
    assert [port.name for port in node.inputs] == ["images"] and node.arguments[1] == {"input": "images"}


def test_an_output_in_arguments_alone_is_an_output_and_modifiers_in_outputs_count(workspace, step):
    out = OutputFileDatasetConfig("out")
    node = node_of(workspace, step("read", arguments=["--out", out]))
    assert [port.name for port in node.outputs] == ["out"] and node.arguments[1] == {"output": "out"}
    out = OutputFileDatasetConfig("out")
    node = node_of(workspace, step("read", arguments=["--out", out], outputs=[out.as_upload()]))
    assert [(port.name, port.mode) for port in node.outputs] == [("out", "upload")]
    assert node.arguments[1] == {"output": "out"}


def test_placeholders_inside_longer_texts_become_references(workspace, step, store):
    out, data = OutputFileDatasetConfig("out"), PipelineData("data")
    files = Dataset.File.from_files([(store, "images/")]).as_named_input("images").as_mount()
    texts = [f"--out={out.arg_val}/model_1.bin", f"{files.arg_val}:{data}", f"{out.arg_val}_suffix"]
    node = node_of(workspace, step("read", inputs=[files], outputs=[out, data], arguments=texts))
    assert node.arguments == (
        {"join": ["--out=", {"output": "out"}, "/model_1.bin"]},
        {"join": [{"input": "images"}, ":", {"output": "data"}]},
        {"join": [{"output": "out"}, "_suffix"]},
    )


def test_an_unnamed_input_keeps_the_name_its_text_has(workspace, step):
    out = OutputFileDatasetConfig("out")
    unnamed = out.as_input()
    write = step("write", arguments=[out])
    node = node_of(workspace, write, step("read", inputs=[unnamed], arguments=[f"--in={unnamed.arg_val}"]))
    assert node.arguments == ({"join": ["--in=", {"input": node.inputs[0].name}]},)


def test_two_unnamed_inputs_over_one_output_get_two_names(workspace, step):
    out = OutputFileDatasetConfig("out")
    write = step("write", arguments=[out])
    ports = node_of(workspace, write, step("read", inputs=[out.as_input(), out.as_input().as_download()])).inputs
    assert len({port.name for port in ports}) == 2 and [port.mode for port in ports] == ["mount", "download"]


def test_pipeline_data_is_found_by_any_of_its_forms(workspace, step):
    data = PipelineData("data", output_name="port")
    write = step("write", outputs=[data], arguments=["--out", data])
    node = node_of(workspace, write, step("read", inputs=[data.as_download("renamed")], arguments=["--in", data]))
    assert node.arguments[1] == {"input": "renamed"}
    assert node.inputs[0].variable == "AZUREML_DATAREFERENCE_renamed"
    writer = node_of(workspace, write, name="write")
    assert writer.arguments[1] == {"output": "port"} and writer.outputs[0].variable == "AZUREML_DATAREFERENCE_data"


def test_an_input_that_shares_a_variable_with_an_output_gives_way(workspace, step, store):
    reference, data = DataReference(store, "data", "place"), PipelineData("data")
    node = node_of(workspace, step("read", inputs=[reference], outputs=[data], arguments=[reference, data]))
    assert node.arguments == ({"input": "INPUTdata"}, {"output": "data"})
    assert node.inputs[0].variable == "AZUREML_DATAREFERENCE_INPUTdata"


def test_parameters_in_arguments_params_and_run_settings(workspace, step):
    seed, nodes = PipelineParameter("seed", 7), PipelineParameter("nodes", 2)
    made = step(
        "read",
        arguments=["--seed", seed],
        params={"SEED": seed, "n": 3},
        runconfig_pipeline_params={"NodeCount": nodes},
    )
    pipeline = Pipeline(workspace, made)
    node = pipeline.graph.steps[0]
    assert node.arguments[1] == {"parameter": "seed"} and node.settings == {"node_count": {"parameter": "nodes"}}
    assert node.parameters == {"SEED": {"parameter": "seed"}, "n": 3}
    assert [item.to_json() for item in pipeline.graph.parameters] == [
        {"name": "seed", "type": "int", "default": 7},
        {"name": "nodes", "type": "int", "default": 2},
    ]


def test_a_datapath_parameter_with_its_binding(workspace, step, store):
    place = PipelineParameter("place", DataPath(store, "a/b"))
    pair = (place, DataPathComputeBinding(mode="download"))
    pipeline = Pipeline(workspace, step("read", inputs=[pair], arguments=["--in", pair, "--again", place]))
    node = pipeline.graph.steps[0]
    assert node.arguments == ("--in", {"input": "place"}, "--again", {"input": "place"})
    assert (node.inputs[0].source, node.inputs[0].mode) == ({"parameter": "place"}, "download")
    assert pipeline.graph.parameters[0].default == {"datastore": "workspaceblobstore", "path": "a/b"}


def test_a_dataset_parameter(workspace, step, store):
    from mlsteps.sdk.consumption import DatasetConsumptionConfig

    table = Dataset.Tabular.from_delimited_files([(store, "t.csv")])
    choice = PipelineParameter("choice", table)
    config = DatasetConsumptionConfig("table", choice)
    pipeline = Pipeline(workspace, step("read", arguments=["--in", config]))
    assert pipeline.graph.steps[0].inputs[0].source == {"parameter": "choice"}
    assert pipeline.graph.parameters[0].type == "dataset"
    assert pipeline.graph.parameters[0].default["paths"] == [{"datastore": "workspaceblobstore", "path": "t.csv"}]


def test_a_binding_renames_and_sets_the_mode(workspace, step, store):
    binding = InputPortBinding("port", DataReference(store, "ref", "x"), "download", path_on_compute="here")
    port = node_of(workspace, step("read", inputs=[binding], arguments=[binding])).inputs[0]
    assert (port.name, port.mode, port.path_on_compute) == ("port", "download", "here")
    assert port.variable == "AZUREML_DATAREFERENCE_port" and port.kind == "reference"


@pytest.mark.parametrize("what", ["reference", "pair", "pipeline data"])
def test_references_in_arguments_alone_are_refused(workspace, step, store, what):
    item = {
        "reference": DataReference(store, "ref", "x"),
        "pair": (PipelineParameter("place", DataPath(store, "a")), DataPathComputeBinding()),
        "pipeline data": PipelineData("data"),
    }[what]
    with pytest.raises(GraphError, match=r"\$\.steps\[0\]\.arguments\[1\].*add it to inputs or outputs"):
        Pipeline(workspace, step("read", arguments=["--in", item]))
