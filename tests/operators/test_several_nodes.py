"""Steps on several nodes whose compute target cannot run them fail their run before anything of it has begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlsteps.compute.choose import of_several_nodes
from mlsteps.compute.placement import KubernetesOptions
from mlsteps.errors import InvalidInput
from mlsteps.registry.placements import put_placement
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.translate import dag
from tests.operators.runs import run

MPI = {"communicator": "OpenMpi", "node_count": 2, "process_count_per_node": 2}
PYTORCH = {"communicator": "Nccl", "node_count": {"parameter": "nodes"}, "pytorch": {"process_count": 6}}


def test_mpi_on_several_pods_is_refused_and_the_alternatives_are_named():
    with pytest.raises(InvalidInput, match="node_count 2, .* each node is a pod.*node_count 1.*PyTorch.*nodes=one_pod"):
        of_several_nodes(KubernetesOptions(), MPI, {})
    assert of_several_nodes(KubernetesOptions(nodes="one_pod"), MPI, {}) == {}
    assert of_several_nodes(KubernetesOptions(), {**MPI, "node_count": 1}, {}) == {}


def test_how_many_nodes_there_are_may_be_a_parameter():
    assert of_several_nodes(KubernetesOptions(), PYTORCH, {"nodes": "3"})["nodes"] == 3
    assert of_several_nodes(KubernetesOptions(), PYTORCH, {"nodes": 1}) == {}
    assert of_several_nodes(KubernetesOptions(), {"node_count": 4}, {}) == {}  # nothing tells the nodes apart


def test_the_plan_refuses_before_another_step_has_run(two, airflow_home):
    graph = two.graph()
    train = replace(graph.steps[1], compute={"name": "pods"}, settings=MPI)
    ws = open_workspace(dict(graph.workspace))
    put_placement(ws, {"name": "pods", "kind": "kubernetes"})
    made = run(dag(replace(graph, steps=(graph.steps[0], train)), "several_nodes"))
    assert (made.state, made.states["plan"]) == ("failed", "failed")
    assert list(two.notes.iterdir()) == []
    error = RunStore(ws).state(pipeline_run_id("several_nodes", made.run_id)).error
    assert error["message"].startswith("Step 'train': MpiConfiguration with node_count 2")
