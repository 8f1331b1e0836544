from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.errors import (
    ModelNotFoundException,
    ModelPathNotFoundException,
    UnsupportedFeature,
    UserErrorException,
    WebserviceException,
)
from mlsteps.registry import datasets
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.model import Model
from mlsteps.sdk.workspace import Workspace


@pytest.fixture
def pickle_file():
    Path("model.pkl").write_text("one")
    return "model.pkl"


def test_versions_and_latest(ws, pickle_file):
    first = Model.register(workspace=ws, model_path=pickle_file, model_name="m", tags={"a": 1}, description="d")
    second = Model.register(ws, pickle_file, "m", properties={"p": 2})
    assert (first.version, second.version, second.id) == (1, 2, "m:2")
    assert Model(ws, "m").version == 2 and Model(ws, name="m", version=1).tags == {"a": "1"}
    assert Model(ws, id="m:1").description == "d" and Model(ws, "m", tags=["a"]).version == 1
    assert [m.version for m in Model.list(ws, name="m")] == [2, 1]
    assert [m.version for m in Model.list(ws, latest=True)] == [2]
    assert [m.version for m in Model.list(ws, "m", tags=[["a", "1"]])] == [1]
    assert Model.deserialize(ws, first.serialize()).id == "m:1"


def test_no_model_is_a_webservice_exception_and_an_empty_list(ws):
    for kind in (WebserviceException, ModelNotFoundException):
        with pytest.raises(kind, match="ModelNotFound") as caught:
            Model(ws, "none")
    assert caught.value.status_code == 404
    assert Model.list(ws, name="none", latest=True) == [] and ws.models == {}
    with pytest.raises(ModelPathNotFoundException, match="nope"):
        Model.register(ws, "nope", "m")


def test_download_gives_a_file_or_a_folder(ws, pickle_file, tmp_path):
    file = Model.register(ws, pickle_file, "file").download(str(tmp_path / "d"))
    assert Path(file).read_text() == "one"
    with pytest.raises(WebserviceException, match="exist_ok"):
        Model(ws, "file").download(str(tmp_path / "d"))
    assert Model(ws, "file").download(str(tmp_path / "d"), exist_ok=True) == file
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("a")
    folder = Model.register(ws, str(tmp_path / "folder"), "folder").download(str(tmp_path / "d"))
    assert (Path(folder) / "a").read_text() == "a"


def test_get_model_path(step, ws, pickle_file):
    Model.register(ws, pickle_file, "m")
    Path("model.pkl").write_text("two")
    Model.register(ws, pickle_file, "m")
    step()
    assert Path(Model.get_model_path("m")).read_text() == "two"
    assert Path(Model.get_model_path("m", version=1)).read_text() == "one"
    assert Path(Model.get_model_path("m", _workspace=ws)) == Path("azureml-models/m/2/model.pkl")
    with pytest.raises(ModelNotFoundException, match="none"):
        Model.get_model_path("none")
    assert Model.get_model_path("model.pkl") == "model.pkl"


def test_the_cache_is_not_taken_for_another_workspaces_model(ws, pickle_file):
    Model.register(ws, pickle_file, "m")
    assert Path(Model.get_model_path("m", _workspace=ws)).read_text() == "one"
    other = Workspace("s", "g", "other")
    Path("model.pkl").write_text("other's")
    Model.register(other, pickle_file, "m")
    assert Path(Model.get_model_path("m", _workspace=other)).read_text() == "other's"


def test_a_model_somebody_put_into_the_cache(ws):
    place = Path("azureml-models/hand/3")
    place.mkdir(parents=True)
    (place / "w.bin").write_text("w")
    assert Path(Model.get_model_path("hand", _workspace=ws)) == place / "w.bin"


def test_changes(ws, pickle_file):
    model = Model.register(ws, pickle_file, "m", tags={"a": 1, "b": 2}, properties={"p": 1})
    model.add_tags({"c": 3})
    model.remove_tags(["a"])
    model.add_properties({"q": 1})
    model.update(description="new")
    again = Model(ws, "m")
    assert again.tags == model.tags == {"b": "2", "c": "3"} and again.properties == {"p": "1", "q": "1"}
    assert again.description == "new"
    with pytest.raises(UserErrorException, match="do not change"):
        model.add_properties({"p": 2})
    model.delete()
    with pytest.raises(WebserviceException):
        Model(ws, "m")


def test_datasets_by_scenario(ws, pickle_file):
    definition = {"type": "file", "paths": [{"datastore": "workspaceblobstore", "path": "x"}]}
    dataset = Dataset.get_by_id(ws, datasets.save(ws._store(), definition))
    model = Model.register(ws, pickle_file, "m", datasets=[("training", dataset)])
    assert [item.id for item in Model(ws, "m").datasets["training"]] == [dataset.id]
    assert [item.version for item in Model.list(ws, dataset_id=dataset.id)] == [model.version]


def test_deployment_is_refused_by_name(ws):
    with pytest.raises(UnsupportedFeature, match=r"Model\.deploy"):
        Model.deploy(ws, "s", [])
