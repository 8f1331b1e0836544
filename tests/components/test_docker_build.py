"""Images of environments, really built: with BuildKit where the machine has it, and by the engine alone."""

from __future__ import annotations

import io
import ipaddress
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import uuid

import pytest

from mlsteps.compute import docker_build, docker_image
from mlsteps.compute.docker import DockerTarget
from mlsteps.compute.docker_engine import Engine
from mlsteps.compute.placement import DockerOptions
from mlsteps.errors import RunConfigurationException
from mlsteps.registry.index_credentials import connection_id
from tests.components.docker_place import DockerPlace, base_image, client
from tests.environments.private_index import Index, index
from tests.runner.conftest import steps

__all__ = ["index", "steps"]

#: bcrypt of s3cret
HASH = "$2b$05$aaaaaaaaaaaaaaaaaaaaaOwN3kL1r/5tCX49L9FU8BMpbjRXGyPKS"


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


@pytest.fixture(autouse=True)
def _plain_machine(monkeypatch):
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["buildkit", "engine"])
def builder(request, monkeypatch):
    """Both builders, one after the other."""
    if request.param == "engine":
        monkeypatch.setattr(docker_build, "docker_client", lambda: ())
    elif not docker_build.docker_client():
        pytest.skip("no Docker client with BuildKit")
    return request.param


@pytest.fixture
def engine():
    """The engine; images that a test has built go afterwards."""
    made = client()
    before = {tag for image in made.images("mlsteps-env") for tag in image["RepoTags"] or ()}
    yield made
    for image in made.images("mlsteps-env"):
        for tag in image["RepoTags"] or ():
            if tag not in before:
                made.remove_image(tag, force=True)
    made.close()


def environment(*lines, **docker):
    """An environment that nobody has built yet, without a package from afar."""
    name = f"e{uuid.uuid4().hex}"
    conda = {"dependencies": ["python", {"pip": list(lines)}]}
    return {"name": name, "python": {"conda": conda}, "docker": docker}


def options(**more):
    return DockerOptions(base_image=base_image(), **more)


def gateway(engine):
    """This machine's address on the engine's own network."""
    network = engine.inspect_network("bridge")["IPAM"]["Config"][0]["Subnet"]
    return str(ipaddress.ip_network(network)[1])


@pytest.mark.parametrize("said_by", ["address", "connection"])
def test_a_private_index_and_its_password_in_no_layer(steps, engine, index, said_by, monkeypatch):
    if not docker_build.docker_client():
        pytest.skip("no Docker client with BuildKit")
    host, port = gateway(engine), index.server.server_port
    address = index.address(host)
    if said_by == "connection":
        conn_id = connection_id(f"{host}:{port}")
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", f"http://user:{index.token}@{host}")
        address = f"http://{index.bare(host)}"
    document = environment(index.package, f"--index-url {address}", f"--trusted-host {host}:{port}")
    said: list[str] = []
    target = DockerTarget(options())
    python = target.prepare(document, said.append)
    name = docker_build.plan(options(), document).name
    spec = steps.spec(f"import {index.package} as p; print(p.said)", interpreter=python)
    assert target.run(spec, {}, on_line=said.append).status == "Completed"
    assert said[-1] == "from the private index"
    assert not any(index.token in line for line in said)
    assert index.token not in str(engine.history(name)) + str(engine.inspect_image(name))
    for piece in _layers(engine, name):
        assert index.token.encode() not in piece


def _layers(engine, name):
    """The content of every file in every layer."""
    whole = io.BytesIO(b"".join(engine.get_image(name)))
    with tarfile.open(fileobj=whole) as image:
        for entry in image.getmembers():
            if entry.isfile():
                yield image.extractfile(entry).read()


def test_a_wheel_of_the_workspace(builder, steps, engine, index, tmp_path):
    (tmp_path / index.wheel).write_bytes(index.content())
    document = environment("--no-index", f"{index.package} @ file://{tmp_path / index.wheel}")
    target = DockerTarget(options())
    python = target.prepare(document, print)
    spec = steps.spec(f"import {index.package} as p; print(p.said)", interpreter=python)
    assert target.run(spec, {}, on_line=steps.lines.append).status == "Completed"
    assert steps.lines == ["from the private index"]


