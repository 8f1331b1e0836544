"""The documents that the cluster is sent, whole: ``MLSTEPS_GOLDEN=1`` writes them anew after a change that is meant."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest

from mlsteps.compute import keeper
from mlsteps.compute.asked import asked_for
from mlsteps.compute.kubernetes_pod import Asked, label, pod, resources
from mlsteps.compute.placement import KubernetesOptions, options_of
from mlsteps.compute.vm_sizes import resources as of_size
from mlsteps.contracts.spec import StepSpec
from mlsteps.errors import InvalidInput

FOLDER = Path(__file__).parent / "pods"
SPEC = StepSpec(
    run_id="11111111-2222-3333-4444-555555555555",
    pipeline_run_id="66666666-7777-8888-9999-000000000000",
    experiment="größe",
    step_name="Train & compare (ü)",
    workspace={"name": "w", "root": "abfs://w"},
    argv=({"python": ""}, "train.py"),
    interpreter="python",
    work_directory="/home/u/work",
    environment_variables={"OWN": "value"},
)
OPTIONS = {
    "plain": {},
    "everything": {
        "namespace": "ml",
        "image_pull_secrets": ["registry"],
        "pull": "always",
        "user": "1234:99",
        "service_account": "trainer",
        "node_selector": {"agentpool": "gpu"},
        "tolerations": [{"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "priority_class": "batch",
        "cpus": 1.5,
        "memory": "4g",
        "gpus": 2,
        "gpu_resource": "amd.com/gpu",
        "shm_size": "2g",
        "environment": {"A": "1"},
        "volumes": ["models:/models:ro", "scratch:/scratch"],
        "secrets": ["TOKEN=hub/token", "/run/keys=keys"],
        "labels": {"team": "ml"},
        "annotations": {"note": "it's ours"},
        "kept_seconds": 60,
    },
    "as_the_image_says": {"user": "image", "limits": "none"},
}
ROOTS = {"plain": ("/home/u/.mlsteps/workspaces/w",)}


def made(name):
    asked = Asked(
        SPEC,
        "registry.example.com/mlsteps-env:abc",
        "/opt/mlsteps/env/bin/python",
        of_size("STANDARD_NC6"),
        {"shm_size": "1g", "arguments": ["--env", "B=2"]} if name == "plain" else {},
        ROOTS.get(name, ()),
        {"mlsteps/task": "t", "mlsteps/content": "c"},
    )
    options = options_of({"name": "c", "kind": "kubernetes", "options": OPTIONS[name]})
    document = pod(options, asked, "mlsteps-train-1", options.namespace)
    command = document["spec"]["containers"][0]["command"]
    assert command[4] == Path(keeper.__file__).read_text(encoding="utf-8")
    command[4] = "(the text of keeper.py)"
    return document


@pytest.mark.parametrize("name", OPTIONS)
def test_the_pod(name, monkeypatch):
    for variable in ("MLSTEPS_KILL_GRACE", "MLSTEPS_KEEP_WORK"):
        monkeypatch.delenv(variable, raising=False)
    path = FOLDER / f"{name}.json"
    text = json.dumps(made(name), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("MLSTEPS_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_several_nodes_are_a_job_and_a_service(monkeypatch):
    """Golden, and without a cluster: those of 1.20 know no indexed Jobs."""
    from mlsteps.compute import kubernetes_job

    for variable in ("MLSTEPS_KILL_GRACE", "MLSTEPS_KEEP_WORK"):
        monkeypatch.delenv(variable, raising=False)
    document = made("everything")
    path = FOLDER / "job.json"
    whole = [kubernetes_job.service(document), kubernetes_job.job(document, 4)]
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("MLSTEPS_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert document == made("everything")  # and nothing was taken from the pod
    assert kubernetes_job.addresses(document, 2) == [
        "mlsteps-train-1-0.mlsteps-train-1",
        "mlsteps-train-1-1.mlsteps-train-1",
    ]
    with pytest.raises(InvalidInput, match="two or more"):
        kubernetes_job.job(document, 1)


def test_a_manifest_is_printed_for_a_person(tmp_path):
    from mlsteps.cli.manifest_command import manifests
    from mlsteps.registry.placements import put_placement
    from mlsteps.registry.workspaces import open_workspace

    ws = open_workspace({"root": str(tmp_path / "w"), "name": "w"})
    put_placement(ws, {"name": "c", "kind": "kubernetes", "options": {"namespace": "ml", "memory": "1g"}})
    (pod_of_one,) = manifests(ws, "c", nodes=1, image="own:1")
    assert pod_of_one["spec"]["containers"][0]["image"] == "own:1"
    assert [item["kind"] for item in manifests(ws, "c", nodes=3, image=None)] == ["Service", "Job"]
    with pytest.raises(SystemExit, match="do not run in pods: its kind is local"):
        manifests(ws, "other", nodes=1, image=None)


def test_nothing_of_the_step_itself_is_in_its_pod():
    text = json.dumps(made("everything"), ensure_ascii=False)
    for word in ("train.py", "abfs://w", "OWN", "/home/u/work"):
        assert word not in text


def asked(options, docker=None, size=None):
    return resources(KubernetesOptions(**options), asked_for(docker or {})[0], of_size(size))


def test_a_vm_size_is_asked_for_less_what_its_node_keeps_for_itself():
    assert asked({}, size="STANDARD_DS3_V2") == {
        "requests": {"cpu": "3600m", "memory": "10752Mi"},
        "limits": {"memory": "14336Mi"},
    }
    assert asked({"limits": "none"}, size="STANDARD_DS3_V2") == {}
    assert asked({}, size="STANDARD_NC12")["limits"]["nvidia.com/gpu"] == "2"


def test_what_is_said_outright_comes_first():
    found = asked({"memory": "1g", "gpus": 0}, {"arguments": ["--cpus=0.5", "-m", "2g"]}, "STANDARD_NC6")
    assert found == {"requests": {"cpu": "500m", "memory": "1024Mi"}, "limits": {"memory": "1024Mi"}}
    assert asked({}, {"arguments": ["--gpus", "all"]}, "STANDARD_NC6")["limits"]["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"user": "someone"}, "uid:gid"),
        ({"volumes": ["models"]}, "claim:/path"),
        ({"build": "kaniko"}, "docker, never"),
        ({"pod_template": {"spec": {}}, "pod_template_file": "/a"}, "two pod templates"),
        ({"secrets": ["TOKEN=a-value"]}, "VARIABLE=secret/key"),
        ({"tolerations": {"key": "x"}}, "a list"),
        ({"affinity": []}, "a mapping"),
        ({"node": "x"}, "no option 'node'"),
    ],
)
def test_a_wrong_option_is_refused_when_it_is_set(options, told):
    with pytest.raises(InvalidInput, match=told):
        options_of({"name": "c", "kind": "kubernetes", "options": options})


def test_labels_are_short_and_plain():
    assert label("Train & compare (ü)") == "Train-compare"
    assert len(label("x" * 100)) == 63 and label("ü") == ""


def test_what_goes_into_a_pod_is_read_by_the_oldest_python():
    ast.parse(Path(keeper.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))


def test_what_a_container_has_written_is_never_unpickled():
    """Which is what the provider's ``retrieve_output`` does."""
    package = Path(keeper.__file__).parent.parent
    texts = {path.name: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    words = ("retrieve_output", "_attempt_to_retrieve_result", "import pickle", "pickle.load")
    assert [name for name, text in texts.items() for word in words if word in text] == []
