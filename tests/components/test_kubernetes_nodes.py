"""Steps on several nodes: real pods of a Job whose controller is the test's own, as the real cluster has none for it.

:mod:`.indexed_jobs` stands before the real API and adds what Kubernetes documents of indexed Jobs. What a step meets is
real: pods, their output, ``exec``, the Service and its endpoints, eviction, the garbage collector.
"""

from __future__ import annotations

import os
import runpy
import time
import uuid
from pathlib import Path

import pytest

from mlsteps.errors import InvalidInput
from mlsteps.registry.placements import put_placement
from mlsteps.registry.records import get_manifest
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from tests.components.indexed_jobs import IndexedJobs
from tests.components.kubernetes_place import KubernetesPlace, image
from tests.compute.place import Worker
from tests.operators.runs import run
from tests.runner.conftest import steps
from tests.runner.support import writes

__all__ = ["steps"]

PYTORCH = {"kind": "pytorch", "nodes": 3, "per_node": 2, "backend": "Gloo"}
OF_PYTORCH = {"communicator": "Gloo", "node_count": 3, "pytorch": {"process_count": 6}}
TENSORFLOW = {"kind": "tensorflow", "workers": 2, "servers": 1}
OF_TENSORFLOW = {"communicator": "ParameterServer", "tensorflow": {"worker_count": 2, "parameter_server_count": 1}}
EXAMPLE = Path(__file__).parent.parent.parent / "dags_examples" / "several_nodes.py"
STAY = "import os, time; print('up', flush=True); time.sleep(300)"


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


class NodesPlace(KubernetesPlace):
    """Steps on several nodes, in a namespace that has nothing of them afterwards."""

    def __init__(self, steps, cluster, settings=OF_PYTORCH, distribution=PYTORCH, **options) -> None:
        self.cluster, self.settings, self._distribution = cluster, settings, distribution
        super().__init__(steps, config_file=str(cluster.config), **options)

    def spec_of(self, code, *arguments, **more):
        return self.steps.spec(code, *arguments, distribution=self._distribution, **more)

    def run(self, code="pass", *arguments, **more):
        return super().run(code, *arguments, distribution=self._distribution, **more)

    def start(self, code, *arguments, **more):
        return super().start(code, *arguments, distribution=self._distribution, **more)

    def batch(self):
        from kubernetes.client import BatchV1Api

        return BatchV1Api(self.client.api_client)

    def left(self):
        selector = f"test={self.mark}"
        jobs = self.batch().list_namespaced_job("default", label_selector=selector).items
        services = self.client.list_namespaced_service("default", label_selector=selector).items
        return [*super().left(), *(item.metadata.name for item in [*jobs, *services])]

    def gone(self, seconds=60):
        """Whether all of it is, with the time that the garbage collector takes."""
        end = time.monotonic() + seconds
        while self.left() and time.monotonic() < end:
            time.sleep(0.3)
        return self.left() == []

    def close(self):
        for item in self.batch().list_namespaced_job("default", label_selector=f"test={self.mark}").items:
            self.batch().delete_namespaced_job(item.metadata.name, "default", propagation_policy="Background")
        super().close()


@pytest.fixture
def cluster(tmp_path):
    made = IndexedJobs(tmp_path)
    yield made
    made.close()


@pytest.fixture
def place(steps, cluster):
    made = NodesPlace(steps, cluster)
    yield made
    made.close()


def said_by_all(started, text, count, seconds=60):
    """Wait until so many processes have said it."""
    end = time.monotonic() + seconds
    while sum(text in line for line in started.lines) < count:
        assert time.monotonic() < end, started.lines
        time.sleep(0.1)


