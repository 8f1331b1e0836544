from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.contracts.arguments import input_path, join, output_path, parameter
from mlsteps.contracts.graph import InputPort, OutputPort, StepNode
from mlsteps.reuse.fingerprint import (
    FINGERPRINT_VERSION,
    Unfingerprintable,
    content_of,
    fingerprint,
    preimage,
)

VECTORS = Path(__file__).with_name("vectors.json")


def node(**changes) -> StepNode:
    base = StepNode(
        id="train",
        name="Train",
        script="train.py",
        arguments=("--data", input_path("data"), "--lr", 0.1, "--out", output_path("model"), parameter("epochs")),
        parameters={"seed": parameter("seed"), "mode": "fast"},
        inputs=(
            InputPort("data", {"step": "prepare", "output": "out"}, kind="file", mode="download"),
            InputPort("labels", {"dataset": {}}, kind="tabular", mode="direct", transform={"type": "tabular"}),
        ),
        outputs=(OutputPort("model", kind="file", path="models/{run-id}"), OutputPort("log")),
        environment="env",
        environment_variables={"OMP_NUM_THREADS": "1"},
        settings={"node_count": 1, "max_run_duration_seconds": 60},
    )
    return replace(base, **changes)


def made(step: StepNode | None = None, **changes):
    known = {
        "snapshot": "5nap",
        "environment": {"pip": ["scikit-learn==1.1"]},
        "inputs": {"data": "tree:1:folder", "labels": "data:2"},
        "parameters": {"epochs": 3, "seed": 7, "unused": "x"},
    }
    return preimage(step or node(), **{**known, **changes})


def print_of(step: StepNode | None = None, **changes) -> str:
    return fingerprint(made(step, **changes))


BASE = print_of()


def renamed(step: StepNode, inputs: dict[str, str], outputs: dict[str, str]) -> StepNode:
    """The step with its ports renamed, in all places."""

    def in_argument(argument):
        if isinstance(argument, dict):
            ((kind, name),) = argument.items()
            if kind == "join":
                return {"join": [in_argument(part) for part in name]}
            return {kind: {"input": inputs, "output": outputs}.get(kind, {}).get(name, name)}
        return argument

    return replace(
        step,
        arguments=tuple(map(in_argument, step.arguments)),
        inputs=tuple(replace(port, name=inputs.get(port.name, port.name)) for port in step.inputs),
        outputs=tuple(replace(port, name=outputs.get(port.name, port.name)) for port in step.outputs),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "other"},
        {"name": "Shown otherwise"},
        {"compute": {"name": "gpu"}},
        {"source_directory": "/elsewhere"},
        {"run_after": ("x",)},
        {"allow_reuse": False},
        {"environment": "another key"},
        {"settings": {"node_count": 1, "max_run_duration_seconds": 9999, "priority": 3}},
        {
            "outputs": (
                OutputPort("model", kind="file", path="models/{run-id}", register={"name": "m"}),
                OutputPort("log"),
            )
        },
        {"outputs": (replace(node().outputs[0], overwrite=True, variable="v"), OutputPort("log", datastore="d"))},
        {"arguments": ("--data", {"input": "data"}, "--lr", 0.1, "--out", {"output": "model"}, 3)},
    ],
    ids=str,
)
def test_what_makes_no_difference(changes):
    assert print_of(node(**changes)) == BASE


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "Command"},
        {"script": "other.py"},
        {"script": None, "command": ("python", "train.py")},
        {"arguments": node().arguments[:-1]},
        {"arguments": ("--data", input_path("labels"), *node().arguments[2:])},
        {"parameters": {"seed": 8, "mode": "fast"}},
        {"parameters": {"Seed": parameter("seed"), "mode": "fast"}},
        {"environment_variables": {"OMP_NUM_THREADS": "2"}},
        {"environment_variables": {}},
        {"settings": {"node_count": 2}},
        {"settings": {"node_count": 1, "framework": "PyTorch"}},
        {"version": "2"},
        {"payload": {"rows": 1}},
        {"inputs": (replace(node().inputs[0], mode="mount"), node().inputs[1])},
        {"inputs": (node().inputs[0], replace(node().inputs[1], transform={"type": "tabular", "x": 1}))},
        {"outputs": (replace(node().outputs[0], kind="tabular"), node().outputs[1])},
        {"outputs": (replace(node().outputs[0], globs=("*.pkl",)), node().outputs[1])},
        {"outputs": (replace(node().outputs[0], path_on_compute="out2"), node().outputs[1])},
        {"outputs": (replace(node().outputs[0], is_directory=False), node().outputs[1])},
        {"outputs": (replace(node().outputs[0], path="results"), node().outputs[1])},
        {"outputs": (*node().outputs, OutputPort("more"))},
    ],
    ids=str,
)
def test_what_makes_a_difference(changes):
    assert print_of(node(**changes)) != BASE


