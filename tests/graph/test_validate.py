"""Checks of a graph as plain data, such as one read from a file."""

from __future__ import annotations

import pytest

from mlsteps.contracts.graph import InputPort, OutputPort, Parameter, PipelineGraph, StepNode
from mlsteps.graph.validate import RESERVED_NAMES, faults

WHOLE = PipelineGraph(
    steps=(
        StepNode(id="a", name="a", outputs=(OutputPort("out"),), arguments=({"output": "out"},)),
        StepNode(id="b", name="b", inputs=(InputPort("in", {"step": "a", "output": "out"}),), run_after=("a",)),
    ),
    parameters=(Parameter("p", "int", 1),),
)


def paths(*steps: StepNode, **graph: object) -> list[str]:
    whole = PipelineGraph(steps=steps, **graph)  # type: ignore[arg-type]
    assert [str(f) for f in faults(PipelineGraph.from_json(whole.to_json()))] == [str(f) for f in faults(whole)]
    return [fault.path for fault in faults(whole)]


def node(**fields: object) -> StepNode:
    return StepNode(**{"id": "a", "name": "a", **fields})  # type: ignore[arg-type]


def test_a_whole_graph_has_no_faults():
    assert faults(WHOLE) == [] == faults(WHOLE, datastores=[])


def test_ids():
    assert paths(node(), node()) == ["$.steps[1].id"]
    assert paths(node(id="a b")) == ["$.steps[0].id"] == paths(node(id=""))


def test_references_to_what_is_not_there():
    bad = node(
        inputs=(InputPort("x", {"step": "gone", "output": "o"}), InputPort("y", {"parameter": "q"})),
        run_after=("gone",),
        environment="gone",
        arguments=("--x", {"input": "z"}, {"join": ["a", {"parameter": "q"}]}),
    )
    assert paths(bad) == [
        "$.steps[0].inputs[0].source",
        "$.steps[0].inputs[1].source",
        "$.steps[0].run_after[0]",
        "$.steps[0].environment",
        "$.steps[0].arguments[1]",
        "$.steps[0].arguments[2]",
    ]


def test_a_cycle_in_a_graph():
    first = node(id="a", run_after=("b",))
    assert paths(first, node(id="b", run_after=("a",)), node(id="c")) == ["$.steps"]


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES) + ["PATH", "Home"])
def test_dataset_names_that_would_break_the_process(name):
    assert paths(node(inputs=(InputPort(name, {"dataset": {}}, kind="file"),))) == ["$.steps[0].inputs[0].name"]
    assert paths(node(outputs=(OutputPort(name, kind="file"),))) == ["$.steps[0].outputs[0].name"]
    assert paths(node(outputs=(OutputPort(name),))) == []


@pytest.mark.parametrize(
    ("path", "is_fine"),
    [
        ("/outputdataset/{run-id}", True),
        ("a/{run-id}/{output-name}", True),
        ("", True),
        ("a/{date}", False),
        ("../a", False),
        ("a/../../b", False),
        ("C:/a", False),
        ("/../a", False),
    ],
)
def test_destinations(path, is_fine):
    found = paths(node(outputs=(OutputPort("o", kind="file", path=path),)))
    assert found == ([] if is_fine else ["$.steps[0].outputs[0].path"])


def test_places_of_datasets_and_datapaths():
    up = {"datastore": "s", "path": "../x"}
    bad = node(inputs=(InputPort("x", {"datapath": up}), InputPort("y", {"dataset": {"type": "file", "paths": [up]}})))
    assert paths(bad) == ["$.steps[0].inputs[0].source", "$.steps[0].inputs[1].source"]
    whole = PipelineGraph(steps=(bad,))
    assert sum("no datastore 's'" in fault.what for fault in faults(whole, datastores=["t"])) == 2
    assert sum("no datastore" in fault.what for fault in faults(whole, datastores=["S"])) == 0  # names ignore case
    parameter = Parameter("p", "datapath", up)
    assert paths(node(), parameters=(parameter,)) == ["$.parameters[0].default"]


def test_pipeline_output_names_are_unique():
    ports = tuple(OutputPort(name, pipeline_output_name="same") for name in ("x", "y"))
    assert paths(node(outputs=ports)) == ["$.steps[0].outputs[1]"]


def test_secrets_wherever_they_stand():
    key = "AccountKey=" + "q" * 40
    bad = node(
        arguments=("--x", {"join": ["a", key]}),
        parameters={"KEY": key},
        environment_variables={"KEY": key},
        payload={"new_cluster": {"spark_conf": [{"key": key}]}},
    )
    assert paths(bad, parameters=(Parameter("p", "string", key),)) == [
        "$.parameters[0].default",
        "$.steps[0].arguments[1]",
        "$.steps[0].parameters.KEY",
        "$.steps[0].environment_variables.KEY",
        "$.steps[0].payload.new_cluster.spark_conf[0].key",
    ]


def test_data_by_its_url_is_for_spark():
    ports = {
        "inputs": (InputPort("in", {"dataset": {"paths": [{"datastore": "d", "path": "p"}]}}, mode="hdfs"),),
        "outputs": (OutputPort("out", kind="hdfs", mode="hdfs"),),
    }
    assert paths(node(**ports)) == ["$.steps[0].inputs[0].mode", "$.steps[0].outputs[0].mode"]
    assert "as_hdfs()" in str(faults(PipelineGraph(steps=(node(**ports),)))[0])
    assert paths(node(type="SynapseSpark", **ports)) == []
