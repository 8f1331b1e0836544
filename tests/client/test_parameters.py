"""Values of pipeline parameters, checked when a run is submitted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.client.parameters import assignments, check_places
from mlsteps.contracts.graph import Parameter
from mlsteps.errors import InvalidInput, UserErrorException
from mlsteps.registry.workspaces import open_workspace
from mlsteps.sdk.datapath import DataPath

PARAMETERS = (
    Parameter("epochs", "int", 3),
    Parameter("rate", "float", 0.1),
    Parameter("shuffle", "bool", True),
    Parameter("label", "string", "x"),
    Parameter("place", "datapath", {"datastore": "workspaceblobstore", "path": "a"}),
    Parameter("table", "dataset", {"registered": {"name": "iris", "version": "latest"}}),
)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("epochs", 5, 5),
        ("epochs", "5", 5),
        ("epochs", 5.0, 5),
        ("rate", 1, 1.0),
        ("rate", "1e-3", 0.001),
        ("shuffle", False, False),
        ("shuffle", "False", False),
        ("label", 7, "7"),
        ("place", "workspaceblobstore/b/c", {"datastore": "workspaceblobstore", "path": "b/c"}),
        ("table", "iris:2", {"registered": {"name": "iris", "version": 2}}),
    ],
)
def test_a_value_takes_its_parameters_type(name: str, given: object, expected: object) -> None:
    found = assignments(PARAMETERS, {name: given})[name]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "given"),
    [("epochs", "many"), ("epochs", 1.5), ("epochs", True), ("rate", "high"), ("rate", False), ("shuffle", "perhaps")],
)
def test_a_wrong_type_is_named_with_the_parameter(name: str, given: object) -> None:
    with pytest.raises(InvalidInput, match=f"'{name}' is given {given!r}.*as its default"):
        assignments(PARAMETERS, {name: given})


def test_what_the_pipeline_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"'epoch'.*does not have.*'epochs'"):
        assignments(PARAMETERS, {"epoch": 5})
    with pytest.raises(InvalidInput, match="it has no PipelineParameter"):
        assignments((), {"epoch": 5})


def test_a_parameter_without_default_needs_a_value() -> None:
    needed = (Parameter("key", "string", required=True),)
    with pytest.raises(InvalidInput, match="'key' has no default"):
        assignments(needed, None)
    assert assignments(needed, {"key": "k"}) == {"key": "k"}


def test_a_data_path_object_is_its_place() -> None:
    class Store:
        name = "workspaceblobstore"

    found = assignments(PARAMETERS, {"place": DataPath(Store(), "b")})
    assert found == {"place": {"datastore": "workspaceblobstore", "path": "b"}}


def test_places_must_exist(tmp_path) -> None:
    ws = open_workspace({"name": "w", "root": str(tmp_path)})
    check_places(PARAMETERS, assignments(PARAMETERS, {"place": "workspaceblobstore/b"}), ws)
    with pytest.raises(UserErrorException, match=r"'nowhere'.*workspaceblobstore"):
        check_places(PARAMETERS, assignments(PARAMETERS, {"place": "nowhere/b"}), ws)
    with pytest.raises(InvalidInput, match=r"'table' is the dataset 'iris'.*it has none"):
        check_places(PARAMETERS, assignments(PARAMETERS, {"table": "iris"}), ws)


@given(st.integers())
def test_any_integer_may_come_as_text(number: int) -> None:
    assert assignments(PARAMETERS, {"epochs": str(number)}) == {"epochs": number}