def test_where_a_pipeline_wants_an_output_makes_a_difference():
    places = [("a", "results/{run-id}"), ("a", "other/{run-id}"), ("b", "results/{run-id}"), ("a", ""), ("a", None)]
    ports = [replace(node().outputs[0], datastore=store, path=path) for store, path in places]
    assert len({print_of(node(outputs=(port, node().outputs[1]))) for port in ports}) == len(places)


def test_content_makes_the_difference_not_where_it_comes_from():
    moved = replace(node().inputs[0], source={"datapath": {"datastore": "d", "path": "p"}}, path_on_compute="/tmp/x")
    assert print_of(node(inputs=(moved, node().inputs[1]))) == BASE
    assert print_of(inputs={"data": "tree:9:folder", "labels": "data:2"}) != BASE
    assert print_of(snapshot="other") != BASE
    assert print_of(environment={"pip": ["scikit-learn==1.2"]}) != BASE


def test_parameters_count_by_value_and_only_when_used():
    assert print_of(parameters={"epochs": 3, "seed": 7}) == BASE
    assert print_of(parameters={"epochs": 4, "seed": 7}) != BASE
    assert print_of(parameters={"epochs": "3", "seed": 7}) != BASE


NAMES = st.text("abcxyz_019", min_size=1, max_size=8)


@given(NAMES, NAMES, NAMES, NAMES)
def test_names_of_ports_make_no_difference(data, labels, model, log):
    if data == labels or model == log:
        return
    step = renamed(node(), {"data": data, "labels": labels}, {"model": model, "log": log})
    assert print_of(step, inputs={data: "tree:1:folder", labels: "data:2"}) == BASE


def test_the_order_in_which_inputs_are_listed_makes_no_difference():
    assert print_of(node(inputs=node().inputs[::-1])) == BASE


SCALARS = st.one_of(
    st.text(max_size=6), st.integers(-9, 9), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.lists(SCALARS, max_size=4), st.lists(SCALARS, max_size=4))
def test_arguments_are_told_apart_by_value_type_and_bounds(one, other):
    same = [(type(item), repr(item)) for item in one] == [(type(item), repr(item)) for item in other]
    prints = [print_of(node(arguments=tuple(arguments))) for arguments in (one, other)]
    assert (prints[0] == prints[1]) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a b",), ("a", "b")),
        (("a",), ("a", "")),
        ((1,), ("1",)),
        ((1,), (True,)),
        ((1,), (1.0,)),
        (('{"input":0}',), (input_path("data"),)),
        (("a\0b",), ("a", "b")),
    ],
)
def test_nothing_runs_into_its_neighbour(one, other):
    assert print_of(node(arguments=one)) != print_of(node(arguments=other))


def test_texts_of_parts_count_as_the_text_they_make():
    whole = print_of(node(arguments=("--lr=0.1 3",)))
    assert print_of(node(arguments=(join(["--lr=", 0.1, " ", parameter("epochs")]),))) == whole
    nested = join(["--in=", join([input_path("data"), "/x"]), "/y"])
    flat = join(["--in=", input_path("data"), "/x/y"])
    assert print_of(node(arguments=(nested,))) == print_of(node(arguments=(flat,)))


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_fields_makes_no_difference(order):
    values = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2], "d": "t"}
    shuffled = {name: values[name] for name in order}
    plain = print_of(node(payload=values, settings=values), environment=values)
    assert print_of(node(payload=shuffled, settings=shuffled), environment=shuffled) == plain


def test_references_are_found_in_payloads_and_settings():
    step = node(settings={"node_count": parameter("epochs")}, payload={"source": {"input": "data"}, "input": {"a": 1}})
    kept = made(step)
    assert kept["settings"] == {"node_count": 3}
    assert kept["payload"] == {"source": {"input": 0}, "input": {"a": 1}}


def test_details_hold_names_and_are_no_part():
    kept = made(files={"train.py": "1"}, explanations={"labels": [["a.csv", 1, "t"]]})
    assert fingerprint(kept) == BASE
    assert kept["details"] == {
        "name": "Train",
        "inputs": [["data"], ["labels"]],
        "outputs": ["model", "log"],
        "contents": {"labels": [["a.csv", 1, "t"]]},
        "files": {"train.py": "1"},
    }
    many = {str(number): "1" for number in range(1000)}
    assert "files" not in made(files=many)["details"]


