"""What datasets and outputs ask of the graph."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.errors import InvalidInput
from mlsteps.sdk.azure_storage_datastore import AzureBlobDatastore
from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.data_names import FORBIDDEN, checked_name
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.dataset_types import DataType
from mlsteps.sdk.output_config import (
    HDFSOutputDatasetConfig,
    LinkFileOutputDatasetConfig,
    LinkTabularOutputDatasetConfig,
    OutputFileDatasetConfig,
    OutputTabularDatasetConfig,
)
from mlsteps.sdk.parameter import PipelineParameter

STORE = AzureBlobDatastore(None, "blob", "box", "account")


def images() -> Dataset.File:
    return Dataset.File.from_files(path=(STORE, "images/**"))


def table() -> Dataset.Tabular:
    return Dataset.Tabular.from_delimited_files(path=(STORE, "t.csv"))


def test_a_named_input_says_what_it_wants():
    request = images().as_named_input("imgs").as_mount("/tmp/here")._input_request()
    assert request.source == {"dataset": {"type": "file", "paths": [{"datastore": "blob", "path": "images/**"}]}}
    assert request[0] == request.variable == "imgs"
    assert (request.kind, request.mode, request.path_on_compute) == ("file", "mount", "/tmp/here")


def test_a_tabular_input_is_direct_and_cannot_be_mounted():
    request = table().as_named_input("rows")._input_request()
    assert (request.kind, request.mode) == ("tabular", "direct")
    for wrong in (lambda: table().as_named_input("rows").as_mount(), lambda: table().as_download()):
        with pytest.raises(InvalidInput, match="to_pandas_dataframe"):
            wrong()
    with pytest.raises(InvalidInput, match="tabular"):
        DatasetConsumptionConfig("rows", PipelineParameter("p", default_value=table())).as_mount()


def test_modifiers_of_an_input_leave_the_first_one_as_it_was():
    config = images().as_named_input("imgs")
    assert (config.as_download().mode, config.mode) == ("download", "direct")
    config.name = "other"
    assert config.arg_val == str(config) == "DatasetConsumptionConfig:other"


def test_an_unnamed_input_has_the_same_name_each_time_and_lets_the_builder_choose():
    first, second = images().as_mount(), images().as_mount()
    assert first.name == second.name != images().as_download().name
    assert first._input_request().name is None
    assert first._input_request() == second._input_request()


def test_a_dataset_itself_is_no_input_and_the_error_says_how_to_mend_it():
    with pytest.raises(InvalidInput, match=r"as_named_input\('name'\)\.as_mount\(\)"):
        images()._input_request()
    with pytest.raises(InvalidInput, match=r"as_named_input\('name'\)\."):
        table()._input_request()


def test_a_parameter_is_the_source_of_its_input():
    parameter = PipelineParameter("data", default_value=images())
    request = DatasetConsumptionConfig("imgs", parameter).as_download()._input_request()
    assert request.source == {"parameter": parameter}
    assert (request.kind, request.mode) == ("file", "download")
    assert parameter._parameter().type == "dataset"


@pytest.mark.parametrize("name", ["with-dash", "with blank", "", "Path", "HOME", None, 3])
def test_names_that_cannot_be_variables_are_refused(name):
    with pytest.raises(InvalidInput):
        images().as_named_input(name)
    if name is not None:
        with pytest.raises(InvalidInput):
            OutputFileDatasetConfig(name=name)


@given(st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True))
def test_every_name_of_letters_digits_and_underscores_is_allowed_but_the_forbidden(name):
    if name.lower() in FORBIDDEN:
        with pytest.raises(InvalidInput):
            checked_name(name, "x")
    else:
        assert checked_name(name, "x") == name


def test_something_else_is_no_dataset():
    with pytest.raises(InvalidInput, match="a FileDataset"):
        DatasetConsumptionConfig("x", "a path")
    with pytest.raises(InvalidInput, match="'wrong'"):
        DatasetConsumptionConfig("x", images(), mode="wrong")


def test_an_output_describes_its_port():
    output = OutputFileDatasetConfig("preds", destination=(STORE, "/out/{run-id}/{output-name}"), source="here")
    port = output.as_upload(overwrite=True, source_globs=["*.csv"])._output_request().port
    assert (port.name, port.kind, port.variable) == ("preds", "file", "preds")
    assert (port.datastore, port.path) == ("blob", "out/{run-id}/{output-name}")
    assert (port.mode, port.overwrite, port.globs, port.path_on_compute) == ("upload", True, ("*.csv",), "here")
    plain = output._output_request().port
    assert (plain.mode, plain.overwrite, plain.globs) == ("mount", None, ())
    bare = OutputFileDatasetConfig("preds", destination=STORE)._output_request().port
    assert (bare.datastore, bare.path) == ("blob", None)


def test_all_forms_of_an_output_are_one_output():
    output = OutputFileDatasetConfig("preds")
    forms = [
        output.as_mount(),
        output.as_upload(),
        output.register_on_complete("d"),
        output.read_delimited_files(),
        output.read_parquet_files().register_on_complete("e").keep_columns("a"),
    ]
    assert {form._output_request().key for form in forms} == {output._key}
    assert all(form.as_input("x")._input_request().source == {"output": output._key} for form in forms)
    assert OutputFileDatasetConfig("preds")._key is not output._key
    assert output._output_request().port.register is None


def test_registration_goes_with_the_output():
    output = OutputFileDatasetConfig("preds").register_on_complete(name="d", description="text", tags={"a": "b"})
    expected = {"name": "d", "description": "text", "tags": {"a": "b"}}
    assert output._output_request().port.register == expected
    assert output.as_upload().read_delimited_files()._output_request().port.register == expected
    late = OutputFileDatasetConfig("preds").read_delimited_files().register_on_complete("d")
    assert late._output_request().port.register == {"name": "d"}
    with pytest.raises(InvalidInput, match="a dataset name"):
        OutputFileDatasetConfig("preds").register_on_complete("")


def test_a_table_of_an_output_carries_reader_and_operations_to_its_consumer():
    files = OutputFileDatasetConfig("preds", destination=STORE, partition_format="{a}/*.csv").as_upload()
    output = files.read_delimited_files(path_glob="**/*.csv", set_column_types={"a": DataType.to_long()})
    output = output.keep_columns(["a", "b"]).drop_columns("b")
    port = output._output_request().port
    assert (port.kind, port.mode, port.datastore) == ("tabular", "upload", "blob")
    assert port.transform["partition_format"] == "{a}/*.csv"
    assert port.transform["reader"]["path_glob"] == "**/*.csv"
    assert [item["op"] for item in port.transform["operations"]] == ["keep_columns", "drop_columns"]
    request = output.as_input("rows")._input_request()
    assert (request.kind, request.mode, request.transform) == ("tabular", "direct", port.transform)


def test_the_halves_of_a_table_share_its_output():
    output = OutputFileDatasetConfig("preds").read_parquet_files()
    first, second = output.random_split(0.7, seed=3)
    assert (first.name, second.name) == ("preds_1", "preds_2")
    assert first._key is second._key is output._key
    low, high = (half._transform["operations"][0] for half in (first, second))
    assert (low["low"], low["high"], high["low"], high["high"]) == (0.0, 0.7, 0.7, 1.0)
    assert low["seed"] == high["seed"] == 3


def test_the_placeholder_of_an_output_survives_in_a_longer_text():
    output = OutputFileDatasetConfig("preds")
    assert f"--out={output.arg_val}/x" == "--out=DatasetOutputConfig:preds/x"


def test_unnamed_outputs_do_not_share_a_name():
    names = {OutputFileDatasetConfig().name for _ in range(3)}
    assert len(names) == 3
    assert OutputFileDatasetConfig("x").as_input()._input_request().name is None


@pytest.mark.parametrize("path", ["out/{run_id}", "{name}", "out/}"])
def test_an_unknown_placeholder_in_a_destination_is_refused(path):
    with pytest.raises(InvalidInput, match=r"only \{run-id\} and \{output-name\}"):
        OutputFileDatasetConfig("preds", destination=(STORE, path))


def test_other_outputs_have_their_kinds():
    kinds = {
        HDFSOutputDatasetConfig("a", destination=(STORE, "p")): ("hdfs", "hdfs", "hdfs"),
        LinkFileOutputDatasetConfig("b"): ("link_file", "link", "mount"),
        LinkTabularOutputDatasetConfig("c"): ("link_tabular", "link", "direct"),
    }
    for output, (kind, mode, input_mode) in kinds.items():
        port = output._output_request().port
        assert (port.kind, port.mode, output.as_input("x").mode) == (kind, mode, input_mode)
    with pytest.raises(InvalidInput, match="read_delimited_files"):
        OutputTabularDatasetConfig()