def test_without_buildkit_a_password_is_refused(engine, index, monkeypatch):
    monkeypatch.setattr(docker_build, "docker_client", lambda: ())
    document = environment(index.package, f"--index-url {index.address(gateway(engine))}")
    with pytest.raises(RunConfigurationException, match="these would stay in the image") as error:
        DockerTarget(options()).prepare(document, print)
    assert index.token not in str(error.value)


def test_an_image_is_built_once_and_found_again(builder, steps, engine):
    document = environment("six", "azureml-defaults")
    document["python"]["conda"]["dependencies"][1]["pip"].append(f"# {uuid.uuid4()}")
    text = f"FROM {base_image()}\nLABEL unique={uuid.uuid4().hex}\n"
    document["docker"] = {"base_dockerfile": text}
    said: list[str] = []
    place = DockerPlace(steps, image=None, base_image=base_image())
    place.environment = document
    try:
        target = place.target()
        python = target.prepare(document, said.append)
        assert sum(line.startswith("building image") for line in said) == 2  # the person's own, then the packages on it
        assert any("six" in line for line in said)
        spec = steps.spec("import six, sys; print(six.__name__, sys.prefix)", interpreter=python)
        assert target.run(spec, {}, on_line=said.append).status == "Completed"
        assert said[-1] == "six /opt/mlsteps/env"
        again: list[str] = []
        assert place.target().prepare(document, again.append) == python and again == []
        config = engine.inspect_image(docker_build.plan(options(), document).name)["Config"]
        assert config["User"] == "1000:1000"
    finally:
        place.close()


def test_a_build_that_fails_says_its_last_lines(builder, engine):
    with pytest.raises(RunConfigurationException) as error:
        DockerTarget(options()).prepare(environment("no-such-package-anywhere"), print)
    assert "no-such-package-anywhere" in str(error.value) and "could not be built" in str(error.value)


def test_a_build_context(builder, steps, engine, tmp_path):
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Mine.docker").write_text(f"FROM {base_image()}\nCOPY data.txt /data.txt\n")
    (folder / "data.txt").write_text(uuid.uuid4().hex)
    document = {
        "python": {"user_managed_dependencies": True},
        "docker": {"build_context": {"location": str(folder), "dockerfile_path": "Mine.docker"}},
    }
    target = DockerTarget(options())
    spec = steps.spec("print(open('/data.txt').read())", interpreter=target.prepare(document, print))
    assert target.run(spec, {}, on_line=steps.lines.append).status == "Completed"
    assert steps.lines == [(folder / "data.txt").read_text()]


_WORKER = """
import json, sys
from mlsteps.compute.docker import DockerTarget
from mlsteps.compute.placement import DockerOptions
told = json.loads(sys.argv[1])
DockerTarget(DockerOptions(base_image=told["base"])).prepare(told["document"], print)
"""


