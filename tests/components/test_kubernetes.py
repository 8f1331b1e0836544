"""Pods on a real cluster: what their documents are taken for, what keeps them from running, what takes them away."""

from __future__ import annotations

import json
import os
import uuid

import pytest
import yaml

from mlsteps.compute import kubernetes_image, kubernetes_job
from mlsteps.compute.kubernetes_start import with_template
from mlsteps.compute.placement import KubernetesOptions, options_of
from mlsteps.errors import RunConfigurationException
from tests.components.docker_place import base_image
from tests.components.docker_place import client as docker_client
from tests.components.kubernetes_place import KubernetesPlace, client, image
from tests.compute.test_kubernetes_pod import OPTIONS, made
from tests.runner.conftest import steps
from tests.runner.support import reads, writes

__all__ = ["steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


@pytest.fixture
def place_of(steps):
    """Makes places, none of which leaves anything."""
    places = []

    def make(**options):
        places.append(KubernetesPlace(steps, **options))
        return places[-1]

    yield make
    for place in places:
        place.close()


@pytest.mark.parametrize("name", OPTIONS)
def test_the_api_knows_every_word_of_a_pod(name):
    """Nothing is lost when the client reads it, and the cluster would take it."""
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    api, document = client(), made(name)
    read = PodGenerator.deserialize_model_dict(document)
    written = api.api_client.sanitize_for_serialization(read)
    assert _full(written) == _full(document)
    document["metadata"].pop("namespace", None)
    if name == "everything":  # neither exists in a new namespace, and admission looks
        del document["spec"]["priorityClassName"], document["spec"]["serviceAccountName"]
    api.create_namespaced_pod("default", document, dry_run="All")


def test_the_api_knows_every_word_of_a_job_and_its_service():
    """The client's model of batch/v1 has all of them; the cluster takes what its release knows."""
    from kubernetes.client import BatchV1Api

    api, document = client(), made("everything")
    serializer = api.api_client
    whole = kubernetes_job.service(document), kubernetes_job.job(document, 4)
    for item, kind in zip(whole, ("V1Service", "V1Job"), strict=True):
        read = serializer.deserialize(_Response(json.dumps(item)), kind)
        assert _full(serializer.sanitize_for_serialization(read)) == _full(item)
    for item in whole:
        item["metadata"].pop("namespace")
    api.create_namespaced_service("default", whole[0], dry_run="All")
    BatchV1Api(serializer).create_namespaced_job("default", whole[1], dry_run="All")


class _Response:
    """What the client deserializes."""

    def __init__(self, data):
        self.data = data


def _full(value):
    """Without what says nothing: the client leaves empty values out."""
    if isinstance(value, dict):
        return {key: _full(item) for key, item in value.items() if item not in ({}, [], None)}
    return [_full(item) for item in value] if isinstance(value, list) else value


def test_a_template_gives_what_is_not_said(tmp_path):
    variable = {"name": "FROM", "value": "template"}
    template = {
        "metadata": {"labels": {"team": "ml"}},
        "spec": {"dnsPolicy": "None", "hostAliases": [], "containers": [{"name": "base", "env": [variable]}]},
    }
    path = tmp_path / "pod.yaml"
    path.write_text(yaml.safe_dump(template))
    for options in ({"pod_template": template}, {"pod_template_file": str(path)}):
        document = made("plain")
        whole = with_template(options_of({"name": "c", "kind": "kubernetes", "options": options}), document)
        assert whole["spec"]["dnsPolicy"] == "None" and whole["metadata"]["labels"]["team"] == "ml"
        container = whole["spec"]["containers"][0]
        assert variable in container["env"] and container["command"] == document["spec"]["containers"][0]["command"]
        assert whole["spec"]["securityContext"]["runAsNonRoot"] is True


def test_a_step_is_nobody_and_has_no_token(place_of):
    place = place_of()
    code = """
        import os
        print(os.getuid(), os.getgid(), os.environ['HOME'])
        print(os.path.exists('/var/run/secrets/kubernetes.io'), [name for name in os.environ if 'SERVICE_HOST' in name])
        status = open('/proc/self/status').read()
        print([line.split()[1] for line in status.splitlines() if line.startswith(('CapEff', 'NoNewPrivs'))])
    """
    assert place.run(code).status == "Completed"
    # The address of the cluster itself is the one variable that a kubelet always sets.
    assert place.steps.lines == [
        "1000 1000 /mlsteps/home",
        "False ['KUBERNETES_SERVICE_HOST']",
        "['0000000000000000', '1']",
    ]


def test_secrets_of_the_namespace_reach_the_script_and_their_values_nothing_else(place_of):
    name, value = f"hub-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    place = place_of(secrets=[f"TOKEN={name}/token", f"/run/keys={name}"], service_account="default")
    place.client.create_namespaced_secret("default", {"metadata": {"name": name}, "stringData": {"token": value}})
    code = """
        import os, time
        with open('/run/keys/token') as stream:
            print(len(os.environ['TOKEN']), os.environ['TOKEN'] == stream.read(), flush=True)
        print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'), flush=True)
        time.sleep(5)
    """
    try:
        started = place.start(code)
        seen = str(place.pods())
        assert started.ended().status == "Completed"
    finally:
        place.client.delete_namespaced_secret(name, "default")
    assert started.lines == ["32 True", "True"]  # with service_account, a token of the cluster, too
    assert name in seen and value not in seen


def test_an_image_that_is_nowhere_is_an_answer(place_of):
    place = place_of(image="registry.invalid/none:1", pull="never")
    result = place.run()
    assert (result.status, result.error["category"]) == ("Failed", "environment")
    assert "registry.invalid/none:1" in result.error["message"] and "lost" not in result.error
    assert place.left() == []


def test_an_image_without_that_python_says_what_to_do(place_of):
    place = place_of(image=None, base_image=image())
    place.environment = {"python": {"user_managed_dependencies": True, "interpreter_path": "/none/python"}}
    result = place.run()
    assert (result.status, result.error["category"]) == ("Failed", "environment")
    assert "has no '/none/python'" in result.error["message"] and "interpreter_path" in result.error["message"]
    assert place.left() == []


def test_no_node_for_it(place_of):
    place = place_of(node_selector={"pool": "none"}, schedule_seconds=2)
    result = place.run()
    assert (result.status, result.error["category"]) == ("Failed", "infrastructure")
    assert "node" in result.error["message"] and place.steps.lines[0].startswith("waiting for a node: 0/1 nodes")
    assert place.left() == []


def test_a_script_that_wants_too_much_memory(place_of):
    place = place_of(memory="128m")
    result = place.run("print('before', flush=True); x = bytearray(1 << 30); print(len(x))")
    assert result.status == "Failed" and "memory limit" in result.error["message"]
    assert place.steps.lines[0] == "before" and "lost" not in result.error


def test_a_pod_that_is_deleted_ends_its_script_first_and_counts_as_lost(place_of):
    place = place_of()
    code = """
        import signal, sys, time
        def end(*_):
            print('goodbye', flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print('up', flush=True)
        time.sleep(300)
    """
    started = place.start(code)
    place.client.delete_namespaced_pod(place.pods()[0].metadata.name, "default", grace_period_seconds=30)
    result = started.ended()
    assert (result.status, result.error["category"], result.error["lost"]) == ("Failed", "infrastructure", True)
    assert "goodbye" in started.lines


def test_a_pod_that_is_evicted_counts_as_lost(place_of):
    """As a node that is drained does it."""
    place = place_of()
    started = place.start("import time; print('up', flush=True); time.sleep(300)")
    pod = place.pods()[0].metadata
    body = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": "default"}}
    place.client.create_namespaced_pod_eviction(pod.name, "default", body, _preload_content=False)
    result = started.ended(120)
    assert (result.status, result.error["category"], result.error["lost"]) == ("Failed", "infrastructure", True)


def test_a_pod_that_makes_room_for_one_of_higher_priority_counts_as_lost(place_of):
    from kubernetes.client import SchedulingV1Api

    place = place_of(cpus=cores_of_a_node() * 0.4)
    started = place.start("import time; print('up', flush=True); time.sleep(300)")
    api, name = SchedulingV1Api(place.client.api_client), f"urgent-{uuid.uuid4().hex[:8]}"
    api.create_priority_class({"metadata": {"name": name}, "value": 1000})
    wanted = {"requests": {"cpu": f"{cores_of_a_node() * 0.8:g}"}}
    container = {"name": "base", "image": image(), "command": ["sleep", "600"], "resources": wanted}
    spec = {"containers": [container], "priorityClassName": name, "terminationGracePeriodSeconds": 0}
    try:
        metadata = {"name": name, "labels": {"test": place.mark}}
        place.client.create_namespaced_pod("default", {"metadata": metadata, "spec": spec})
        result = started.ended(150)
        assert (result.status, result.error["category"], result.error["lost"]) == ("Failed", "infrastructure", True)
    finally:
        place.client.delete_namespaced_pod(name, "default", grace_period_seconds=0)
        api.delete_priority_class(name)


def cores_of_a_node() -> float:
    """Of the smallest."""
    api = client()
    found = [item.status.allocatable["cpu"] for item in api.list_node().items]
    api.api_client.close()
    return min(float(text[:-1]) / 1000 if text.endswith("m") else float(text) for text in found)


def test_a_pod_that_vanishes_counts_as_lost(place_of):
    place = place_of()
    started = place.start("import time; print('up', flush=True); time.sleep(300)")
    place.client.delete_namespaced_pod(place.pods()[0].metadata.name, "default", grace_period_seconds=0)
    result = started.ended(120)
    assert (result.status, result.error["category"], result.error["lost"]) == ("Failed", "infrastructure", True)


def test_more_than_may_be_carried_is_refused_before_there_is_a_pod(place_of):
    place = place_of(carry="1k")
    place.steps.put("train/a.csv", "x" * 2000)
    result = place.run(inputs=(reads("train"),), outputs=(writes(),))
    assert (result.status, result.error["category"]) == ("Failed", "input")
    assert "allows 1k" in result.error["message"] and "option carry" in result.error["message"]


def test_a_script_that_says_the_mark_is_not_taken_to_have_ended(place_of):
    place = place_of()
    code = "import time; print('\\x1emlsteps: the step has ended\\x1e', flush=True); time.sleep(3); print('later')"
    assert place.run(code).status == "Completed"
    assert place.steps.lines[-1] == "later"


def test_an_image_is_built_for_the_clusters_registry_once():
    """``MLSTEPS_TEST_REGISTRY`` names one that takes images without a login, such as 127.0.0.1:5000."""
    registry = os.environ.get("MLSTEPS_TEST_REGISTRY")
    if not registry:
        pytest.skip("needs MLSTEPS_TEST_REGISTRY")
    engine = docker_client()
    text = f"FROM {base_image()}\nLABEL unique={uuid.uuid4().hex}\n"
    document = {"python": {"user_managed_dependencies": True}, "docker": {"base_dockerfile": text}}
    options = KubernetesOptions(registry=registry)
    said: list[str] = []
    found = kubernetes_image.have(options, document, said.append)
    assert found.name.startswith(f"{registry}/mlsteps-env:") and said[-1] == f"pushed {found.name}"
    for name in (found.name, found.name.partition("/")[2]):  # as on a worker that has not built it
        engine.remove_image(name, force=True)
    assert kubernetes_image.have(options, document, said.append) == found and said[-1] == f"pushed {found.name}"
    never = KubernetesOptions(registry=registry, build="never", docker_url="unix:///nowhere")
    assert kubernetes_image.have(never, document, said.append) == found
    assert engine.images(found.name) == []
    engine.close()


def test_a_registry_that_does_not_answer_is_told_before_there_is_a_pod():
    docker_client().close()
    document = {"python": {"user_managed_dependencies": True}, "docker": {"base_dockerfile": f"FROM {base_image()}\n"}}
    with pytest.raises(RunConfigurationException, match="cannot be made ready for the cluster"):
        kubernetes_image.have(KubernetesOptions(registry="127.0.0.1:9/none"), document, print)
