from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput, ModelNotFoundException, ModelPathNotFoundException
from mlsteps.registry import models
from mlsteps.registry.runs import RunStore
from tests.registry.processes import together


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "work" / "net"
    (folder / "weights").mkdir(parents=True)
    (folder / "net.json").write_text("{}")
    (folder / "weights" / "w.bin").write_bytes(b"123")
    (tmp_path / "work" / "model.pkl").write_bytes(b"pickle")
    return tmp_path / "work"


def test_a_model_of_one_file_downloads_as_that_file(ws, files, tmp_path):
    made = models.register(ws, "clf", str(files / "model.pkl"), tags={"a": "1"}, description="d")
    assert (made["name"], made["version"], made["id"], made["is_file"]) == ("clf", 1, "clf:1", True)
    assert models.files(ws, "clf", 1) == ["model.pkl"]
    path = models.download(ws, "clf", 1, str(tmp_path / "got"))
    assert path == str(tmp_path / "got" / "model.pkl")
    assert Path(path).read_bytes() == b"pickle"
    with pytest.raises(InvalidInput, match="exist_ok=True"):
        models.download(ws, "clf", 1, str(tmp_path / "got"))
    assert models.download(ws, "clf", 1, str(tmp_path / "got"), exist_ok=True) == path


def test_a_model_of_a_folder_downloads_as_that_folder(ws, files, tmp_path):
    models.register(ws, "net", str(files / "net") + os.sep)
    path = models.download(ws, "net", 1, str(tmp_path / "got"))
    assert path == str(tmp_path / "got" / "net")
    assert sorted(os.listdir(path)) == ["net.json", "weights"]
    assert (tmp_path / "got" / "net" / "weights" / "w.bin").read_bytes() == b"123"


def test_child_paths_take_part_of_a_folder(ws, files):
    made = models.register(ws, "net", str(files / "net"), child_paths=["weights"])
    assert made["files"] == ["net/weights/w.bin"]
    with pytest.raises(InvalidInput, match="no files"):
        models.register(ws, "net", str(files / "net"), child_paths=["none"])
    assert models.versions(ws, "net") == [1]


def test_an_artifact_of_a_run(ws):
    runs = RunStore(ws)
    runs.create("r1", experiment="exp", type="azureml.StepRun")
    runs.artifacts("r1").write("outputs/model.pkl", b"m")
    made = models.register_artifact(ws, "clf", "r1", "outputs/model.pkl")
    assert (made["run_id"], made["experiment"], made["files"]) == ("r1", "exp", ["model.pkl"])
    assert models.register_artifact(ws, "clf", "r1", "outputs")["files"] == ["outputs/model.pkl"]
    assert models.register_artifact(ws, "outputs", "r1")["files"] == ["outputs/model.pkl"], "the name is the path"
    with pytest.raises(
        ModelPathNotFoundException, match=r"outputs/none in the artifacts of run r1.*outputs/model\.pkl"
    ):
        models.register_artifact(ws, "clf", "r1", "outputs/none")
    with pytest.raises(InvalidInput, match="leaves"):
        models.register_artifact(ws, "clf", "r1", "../../../workspace.json")


def test_a_path_that_is_not_there(ws, files):
    with pytest.raises(ModelPathNotFoundException, match="does not exist"):
        models.register(ws, "clf", str(files / "none"))
    assert models.names(ws) == []


def test_get_gives_the_latest_that_fits(ws, files):
    for number in range(11):
        models.register(ws, "clf", str(files / "model.pkl"), tags={"n": str(number)}, run_id=f"r{number % 2}")
    assert models.get(ws, "clf")["version"] == 11
    assert models.get(ws, "clf", version="3")["version"] == 3
    assert models.get(ws, id="clf:4")["version"] == 4
    assert models.get(ws, "clf", run_id="r1")["version"] == 10
    assert models.get(ws, "clf", tags=[["n", "2"]])["version"] == 3
    with pytest.raises(ModelNotFoundException, match=r"no model 'clf' with version=99.*It has: clf"):
        models.get(ws, "clf", version=99)
    with pytest.raises(ModelNotFoundException, match="no model 'other'"):
        models.get(ws, "other")
    with pytest.raises(InvalidInput, match="Neither"):
        models.get(ws)


def test_list_filters(ws, files):
    path = str(files / "model.pkl")
    models.register(
        ws, "a", path, tags={"area": "x"}, model_framework="SciKitLearn", datasets=[("train", {"id": "d1"})]
    )
    models.register(ws, "a", path, tags={"area": "y"}, properties={"acc": "0.9"})
    models.register(ws, "b", path, tags={"area": "x", "k": "v"}, datasets=[["test", "d1"]])

    def ids(**filters):
        return [model["id"] for model in models.list_models(ws, **filters)]

    assert ids() == ["b:1", "a:2", "a:1"]
    assert ids(name="a") == ["a:2", "a:1"]
    assert ids(latest=True) == ["b:1", "a:2"]
    assert ids(tags=["area"], latest=True) == ["b:1", "a:2"]
    assert ids(tags=[["area", "x"]]) == ["b:1", "a:1"]
    assert ids(tags=[["area", "x"], "k"]) == ["b:1"]
    assert ids(properties=[("acc", 0.9)]) == ["a:2"]
    assert ids(model_framework="SciKitLearn") == ["a:1"]
    assert ids(dataset_id="d1") == ["b:1", "a:1"]
    assert ids(name="none", latest=True) == []


def test_update_and_delete(ws, files):
    models.register(ws, "clf", str(files / "model.pkl"))
    models.update(ws, "clf", 1, tags={"t": "1"}, description="new")
    assert models.get(ws, "clf")["tags"] == {"t": "1"}
    with pytest.raises(InvalidInput, match="path cannot be changed"):
        models.update(ws, "clf", 1, path="x")
    models.delete(ws, "clf", 1)
    assert models.versions(ws, "clf") == []
    assert list(ws.store.list("models/clf/1/files")) == []
    assert models.register(ws, "clf", str(files / "model.pkl"))["version"] == 2, "a number is never given twice"


def test_a_claim_without_a_document_is_no_model(ws, files):
    ws.create_json("models/clf/1/claim.json", {})
    assert models.list_models(ws, "clf") == []
    assert models.register(ws, "clf", str(files / "model.pkl"))["version"] == 2
    assert models.versions(ws, "clf") == [2]


def test_processes_that_register_at_once_get_different_versions_with_their_own_files(ws, tmp_path):
    printed = together(
        """
        ws = open_workspace({"root": sys.argv[1]})
        path = sys.argv[2] + f".model{number}"
        with open(path, "w") as file:
            file.write(str(number))
        ready()
        print(json.dumps([models.register(ws, "m", path)["version"] for turn in range(4)]))
        """,
        "from mlsteps.registry import models",
        ws.root,
        tmp_path,
        3,
    )
    given = {version: number for number, text in enumerate(printed) for version in json.loads(text)}
    assert sorted(given) == list(range(1, 13))
    for version, number in given.items():
        path = models.download(ws, "m", version, str(tmp_path / str(version)))
        assert Path(path).read_text() == str(number)
