"""PipelineData, its dataset forms, bindings, parameters: what may be said, and what comes of it."""

from __future__ import annotations

import pytest

from mlsteps.errors import InvalidInput
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline_data import PipelineData, TrainingOutput
from mlsteps.sdk.ports import InputPortBinding, InputPortDef, OutputPortBinding, OutputPortDef


@pytest.mark.parametrize("name", ["", "a b", "a-b", "a.b", "ä", None, 3, "a/b", "a\n"])
def test_names_of_data_and_ports_have_letters_digits_and_underscores(name):
    for make in (PipelineData, InputPortBinding, OutputPortBinding, InputPortDef, OutputPortDef):
        with pytest.raises(ValueError, match="letters, digits and underscores"):
            make(name)
    if name:
        with pytest.raises(InvalidInput):
            PipelineData("fine", output_name=name)


def test_modes_are_checked():
    with pytest.raises(InvalidInput, match="'mount' or 'upload'"):
        PipelineData("x", output_mode="download")
    with pytest.raises(InvalidInput, match="one of"):
        InputPortBinding("x", PipelineData("y"), "copy")


def test_pipeline_data_says_its_variable_and_types():
    data = PipelineData("x", output_name="y")
    assert str(data) == data.get_env_variable_name() == "$AZUREML_DATAREFERENCE_x"
    assert (PipelineData("x", is_directory=True).data_type, data.data_type) == ("AnyDirectory", "AnyFile")
    port = PipelineData("x", "store", "y", "upload", "out", True, None, False, "z")._output_request().port
    assert (port.name, port.datastore, port.mode, port.path_on_compute, port.overwrite) == (
        "y",
        "store",
        "upload",
        "out",
        True,
    )
    assert (port.is_directory, port.pipeline_output_name) == (False, "z")


def test_dataset_forms_are_new_objects():
    dataset = PipelineData("x").as_dataset()
    named = dataset.as_named_input("n").as_download("/data")
    assert dataset._input_request().mode == "direct" and dataset.input_name == "x"
    request = named._input_request()
    assert (request.name, request.mode, request.path_on_compute, request.kind) == ("n", "download", "/data", "file")
    assert dataset._output_request().port.register is None
    registered = dataset.register("kept")._output_request().port.register
    assert registered == {"name": "kept", "create_new_version": True}


def test_parsed_forms_carry_reader_and_operations():
    table = PipelineData("x").as_dataset().as_named_input("t").parse_delimited_files("p", separator="\t")
    kept = table.keep_columns("a").drop_columns(["b"])
    transform = kept._input_request().transform
    assert transform["type"] == "tabular" and transform["include_path"] is True
    assert transform["reader"]["separator"] == "\t" and transform["reader"]["path_glob"] == "**/*.tsv"
    assert [operation["op"] for operation in transform["operations"]] == ["keep_columns", "drop_columns"]
    assert "operations" not in table._input_request().transform
    first, second = table.random_split(0.25, seed=1)
    assert (first.input_name, second.input_name) == ("t_1", "t_2")
    halves = [half._input_request().transform["operations"][0] for half in (first, second)]
    assert [(half["low"], half["high"]) for half in halves] == [(0.0, 0.25), (0.25, 1.0)]
    everything = PipelineData("x").as_dataset().parse_parquet_files(file_extension=None)
    assert "path_glob" not in everything._input_request().transform["reader"]


def test_training_outputs():
    assert TrainingOutput("Model", model_file="m.pkl")._document() == {"type": "Model", "model_file": "m.pkl"}
    for wrong in (
        {"type": "Other"},
        {"type": "Metrics", "metric": "m"},
        {"type": "Model", "metric": "m", "iteration": 1},
    ):
        with pytest.raises(InvalidInput):
            TrainingOutput(**wrong)


@pytest.mark.parametrize(
    ("default", "type_"),
    [("a", "string"), (" ", "string"), (1, "int"), (True, "bool"), (0.5, "float"), (None, "string")],
)
def test_parameter_types(default, type_):
    parameter = PipelineParameter("p", default)._parameter()
    assert (parameter.type, parameter.default, parameter.required) == (type_, default, default is None)


@pytest.mark.parametrize("default", [[1], {"a": 1}, object(), (1, 2)])
def test_parameters_of_other_types_say_json(default):
    with pytest.raises(InvalidInput, match=r"json\.dumps"):
        PipelineParameter("p", default)
    with pytest.raises(InvalidInput):
        PipelineParameter(" ", 1)
