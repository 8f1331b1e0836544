"""DataReference, DataPath, SqlDataReference: descriptions only, no I/O."""

from __future__ import annotations

import pytest

from mlsteps.errors import InvalidInput, UnsupportedFeature, UserErrorException
from mlsteps.sdk.azure_storage_datastore import AzureBlobDatastore
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.datapath import DataPath, DataPathComputeBinding
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.dataset_paths import inside, places_of
from mlsteps.sdk.datastore import Datastore
from mlsteps.sdk.other_datastores import AzureSqlDatabaseDatastore
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.sql_reference import SqlDataReference
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.stored_procedure import StoredProcedureParameter, StoredProcedureParameterType


@pytest.fixture
def store():
    return AzureBlobDatastore(None, "my-blob.store", "box", "account")


def test_a_reference_asks_for_its_place_and_stands_for_it_in_text(store):
    reference = DataReference(
        datastore=store, data_reference_name="raw", path_on_datastore="/a/b", mode="download", overwrite=True
    )
    request = reference._input_request()
    assert request.source == {"datapath": {"datastore": "my-blob.store", "path": "a/b"}}
    assert (request.name, request.kind, request.mode, request.overwrite) == ("raw", "reference", "download", True)
    assert request.variable == "AZUREML_DATAREFERENCE_raw"
    assert f"--in={reference}" == "--in=$AZUREML_DATAREFERENCE_raw"


def test_an_unnamed_reference_gets_the_same_name_each_time_and_one_that_fits(store):
    assert DataReference(store).data_reference_name == "my_blob_store"
    first, second = store.path("data/x"), store.path("data/x")
    assert first.data_reference_name == second.data_reference_name != store.path("data/y").data_reference_name


def test_modes_give_new_references(store):
    base = store.path("data", "d")
    made = [base.as_download("here", overwrite=True), base.as_upload("there"), base.as_download().as_mount()]
    assert [(item.mode, item.path_on_compute, item.overwrite) for item in made] == [
        ("download", "here", True),
        ("upload", "there", False),
        ("mount", None, False),
    ]
    assert (base.mode, {item.data_reference_name for item in made}) == ("mount", {"d"})
    assert base.path("below").path_on_datastore == "data/below"


def test_wrong_references_are_refused(store):
    with pytest.raises(InvalidInput, match="letters, digits"):
        DataReference(store, "with-dash")
    with pytest.raises(InvalidInput, match="'link'"):
        DataReference(store, mode="link")
    with pytest.raises(InvalidInput, match=r"Datastore\.get"):
        DataReference(None)


def test_datapaths_and_references_turn_into_each_other(store):
    path = DataPath(datastore=store, path_on_datastore="a/b")
    binding = DataPathComputeBinding(mode="download", path_on_compute="x")
    reference = DataReference.create("n", path, binding)
    assert (reference.mode, reference.path_on_compute, reference.path_on_datastore) == ("download", "x", "a/b")
    assert binding.create_data_reference("n", path).data_reference_name == "n"
    assert DataPath.create_from_data_reference(reference).path_on_datastore == "a/b"
    assert DataPathComputeBinding.create_from_data_reference(reference).mode == "download"
    assert (path.datastore_name, path._to_json()) == ("my-blob.store", {"datastore": "my-blob.store", "path": "a/b"})
    with pytest.raises(InvalidInput, match="has no datastore"):
        DataPath(path_on_datastore="a").create_data_reference()


