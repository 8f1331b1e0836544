"""Where a compute target's steps run: what may be said, and who is asked."""

from __future__ import annotations

import pytest

from mlsteps.compute.asked import size_of
from mlsteps.compute.choose import choose, placement_of, scheduling
from mlsteps.compute.docker import DockerTarget
from mlsteps.compute.local import LocalTarget
from mlsteps.compute.placement import DockerOptions, LocalOptions, options_of, read_option
from mlsteps.errors import InvalidInput
from mlsteps.registry.placements import delete_placement, list_placements, put_placement
from mlsteps.registry.workspaces import open_workspace


@pytest.fixture
def ws(tmp_path):
    return open_workspace({"root": str(tmp_path / "w"), "name": "w"})


def docker(**options):
    return options_of({"name": "c", "kind": "docker", "options": options})


def test_without_a_word_steps_run_on_the_worker(ws):
    assert placement_of(ws, "cpu-cluster") == {"name": "*", "kind": "local"}
    assert isinstance(choose(ws, "cpu-cluster", {}), LocalTarget)
    assert isinstance(choose(ws, None, {}), LocalTarget)


def test_a_targets_own_placement_comes_before_the_one_for_all(ws):
    put_placement(ws, {"name": "*", "kind": "docker", "options": {"image": "everyone"}})
    put_placement(ws, {"name": "cpu-cluster", "kind": "local"})
    assert isinstance(choose(ws, "CPU-cluster", {}), LocalTarget)  # names are looked up without regard to case
    assert isinstance(choose(ws, "other", {}), DockerTarget)
    assert isinstance(choose(ws, None, {}), DockerTarget)
    assert delete_placement(ws, "*") and not delete_placement(ws, "*")
    assert list(list_placements(ws)) == ["cpu-cluster"]


def test_the_sdk_creates_and_deletes_a_target_without_touching_its_placement(ws, monkeypatch):
    from mlsteps.sdk.amlcompute import AmlCompute
    from mlsteps.sdk.compute import ComputeTarget
    from mlsteps.sdk.workspace import Workspace

    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", ws.root)
    put_placement(ws, {"name": "cpu-cluster", "kind": "docker"})
    sdk = Workspace.get("w")
    made = ComputeTarget.create(sdk, "cpu-cluster", AmlCompute.provisioning_configuration("STANDARD_NC6", max_nodes=2))
    target = choose(ws, "cpu-cluster", {})
    assert isinstance(target, DockerTarget)
    assert target._size.gpus == 1
    made.delete()
    assert placement_of(ws, "cpu-cluster")["kind"] == "docker"


def test_options_get_their_form():
    made = docker(cpus=2, mounts=["/a:/b:ro"], environment={"A": 1}, shared_files=False, image=None)
    assert made == DockerOptions(cpus=2.0, mounts=("/a:/b:ro",), environment={"A": "1"}, shared_files=False)
    assert options_of({"name": "c", "kind": "local"}) == LocalOptions()


@pytest.mark.parametrize(
    "placement, told",
    [
        ({"name": "c", "kind": "dokcer"}, "one of local, docker"),
        ({"name": "c"}, "one of local, docker"),
        ({"name": "c", "kind": "local", "options": {"image": "x"}}, "no option 'image'"),
        ({"name": "c", "kind": "docker", "options": {"imgae": "x"}}, "some of docker_url"),
        ({"name": "c", "kind": "docker", "options": {"cpus": "two"}}, "Expected a number"),
        ({"name": "c", "kind": "docker", "options": {"gpus": True}}, "Expected a whole number"),
        ({"name": "c", "kind": "docker", "options": {"image": ""}}, "Expected a text"),
        ({"name": "c", "kind": "docker", "options": {"pull": "sometimes"}}, "missing, always, never"),
        (
            {"name": "c", "kind": "docker", "options": {"memory": "lots"}},
            "memory is 'lots'. Expected a number",
        ),
        (
            {"name": "c", "kind": "docker", "options": {"shm_size": "4x"}},
            "shm_size is '4x'. Expected a number",
        ),
        ({"name": "c", "kind": "docker", "options": {"cpus": -1}}, "cpus is -1.0. Expected a number above zero"),
        ({"name": "c", "kind": "kubernetes", "options": {"poll_seconds": 0}}, "Expected a number above zero"),
        ({"name": "c", "kind": "docker", "options": {"mounts": ["data"]}}, "/path:/path/in/container"),
        ({"name": "c", "kind": "docker", "options": {"tls_ca_cert": "/x"}}, "tls_client_cert"),
        ({"name": "c", "kind": "docker", "image": "x"}, "says 'image'"),
    ],
)
def test_what_cannot_be_is_refused_with_what_could(placement, told):
    with pytest.raises(InvalidInput, match=told):
        options_of(placement)


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("cpus", "1.5", 1.5),
        ("gpus", "-1", -1),
        ("image", "3.11", "3.11"),
        ("shared_files", "false", False),
        ("mounts", "/a:/b,/c:/d:ro", ["/a:/b", "/c:/d:ro"]),
        ("environment", "A=1,B=x=y", {"A": "1", "B": "x=y"}),
        ("environment", '{"A": "1,2"}', {"A": "1,2"}),
    ],
)
def test_options_of_a_command_line(name, text, value):
    assert read_option("docker", name, text) == value
    docker(**{name: value})


def test_scheduling_asks_nobody_but_a_workspace_on_this_machine(ws, tmp_path):
    put_placement(ws, {"name": "cpu-cluster", "kind": "local", "pool": "cpu", "queue": "q"})
    assert scheduling({"root": ws.root}, ["cpu-cluster", None]) == {
        "cpu-cluster": {"pool": "cpu", "queue": "q"},
        None: {},
    }
    assert scheduling({"root": "s3://nowhere/w"}, ["cpu-cluster"]) == {}
    assert scheduling({"root": str(tmp_path / "none")}, ["cpu-cluster"]) == {}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("text", "size"), [("512m", 512 << 20), ("4g", 4 << 30), ("4Gi", 4 << 30), ("1.5 GiB", 3 << 29), ("7b", 7)]
)
def test_sizes_may_be_written_as_docker_and_kubernetes_write_them(text, size):
    assert size_of(text) == size