def test_several_workers_build_it_once(steps, engine):
    """Two tasks that start at once, in processes of their own."""

    text = f"FROM {base_image()}\nLABEL unique={uuid.uuid4().hex}\n"
    document = {"python": {"user_managed_dependencies": True}, "docker": {"base_dockerfile": text}}
    told = json.dumps({"base": base_image(), "document": document})
    started = [
        subprocess.Popen([sys.executable, "-c", _WORKER, told], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sum("building image" in text for text in said) == 1


def test_a_registry_keeps_images_for_other_machines(steps, engine):
    """``MLSTEPS_TEST_REGISTRY`` names one that takes images without a login, such as 127.0.0.1:5000."""
    registry = os.environ.get("MLSTEPS_TEST_REGISTRY")
    if not registry:
        pytest.skip("needs MLSTEPS_TEST_REGISTRY")
    text = f"FROM {base_image()}\nLABEL unique={uuid.uuid4().hex}\n"
    document = {"python": {"user_managed_dependencies": True}, "docker": {"base_dockerfile": text}}
    kept = options(registry=registry)
    plan = docker_build.plan(kept, document)
    said: list[str] = []
    DockerTarget(kept).prepare(document, said.append)
    assert said[-1] == f"pushed {registry}/{plan.name}"
    for name in (plan.name, f"{registry}/{plan.name}"):  # as on a machine that has not seen it
        engine.remove_image(name, force=True)
    again: list[str] = []
    DockerTarget(kept).prepare(document, again.append)
    assert again == [f"pulled {registry}/{plan.name}"]
    assert docker_image.find(Engine(kept), plan.name) is not None
    engine.remove_image(f"{registry}/{plan.name}", force=True)


@pytest.fixture
def other():
    made = Index("t0ken" + uuid.uuid4().hex)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_change_of_one_package_makes_one_layer_anew(builder, engine, index, other):
    """And a change of variables none: those come with the step."""
    host = gateway(engine)
    for item in (index, other):
        item.token = ""  # nobody is asked for it
    known = [f"--extra-index-url http://{item.bare(host)}" for item in (index, other)]
    known += [f"--trusted-host {host}:{item.server.server_port}" for item in (index, other)]
    first, second = environment(*known, index.package), environment(*known, index.package, other.package)
    layers = []
    for document in (first, second):
        DockerTarget(options()).prepare(document, print)
        name = docker_build.plan(options(), document).name
        layers.append(engine.inspect_image(name)["RootFS"]["Layers"])
    of_base = engine.inspect_image(base_image())["RootFS"]["Layers"]
    packages = 1 if builder == "buildkit" else 2  # the engine's own builder keeps the requirements as a layer
    assert len(layers[0]) > len(of_base) + packages
    assert layers[0][:-packages] == layers[1][:-packages] and layers[0][-1] != layers[1][-1]
    said: list[str] = []
    DockerTarget(options()).prepare({**second, "environment_variables": {"A": "B"}}, said.append)
    assert said == []


@pytest.fixture
def registry(tmp_path):
    """The address of a registry that wants a login, of nobody else's."""
    if not shutil.which("docker-registry"):
        pytest.skip("needs docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "htpasswd").write_text(f"me:{HASH}\n")
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}},
    }
    (tmp_path / "registry.yml").write_text(json.dumps(settings))
    with open(tmp_path / "registry.log", "w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(tmp_path / "registry.yml")], stderr=log, stdout=log)
    for _ in range(200):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


def test_a_registry_that_wants_a_login_has_it_from_an_airflow_connection(steps, engine, registry, monkeypatch):
    login = {"conn_type": "docker", "host": registry, "login": "me", "password": "s3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_REGISTRY", json.dumps(login))
    text = f"FROM {base_image()}\nLABEL unique={uuid.uuid4().hex}\n"
    document = {"python": {"user_managed_dependencies": True}, "docker": {"base_dockerfile": text}}
    stranger, kept = options(registry=registry), options(registry=registry, docker_conn_id="team_registry")
    name, said = docker_build.plan(kept, document).name, []
    DockerTarget(kept).prepare(document, said.append)
    assert said[-1] == f"pushed {registry}/{name}" and "s3cret" not in "".join(said)
    for item in (name, f"{registry}/{name}"):  # as on a machine that has not seen it
        engine.remove_image(item, force=True)
    again: list[str] = []
    DockerTarget(kept).prepare(document, again.append)
    assert again == [f"pulled {registry}/{name}"]
    for item in (name, f"{registry}/{name}"):
        engine.remove_image(item, force=True)
    refused: list[str] = []
    DockerTarget(stranger).prepare(document, refused.append)  # built here, and it is said that nobody else has it
    assert "Other machines will build the image again" in refused[-1] and "cannot push" in refused[-1]


def test_images_that_nobody_uses_are_pruned(engine, monkeypatch):
    monkeypatch.setattr(docker_build, "LABEL", f"mlsteps.{uuid.uuid4().hex}")  # the engine has images of others
    text = f"FROM {base_image()}\nLABEL unique={uuid.uuid4().hex}\n"
    document = {"python": {"user_managed_dependencies": True}, "docker": {"base_dockerfile": text}}
    DockerTarget(options()).prepare(document, print)
    own, name = Engine(options()), docker_build.plan(options(), document).name
    try:
        assert docker_build.prune(own, 1) == []
        used = engine.create_container(name, ["-"])["Id"]
        assert docker_build.prune(own, -1) == []
        engine.remove_container(used)
        assert docker_build.prune(own, -1) == [name]
        assert engine.images(name) == []
    finally:
        own.close()