def test_sql_references_name_one_thing_and_no_files():
    sql = AzureSqlDatabaseDatastore(None, "db", "server", "name")
    reference = SqlDataReference(sql, "rows", sql_query="select 1")
    assert reference._input_request().source["dataset"]["sql"] == {"datastore": "db", "query": "select 1"}
    parameter = StoredProcedureParameter("p", 1, StoredProcedureParameterType.Int)
    called = SqlDataReference(sql, sql_stored_procedure="proc", sql_stored_procedure_params=[parameter])
    assert called._sql()["parameters"] == [{"name": "p", "value": 1, "type": "Int"}]
    assert StoredProcedureParameter("q", "v").type is StoredProcedureParameterType.String
    assert StoredProcedureParameterType.from_str("Guid") is StoredProcedureParameterType.Guid
    with pytest.raises(InvalidInput, match="String, Int"):
        StoredProcedureParameterType.from_str("Text")
    with pytest.raises(InvalidInput, match="exactly one"):
        SqlDataReference(sql, sql_table="t", sql_query="q")
    with pytest.raises(UnsupportedFeature, match="DataTransferStep"):
        reference.as_mount()


@pytest.mark.parametrize("seconds", [0, -2, "30", None, True])
def test_a_query_and_its_timeout_are_looked_at_when_they_are_given(seconds):
    sql = AzureSqlDatabaseDatastore(None, "db", "server", "name")
    with pytest.raises(InvalidInput, match="query_timeout is .* a whole number of seconds, above zero"):
        Dataset.Tabular.from_sql_query((sql, "select 1"), query_timeout=seconds)
    with pytest.raises(InvalidInput, match="The query is"):
        Dataset.Tabular.from_sql_query((sql, " "))


def test_every_form_of_path_is_understood(store):
    expected = {"datastore": "my-blob.store", "path": "a/b.csv"}
    for form in ((store, "a/b.csv"), (store, "/a//b.csv/"), DataPath(store, "a/b.csv"), store.path("a/b.csv")):
        assert places_of(form).entries == [expected]
    assert places_of([(store, "x"), (store, "y")]).entries[1]["path"] == "y"
    assert places_of((store, ["x", "y"])).entries[1]["path"] == "y"
    assert places_of((store, None)).entries[0]["path"] == ""
    assert places_of("https://host/a.csv?sig=1").entries == [{"url": "https://host/a.csv?sig=1"}]
    assert places_of("/mnt/data/*.csv").entries == [{"url": "file:///mnt/data/*.csv"}]
    assert places_of(["https://host/a", "https://host/b"]).workspace is None


@pytest.mark.parametrize("path", [[], "relative/file.csv", 3, (1, 2), (None, "x")])
def test_other_forms_are_refused(path):
    with pytest.raises(InvalidInput, match="path of a dataset"):
        places_of(path)


@pytest.mark.parametrize("path", ["..", "a/../../b", "a\\..\\b", "nul\0"])
def test_a_path_cannot_leave_its_datastore(path):
    with pytest.raises(InvalidInput, match="leaves its datastore"):
        inside(path)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hidden-word@host.example/a.csv",
        "https://a.blob.core.windows.net/c/a.csv?sv=2020&sp=r&sig=hidden-word%3D",
        "https://bucket.s3.amazonaws.com/a.csv?X-Amz-Signature=hidden-word",
    ],
)
def test_an_address_that_holds_a_secret_is_kept_nowhere(url, workspace, tmp_path):
    def dataset(**options):
        return Dataset.File.from_files(url, **options)

    def step():
        return PythonScriptStep("s.py", inputs=[dataset().as_named_input("a")], source_directory=str(tmp_path))

    (tmp_path / "s.py").write_text("")
    workspace.get_default_datastore()
    attempts = (
        lambda: dataset(validate=False).register(workspace, "a"),
        lambda: Pipeline(workspace, [step()]),
        lambda: Datastore.register_url(workspace, "web", url),
    )
    for attempt in attempts:
        with pytest.raises(UserErrorException, match="holds a secret") as caught:
            attempt()
        assert "hidden-word" not in str(caught.value)
    assert "user:" in url or "hidden-word" not in repr(dataset())
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept and not any(b"hidden-word" in path.read_bytes() for path in kept)


def test_a_relative_path_is_the_address_of_no_datastore(workspace):
    with pytest.raises(InvalidInput, match="is 'folder/x'. Expected a URL, or an absolute path"):
        Datastore.register_url(workspace, "r", "folder/x")