def test_each_node_is_a_pod_and_all_have_one_result(place):
    code = """
        import os, socket, sys
        from azureml.core import Run
        rank = os.environ["RANK"]
        Run.get_context().log("rank", int(rank))
        for name in (f"part-{rank}", "shared"):
            open(os.path.join(sys.argv[1], name), "w").write("of " + rank)
        names = ("WORLD_SIZE", "NODE_RANK", "LOCAL_RANK", "MASTER_PORT", "AZUREML_NODE_COUNT")
        print(socket.gethostname(), *(os.environ[name] for name in names), flush=True)
        print(os.environ["MASTER_ADDR"], flush=True)
    """
    result = place.run(code, {"output": "out"}, outputs=(writes(),))
    assert (result.status, result.error) == ("Completed", {})
    parts = [f"part-{rank}" for rank in range(6)]
    assert [entry.path for entry in result.outputs["out"].files] == [*parts, "shared"]
    found = {path.name: path.read_text() for path in (place.steps.data / "results/out").iterdir()}
    assert found.pop("shared") in ("of 0", "of 1")  # of the first node's two
    assert found == {f"part-{rank}": f"of {rank}" for rank in range(6)}
    assert get_manifest(place.steps.ws, f"manifests/{place.steps.last}/out.json") == result.outputs["out"]

    (job,) = place.cluster.jobs
    wanted = set()
    for rank in range(6):
        node, local = divmod(rank, 2)
        wanted |= {f"[rank {rank}] {job}-{node} 6 {node} {local} 29500 3", f"[rank {rank}] {job}-0.{job}"}
    assert {line for line in place.steps.lines if job in line} == wanted
    assert sorted(place.steps.runs.state(place.steps.last).metrics["rank"]) == list(range(6))
    logs = place.steps.artifact("user_logs/std_log.txt"), place.steps.artifact("user_logs/std_log_node_2.txt")
    assert "[rank 1]" in logs[0] and "[rank 2]" not in logs[0] and "[rank 5]" in logs[1]
    assert place.gone()


def test_the_service_leads_to_every_node(place):
    started = place.start(STAY)
    said_by_all(started, "up", 6)
    (job,) = place.cluster.jobs
    service = place.client.read_namespaced_service(job, "default")
    assert service.spec.cluster_ip == "None" and service.metadata.owner_references[0].kind == "Job"
    ends = place.client.read_namespaced_endpoints(job, "default").subsets
    assert {item.ip for part in ends for item in part.addresses} == {pod.status.pod_ip for pod in place.pods()}
    assert {pod.spec.subdomain for pod in place.pods()} == {job}
    started.target.stop()
    assert started.ended(90).status == "Canceled"
    assert place.gone()


def test_one_node_that_fails_ends_all(place):
    code = """
        import os, sys, time
        if os.environ["RANK"] == "3":
            print("I fail", flush=True)
            sys.exit(7)
        time.sleep(300)
    """
    result = place.run(code, {"output": "out"}, outputs=(writes(),))
    assert (result.status, result.error["category"], result.exit_code) == ("Failed", "user", 7)
    assert "Node 1 of 3" in result.error["message"] and "lost" not in result.error
    assert "I fail" in result.error["tail"]
    assert not (place.steps.data / "results").exists()
    assert place.gone()


def test_a_node_that_is_taken_away_counts_as_lost(place):
    started = place.start(STAY)
    said_by_all(started, "up", 6)
    pod = max(place.pods(), key=lambda item: item.spec.hostname).metadata
    body = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": "default"}}
    place.client.create_namespaced_pod_eviction(pod.name, "default", body, _preload_content=False)
    result = started.ended(150)
    assert (result.status, result.error["category"], result.error["lost"]) == ("Failed", "infrastructure", True)
    assert place.gone()


def test_servers_are_ended_when_the_workers_are_through(steps, cluster):
    place = NodesPlace(steps, cluster, OF_TENSORFLOW, TENSORFLOW)
    code = """
        import json, os, time
        config = json.loads(os.environ["TF_CONFIG"])
        print(config["task"]["type"], sorted(config["cluster"]), flush=True)
        time.sleep(600 if config["task"]["type"] == "ps" else 3)
    """
    try:
        assert place.run(code).status == "Completed"
        said = sorted(line for line in place.steps.lines if "['ps', 'worker']" in line)
        assert [line.partition("]")[0] for line in said] == ["[ps 0", "[worker 0", "[worker 1"]
        assert place.gone()
    finally:
        place.close()


