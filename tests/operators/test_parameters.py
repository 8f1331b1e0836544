"""Parameter values as graphs use them, and what is refused."""

from __future__ import annotations

import pytest

from mlsteps.contracts.graph import Parameter
from mlsteps.errors import InvalidInput
from mlsteps.operators.parameters import SUBMISSION, data_path, dataset, refuse_unknown, values


@pytest.mark.parametrize(
    "given",
    [
        {"datastore": "store", "path": "a/b"},
        {"DataStoreName": "store", "RelativePath": "/a/b/"},
        "store/a/b",
        "azureml://datastores/store/paths/a/b",
    ],
)
def test_the_forms_of_a_data_path(given) -> None:
    assert data_path("p", given) == {"datastore": "store", "path": "a/b"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("iris", {"registered": {"name": "iris", "version": "latest"}}),
        ("iris:3", {"registered": {"name": "iris", "version": 3}}),
        ("iris:latest", {"registered": {"name": "iris", "version": "latest"}}),
        ({"type": "file", "paths": []}, {"type": "file", "paths": []}),
    ],
)
def test_the_forms_of_a_dataset(given, found) -> None:
    assert dataset("d", given) == found


@pytest.mark.parametrize("given", ["", None, {}, {"path": "a"}])
def test_data_that_is_none_is_refused_by_name(given) -> None:
    with pytest.raises(InvalidInput, match="'p'"):
        data_path("p", given)


def test_defaults_stand_for_what_is_not_given() -> None:
    parameters = [Parameter("a", "int", 1), Parameter("b", "datapath", {"datastore": "s", "path": "x"})]
    assert values(parameters, {"a": 2}) == {"a": 2, "b": {"datastore": "s", "path": "x"}}


def test_unknown_keys_of_a_trigger_are_all_named() -> None:
    refuse_unknown({"a": 1, SUBMISSION: {}}, ["a", "b"])
    refuse_unknown(None, [])
    with pytest.raises(InvalidInput, match=r"'c', 'd'.*only a, b"):
        refuse_unknown({"d": 1, "c": 1, "a": 1}, ["b", "a"])