def test_json_and_back_keeps_the_fingerprint():
    assert fingerprint(json.loads(json.dumps(made()))) == BASE


@pytest.mark.parametrize(
    ("changes", "known", "reason"),
    [
        ({}, {"snapshot": None}, "source of 'train.py'"),
        ({}, {"inputs": {"data": "x"}}, "content of input 'labels'"),
        ({}, {"parameters": {"seed": 1}}, "parameter 'epochs' has no value"),
        ({"arguments": (input_path("none"),)}, {}, "input 'none'"),
        ({"arguments": (output_path("none"),)}, {}, "output 'none'"),
        ({"arguments": ({"a": 1, "b": 2},)}, {}, "neither a value nor a reference"),
        ({"arguments": (float("nan"),)}, {}, "arguments is not plain data"),
        ({"settings": {"x": object()}}, {}, "settings is not plain data"),
        ({}, {"environment": {"x": float("inf")}}, "environment is not plain data"),
    ],
)
def test_what_cannot_be_computed_is_said(changes, known, reason):
    with pytest.raises(Unfingerprintable, match=reason):
        print_of(node(**changes), **known)


def test_upstream_content_has_no_place():
    one = content_of("t", False, {"type": "tabular", "paths": [{"path": "run1"}], "reader": {"separator": ","}})
    two = content_of("t", False, {"type": "tabular", "paths": [{"path": "run2"}], "reader": {"separator": ","}})
    assert one == two
    other = content_of("t", False, {"type": "tabular", "paths": [], "reader": {"separator": ";"}})
    assert len({one, other, content_of("t", True), content_of("t", False)}) == 4
    with pytest.raises(Unfingerprintable):
        content_of("", False)


def test_the_content_of_a_dataset_is_its_files_and_how_they_are_read():
    plain = content_of("t", False)
    assert content_of("t", False, {"type": "file", "paths": [{"path": "a"}], "operations": [{"op": "take"}]}) == plain
    table = {"type": "tabular", "paths": [{"path": "a"}], "reader": {"format": "parquet"}}
    moved = {**table, "paths": [{"path": "b"}]}
    assert content_of("t", False, table) == content_of("t", False, moved) != plain
    assert content_of("t", False, {**table, "operations": [{"op": "take", "count": 1}]}) != content_of(
        "t", False, table
    )
    columns = [content_of("t", False, {**item, "partition_format": "{year}/x"}) for item in (table, moved)]
    assert columns[0] != columns[1], "what is in a path becomes a column"


def vectors():
    return json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["what"])
def test_vectors_hold_for_ever(vector):
    """A vector that changes means that every record in every store is lost: raise FINGERPRINT_VERSION instead."""
    kept = preimage(StepNode.from_json(vector["node"]), **vector["given"])
    assert kept == vector["preimage"]
    assert fingerprint(kept) == vector["fingerprint"]


def test_vectors_are_of_this_version():
    assert {vector["preimage"]["format"] for vector in vectors()} == {FINGERPRINT_VERSION}


def test_it_is_the_same_in_another_process():
    code = (
        "import json, sys; from mlsteps.reuse.fingerprint import fingerprint; print(fingerprint(json.load(sys.stdin)))"
    )
    text = json.dumps(made())
    outcome = subprocess.run(
        [sys.executable, "-c", code],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "1"},
    )
    assert outcome.stdout.strip() == BASE


def test_a_transfer_is_what_it_copies_and_where_to_not_what_its_ends_are_called():
    def transfer(source="a", target="b", place="there", **payload):
        return StepNode(
            "t",
            "copy",
            "DataTransfer",
            inputs=(InputPort(source, {"datapath": {"datastore": "s", "path": "x"}}),),
            outputs=(OutputPort(target, datastore="s", path=place),),
            payload={"source": source, "destination": target, **payload},
        )

    def key(node, content="data:1"):
        given = {"snapshot": None, "environment": {}, "parameters": {}}
        return fingerprint(preimage(node, inputs={node.inputs[0].name: content}, **given))

    same = key(transfer())
    assert key(transfer("c", "d")) == same
    others = [
        key(transfer(), "data:2"),
        key(transfer(place="elsewhere")),
        key(transfer(place="")),
        key(transfer(place=None)),
        key(transfer(source_reference_type="file")),
    ]
    assert len({same, *others}) == 6
