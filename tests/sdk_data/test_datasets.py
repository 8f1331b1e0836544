"""Datasets over a local workspace: registration, versions, reading files."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

from mlsteps.errors import DatasetValidationError, InvalidInput, UnsupportedFeature, UserErrorException
from mlsteps.sdk.abstract_dataset import AbstractDataset, dataset_of
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.datastore import Datastore
from mlsteps.sdk.file_dataset import FileDataset
from mlsteps.sdk.tabular_dataset import TabularDataset


@pytest.fixture
def store(workspace, folder):
    store = Datastore.get_default(workspace)
    store.upload(str(folder), "data", show_progress=False)
    return store


def read(root: str) -> dict[str, str]:
    base = Path(root)
    return {str(path.relative_to(base)): path.read_text() for path in sorted(base.rglob("*")) if path.is_file()}


def test_making_a_dataset_reads_nothing(workspace, tmp_path):
    store = Datastore.get_default(workspace)
    before = sorted((tmp_path / "home").rglob("*"))
    Dataset.File.from_files((store, "nowhere/**"), validate=True)
    Dataset.Tabular.from_delimited_files("https://no-such-host.invalid/x.csv", validate=True)
    assert sorted((tmp_path / "home").rglob("*")) == before


def test_versions_begin_at_one_and_the_same_definition_is_the_same_version(workspace, store):
    first = Dataset.File.from_files((store, "data/*.csv"))
    assert (first.id, first.name, first.version) == (None, None, None)
    one = first.register(workspace=workspace, name="d", description="text", tags={"a": "b"})
    again = Dataset.File.from_files((store, "data/*.csv")).register(workspace, "d")
    two = Dataset.File.from_files((store, "data/a.csv")).register(workspace, "d", create_new_version=True)
    assert (one.version, again.version, two.version) == (1, 1, 2)
    assert one.id == again.id != two.id
    assert (one.name, one.description, one.tags) == ("d", "text", {"a": "b"})
    with pytest.raises(UserErrorException, match="create_new_version=True"):
        Dataset.File.from_files((store, "data/b.csv")).register(workspace, "d")


def test_registered_datasets_are_found_by_name_version_and_id(workspace, store):
    Dataset.File.from_files((store, "data/*.csv")).register(workspace, "files")
    saved = Dataset.Tabular.from_delimited_files((store, "data/*.csv")).register(workspace, "rows")
    assert type(Dataset.get_by_name(workspace, "files")) is FileDataset
    assert type(Dataset.get_by_name(workspace, name="rows", version=1)) is TabularDataset
    assert Dataset.get_by_id(workspace, id=saved.id)._definition() == saved._definition()
    assert set(Dataset.get_all(workspace)) == set(workspace.datasets) == {"files", "rows"}
    with pytest.raises(UserErrorException, match=r"'none'.*files, rows"):
        Dataset.get_by_name(workspace, "none")
    with pytest.raises(UserErrorException, match=r"no version 7; it has 1"):
        Dataset.get_by_name(workspace, "rows", 7)
    with pytest.raises(UserErrorException, match="no dataset with id"):
        Dataset.get_by_id(workspace, "/tmp/a/path")


def test_an_input_names_what_was_asked_for(workspace, store):
    registered = Dataset.File.from_files((store, "data/*.csv")).register(workspace, "d")
    sources = {
        "registered": registered,
        "latest": Dataset.get_by_name(workspace, "d"),
        "changed": Dataset.get_by_name(workspace, "d").take(1),
    }
    found = {key: data.as_named_input("x")._input_request().source for key, data in sources.items()}
    assert found["registered"] == {"registered": {"name": "d", "version": 1}}
    assert found["latest"] == {"registered": {"name": "d", "version": "latest"}}
    assert found["changed"]["dataset"]["operations"] == [{"op": "take", "count": 1}]


def test_tags_and_descriptions_can_be_changed_and_stay(workspace, store):
    data = Dataset.File.from_files((store, "data/*.csv")).register(workspace, "d", tags={"a": "1"})
    data.add_tags({"b": "2"}).remove_tags(["a"]).update(description="new")
    found = Dataset.get_by_name(workspace, "d")
    assert (found.tags, found.description) == ({"b": "2"}, "new")
    found.unregister_all_versions()
    assert "d" not in workspace.datasets
    with pytest.raises(UserErrorException, match="Register it first"):
        found.add_tags({"c": "3"})


def test_a_dataset_without_files_cannot_be_registered_unless_told_not_to_look(workspace, store):
    empty = Dataset.File.from_files((store, "data/*.parquet"))
    with pytest.raises(DatasetValidationError, match=r"parquet"):
        empty.register(workspace, "d")
    assert "d" not in workspace.datasets
    Dataset.File.from_files((store, "data/*.parquet"), validate=False).register(workspace, "d")
    assert "d" in workspace.datasets


def test_paths_and_downloads(workspace, store, folder, tmp_path):
    data = Dataset.File.from_files(path=[(store, "data/a.csv"), (store, "data/deep er/**")])
    assert sorted(data.to_path()) == ["/a.csv", "/deep er/ü#%.txt"]
    target = str(tmp_path / "target")
    paths = data.download(target)
    assert sorted(paths) == [os.path.join(target, "a.csv"), os.path.join(target, "deep er", "ü#%.txt")]
    assert read(target) == {key: text for key, text in read(str(folder)).items() if key != "b.csv"}
    Path(target, "a.csv").write_text("mine")
    with pytest.raises(UserErrorException, match="overwrite=True"):
        data.download(target)
    assert Path(target, "a.csv").read_text() == "mine"
    data.download(target, overwrite=True)
    assert Path(target, "a.csv").read_text() == "x,y\n1,2\n3,4\n"
    fresh = data.download()
    assert len(fresh) == 2 and not fresh[0].startswith(target)


def test_nothing_to_download_is_an_error_unless_told_otherwise(workspace, store, tmp_path):
    data = Dataset.File.from_files((store, "none/*"), validate=False)
    with pytest.raises(DatasetValidationError):
        data.download(str(tmp_path / "x"))
    assert data.download(str(tmp_path / "x"), ignore_not_found=True) == []


def test_a_mount_is_there_while_it_is_open(workspace, store, folder, tmp_path):
    data = Dataset.File.from_files((store, "data/**"))
    with data.mount() as context:
        place = context.mount_point
        assert read(place) == read(str(folder))
    assert not os.path.exists(place)
    context = data.mount(str(tmp_path / "here"))
    context.start()
    assert context.mount_point == str(tmp_path / "here") and len(os.listdir(context.mount_point)) == 3
    with pytest.raises(UserErrorException, match="mounted already"):
        context.start()
    context.stop()
    assert not (tmp_path / "here").exists()
    assert read(str(folder)) and len(data.to_path()) == 3


def test_a_mount_point_that_was_there_stays_and_must_be_empty(workspace, store, tmp_path):
    data = Dataset.File.from_files((store, "data/**"))
    (tmp_path / "mine").mkdir()
    with data.mount(str(tmp_path / "mine")) as context:
        assert os.listdir(context.mount_point)
    assert list((tmp_path / "mine").iterdir()) == []
    (tmp_path / "mine" / "x").write_text("x")
    with pytest.raises(UserErrorException, match="not empty"):
        data.mount(str(tmp_path / "mine")).start()
    assert (tmp_path / "mine" / "x").read_text() == "x"


def test_one_file_mounts_as_that_file_and_a_folder_of_one_as_a_folder(workspace, store):
    with Dataset.File.from_files((store, "data/a.csv")).mount() as context:
        assert Path(context.mount_point).read_text() == "x,y\n1,2\n3,4\n"
    with Dataset.File.from_files((store, "data/a*")).mount() as context:
        assert os.listdir(context.mount_point) == ["a.csv"]


def test_files_are_taken_skipped_and_split(workspace, store):
    data = Dataset.File.from_files((store, "data/**"))
    assert data.skip(1).take(1).to_path() == data.to_path()[1:2]
    low, high = data.random_split(0.5, seed=1)
    assert sorted(low.to_path() + high.to_path()) == sorted(data.to_path())
    assert data.take_sample(0.0).download(ignore_not_found=True) == []
    for wrong in (lambda: data.take(-1), lambda: data.skip("1"), lambda: data.random_split(1.5)):
        with pytest.raises(InvalidInput):
            wrong()


def test_a_split_without_a_seed_describes_the_same_halves_each_time(workspace, store):
    halves = [Dataset.File.from_files((store, "data/**")).random_split(0.5) for _ in range(2)]
    assert [half._definition() for half in halves[0]] == [half._definition() for half in halves[1]]


def test_upload_directory_makes_a_dataset_of_what_it_uploaded(workspace, folder):
    store = Datastore.get_default(workspace)
    data = Dataset.File.upload_directory(str(folder), (store, "up"), pattern="*.csv", show_progress=False)
    assert sorted(data.to_path()) == ["/a.csv", "/b.csv"]
    with pytest.raises(UserErrorException, match="overwrite=True"):
        Dataset.File.upload_directory(str(folder), (store, "up"), show_progress=False)
    every = Dataset.File.upload_directory(str(folder), (store, "up"), overwrite=True, show_progress=False)
    assert len(every.to_path()) == 3
    with pytest.raises(UserErrorException, match=r"\*\.parquet"):
        Dataset.File.upload_directory(str(folder), (store, "up"), pattern="*.parquet")


def test_partition_keys_and_values_come_from_the_paths(workspace, store, tmp_path):
    root = tmp_path / "parts"
    for year, state in ((2019, "WA"), (2019, "OR"), (2020, "WA")):
        (root / str(year) / state).mkdir(parents=True)
        (root / str(year) / state / "d.csv").write_text("x\n1\n")
    store.upload(str(root), "parts", show_progress=False)
    data = Dataset.File.from_files((store, "parts/**"), partition_format="{year:yyyy}/{state}/d.csv")
    assert data.partition_keys == ["year", "state"]
    assert [row["state"] for row in data.get_partition_key_values(["state"])] == ["OR", "WA"]
    assert len(data.get_partition_key_values()) == 3
    with pytest.raises(InvalidInput, match="town"):
        data.get_partition_key_values(["town"])
    with pytest.raises(InvalidInput, match="brace"):
        Dataset.File.from_files((store, "parts/**"), partition_format="{year/x}{")


def test_data_changed_time_is_that_of_the_newest_file(workspace, store):
    data = Dataset.File.from_files((store, "data/**"))
    before = data.data_changed_time
    place = store._open().local_path("data/a.csv")
    os.utime(place, ns=(2 * 10**18, 2 * 10**18))
    assert before.timestamp() < data.data_changed_time.timestamp() == 2e9


def test_a_web_address_is_a_source(workspace, folder, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *args: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (path,) = Dataset.File.from_files(f"{url}/a.csv").download(str(tmp_path / "web"))
        assert Path(path).read_text() == "x,y\n1,2\n3,4\n"
        frame = Dataset.Tabular.from_delimited_files([f"{url}/a.csv", f"{url}/b.csv"]).to_pandas_dataframe()
        assert frame["x"].tolist() == [1, 3, 5]
    finally:
        server.shutdown()
        server.server_close()


def test_a_path_of_this_machine_is_a_source(folder):
    data = Dataset.File.from_files(str(folder / "*.csv"))
    assert sorted(data.to_path()) == ["/a.csv", "/b.csv"]


def test_the_factories_are_on_every_dataset_class():
    assert AbstractDataset.File is FileDataset.File is Dataset.File
    assert TabularDataset.Tabular is Dataset.Tabular


def test_definitions_become_datasets_again(workspace, store):
    data = Dataset.Tabular.from_json_lines_files((store, "data/x.jsonl"))
    again = dataset_of(data._definition(), workspace)
    assert type(again) is TabularDataset and again._definition() == data._definition()


def test_what_the_sdk_dropped_is_refused_by_name():
    for call in (
        lambda: Dataset.from_delimited_files("x"),
        lambda: Dataset.get("x"),
        lambda: Dataset("definition"),
        lambda: AbstractDataset(),
        lambda: FileDataset(),
    ):
        with pytest.raises((UnsupportedFeature, InvalidInput), match=r"Dataset\."):
            call()
    with pytest.raises(AttributeError):
        Dataset.no_such_name  # noqa: B018


def test_a_dataset_of_no_workspace_says_so(workspace, store):
    data = dataset_of(Dataset.File.from_files((store, "data/**"))._definition())
    with pytest.raises(UserErrorException, match="get_by_name"):
        data.to_path()
