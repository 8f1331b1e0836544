from __future__ import annotations

import json

import pytest

from mlsteps.contracts.dataset import dataset_id, file_definition
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.registry import datasets
from tests.registry.processes import together

TRAIN = file_definition("workspaceblobstore", "train-images/**")
OTHER = file_definition("workspaceblobstore", "other/**")


def test_register_and_get(ws):
    made = datasets.register(ws, "train images", TRAIN, description="digits", tags={"a": "1"})
    assert (made["name"], made["version"], made["id"]) == ("train images", 1, dataset_id(TRAIN))
    assert datasets.get(ws, "train images") == made
    assert datasets.get(ws, "train images", 1) == datasets.get(ws, "train images", "1") == made
    assert datasets.get_by_id(ws, made["id"]) == made
    assert datasets.names(ws) == ["train images"]
    assert datasets.get(ws, "nothing") is None
    assert datasets.get(ws, "train images", 7) is None
    with pytest.raises(InvalidInput, match="version 'newest'"):
        datasets.get(ws, "train images", "newest")


def test_the_same_definition_keeps_its_version(ws):
    datasets.register(ws, "d", TRAIN)
    assert datasets.register(ws, "d", dict(reversed(TRAIN.items())))["version"] == 1
    assert datasets.register(ws, "d", TRAIN, create_new_version=True)["version"] == 1
    assert datasets.versions(ws, "d") == [1]


def test_another_definition_needs_create_new_version(ws):
    datasets.register(ws, "d", TRAIN)
    with pytest.raises(UserErrorException, match="create_new_version=True"):
        datasets.register(ws, "d", OTHER)
    assert datasets.versions(ws, "d") == [1]
    assert datasets.register(ws, "d", OTHER, create_new_version=True)["version"] == 2
    assert datasets.register(ws, "d", TRAIN)["version"] == 1, "an earlier version's definition is known"
    assert datasets.register(ws, "d", TRAIN, create_new_version=True)["version"] == 3, "to make it the latest again"


def test_registering_again_lays_tags_over(ws):
    datasets.register(ws, "d", TRAIN, description="first", tags={"a": "1", "b": "2"})
    again = datasets.register(ws, "d", TRAIN, tags={"b": "3"})
    assert (again["description"], again["tags"]) == ("first", {"a": "1", "b": "3"})
    assert datasets.get(ws, "d") == again


def test_version_ten_comes_after_nine(ws):
    for number in range(11):
        datasets.register(ws, "d", file_definition("s", f"{number}"), create_new_version=True)
    assert datasets.get(ws, "d")["version"] == 11


def test_a_saved_dataset_has_an_id_but_no_name(ws):
    id = datasets.save(ws, TRAIN)
    assert datasets.save(ws, TRAIN) == id
    assert datasets.get_by_id(ws, id) == {"id": id, "definition": TRAIN}
    assert datasets.names(ws) == []
    datasets.register(ws, "d", TRAIN)
    assert datasets.get_by_id(ws, id)["version"] == 1
    datasets.save(ws, TRAIN)
    assert datasets.get_by_id(ws, id)["name"] == "d", "saving again does not forget the registration"


def test_update_and_unregister(ws):
    made = datasets.register(ws, "d", TRAIN)
    datasets.update(ws, "d", 1, description="new", tags={"x": "y"})
    assert datasets.get(ws, "d")["tags"] == {"x": "y"}
    with pytest.raises(InvalidInput, match="definition"):
        datasets.update(ws, "d", 1, definition=OTHER)
    with pytest.raises(UserErrorException, match="no version 4"):
        datasets.update(ws, "d", 4, description="")
    datasets.unregister(ws, "d")
    assert datasets.get(ws, "d") is None
    assert datasets.get_by_id(ws, made["id"])["definition"] == TRAIN, "ids that were handed out stay good"


def test_no_definition_is_refused(ws):
    with pytest.raises(InvalidInput, match="no dataset definition"):
        datasets.register(ws, "d", {"paths": []})


def test_outputs_get_a_version_each_time_a_step_ran(ws):
    registration = {"name": "prepared", "description": "d", "tags": {"k": "v"}}
    place = {"uri": "blob/dataset/1/out", "tree": "t1", "run_id": "r1"}
    one = datasets.register_output(ws, registration, TRAIN, place, new_version=True)
    two = datasets.register_output(ws, registration, TRAIN, place, new_version=True)
    assert (one["version"], two["version"]) == (1, 2)
    assert one["output"] == place
    assert one["tags"] == {"k": "v"}


def test_a_reused_output_keeps_the_version_of_its_place_and_content(ws):
    registration = {"name": "prepared"}
    first = {"uri": "blob/1", "tree": "t1", "run_id": "r1"}
    datasets.register_output(ws, registration, TRAIN, first, new_version=True)
    datasets.register_output(ws, registration, OTHER, {**first, "uri": "blob/2"}, new_version=True)
    again = datasets.register_output(ws, registration, TRAIN, {**first, "run_id": "r9"}, new_version=False)
    assert again["version"] == 1
    changed = datasets.register_output(ws, registration, TRAIN, {**first, "tree": "t2"}, new_version=False)
    assert changed["version"] == 3


def test_processes_that_register_at_once_get_different_versions(ws, tmp_path):
    printed = together(
        """
        ws = open_workspace({"root": sys.argv[1]})
        ready()
        made = []
        for turn in range(10):
            definition = {"type": "file", "paths": [{"datastore": "s", "path": f"{number}/{turn}"}]}
            if turn % 2:
                made.append(datasets.register(ws, "d", definition, create_new_version=True)["version"])
            else:
                place = {"uri": f"{number}/{turn}", "tree": "t", "run_id": "r"}
                made.append(datasets.register_output(ws, {"name": "d"}, definition, place, new_version=True)["version"])
        print(json.dumps(made))
        """,
        "from mlsteps.registry import datasets",
        ws.root,
        tmp_path,
        4,
    )
    given = sorted(version for text in printed for version in json.loads(text))
    assert given == list(range(1, 41))
    assert datasets.versions(ws, "d") == given
    paths = {datasets.get(ws, "d", version)["definition"]["paths"][0]["path"] for version in given}
    assert len(paths) == 40, "none was overwritten"


def test_of_processes_that_register_other_definitions_without_new_versions_one_wins(ws, tmp_path):
    printed = together(
        """
        ws = open_workspace({"root": sys.argv[1]})
        ready()
        try:
            datasets.register(ws, "d", {"type": "file", "paths": [{"datastore": "s", "path": str(number)}]})
            print("registered")
        except UserErrorException:
            print("refused")
        """,
        "from mlsteps.registry import datasets\nfrom mlsteps.errors import UserErrorException",
        ws.root,
        tmp_path,
        4,
    )
    assert sorted(printed) == ["refused"] * 3 + ["registered"]
    assert datasets.versions(ws, "d") == [1]