def test_a_worker_is_killed_and_the_next_one_collects(place):
    """Each script runs once: the Job is found by its labels."""
    code = """
        import os, sys, time
        open(os.path.join(sys.argv[1], "of-" + os.environ["RANK"] + "-" + str(time.time_ns())), "w").close()
        print("up", flush=True)
        time.sleep(12)
    """
    spec = place.spec_of(code, {"output": "out"}, outputs=(writes(),))
    task = uuid.uuid4().hex
    first = Worker(place, spec, task)
    first.said("[rank 0] up")
    first.kill()
    before = {pod.metadata.uid for pod in place.pods()}
    second = Worker(place, place.spec_of(code, {"output": "out"}, outputs=(writes(),)), task)
    found, result = second.ended(120)
    assert found.run_id == spec.run_id and (result.status, result.error) == ("Completed", {})
    written = [entry.path.split("-")[1] for entry in result.outputs["out"].files]
    assert written == [str(rank) for rank in range(6)] and len(before) == 3
    assert len(place.cluster.jobs) == 1 and place.gone()


def test_a_job_of_no_use_is_removed(place):
    """One node of it was ended meanwhile; and a task that has one node again finds none of its pods."""
    task = uuid.uuid4().hex
    worker = Worker(place, place.spec_of(STAY), task)
    worker.said("[rank 0] up")
    worker.kill()
    place.client.delete_namespaced_pod(place.pods()[0].metadata.name, "default", grace_period_seconds=0)
    assert place.target().left_behind(task, "c") is None
    assert place.gone(90)

    worker = Worker(place, place.spec_of(STAY), task)
    worker.said("[rank 0] up")
    worker.kill()
    alone = KubernetesPlace(place.steps, labels={"test": place.mark})
    assert alone.target().left_behind(task, "c") is None
    assert place.gone(90)


def test_a_cluster_that_is_too_old_is_refused_before_anything_is_made(steps):
    """The real one."""
    place = NodesPlace(steps, _Real(os.environ["KUBECONFIG"]))
    told = r"3 nodes, .* 1\.20 .*Expected Kubernetes 1\.24.*nodes=one_pod"
    with pytest.raises(InvalidInput, match=told), place.target().ready():
        pass
    assert place.left() == []


def test_one_pod_for_all_nodes_where_that_is_said(steps):
    place = NodesPlace(steps, _Real(os.environ["KUBECONFIG"]), nodes="one_pod")
    code = "import os; print(os.environ['NODE_RANK'], os.environ['MASTER_ADDR'])"
    try:
        assert place.run(code).status == "Completed"
        assert sorted(place.steps.lines) == [f"[rank {rank}] {rank // 2} 127.0.0.1" for rank in range(6)]
    finally:
        place.close()


class _Real:
    """The cluster as it is."""

    def __init__(self, config) -> None:
        self.config = config


def test_the_example(cluster, tmp_path, monkeypatch, airflow_home):
    """``dags_examples/several_nodes.py``: planned, run and recorded by Airflow's tasks, and reused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", str(tmp_path / "workspace"))
    store = open_workspace({"name": "default", "root": str(tmp_path / "workspace")})
    options = {"image": image(), "limits": "none", "config_file": str(cluster.config)}
    put_placement(store, {"name": "gpu-cluster", "kind": "kubernetes", "options": options})
    done, again = (run(runpy.run_path(str(EXAMPLE), run_name="several_nodes")["dag"]) for _ in range(2))
    assert (done.state, again.state) == ("success", "success") and len(cluster.jobs) == 1
    drawn, added = (
        RunStore(store).state(done.xcoms[step]["return_value"]["step_run_id"]).metrics for step in ("draw", "add_up")
    )
    assert drawn["processes"] == 4 and added["nodes"] == 2 and 3.0 < added["pi"] < 3.3


def test_what_the_cluster_cannot_make_is_told(place):
    """A node of the Job finds no machine: nothing was started."""
    place.close()
    other = NodesPlace(place.steps, place.cluster, node_selector={"pool": "none"}, schedule_seconds=2)
    result = other.run()
    assert (result.status, result.error["category"]) == ("Failed", "infrastructure")
    assert "Node 0: No node was found" in result.error["message"]
    assert other.gone()
