"""Images with packages of conda channels, really solved in the build; the channel is made here and served by HTTP."""

from __future__ import annotations

import base64
import functools
import glob
import http.server
import io
import os
import tarfile
import threading
import uuid

import pytest

from mlsteps.compute import docker_build
from mlsteps.compute.docker import DockerTarget
from mlsteps.compute.placement import DockerOptions
from mlsteps.errors import RunConfigurationException
from tests.components.conda_channel import Channel
from tests.components.docker_place import base_image
from tests.components.test_docker_build import _layers, builder, engine, gateway
from tests.runner.conftest import steps

__all__ = ["builder", "engine", "steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


class Served:
    """A channel that the builds of an engine reach; ``login`` is what it wants, "" for nothing."""

    def __init__(self, folder, host):
        made = Channel(folder)
        self.mark, self.login = uuid.uuid4().hex, ""
        made.add("libthing", "2.0", {"share/libthing": self.mark})
        files = {"site-packages/hello.py": f"MARK = {self.mark!r}\n"}
        made.add("hello", "1.0", files, noarch="python", depends=["python >=3.8", "libthing"])
        made.index()
        served = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                expected = "Basic " + base64.b64encode(served.login.encode()).decode()
                if served.login and self.headers.get("Authorization") != expected:
                    self.send_error(401)
                else:
                    super().do_GET()

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), functools.partial(Handler, directory=folder))
        self.place = f"{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self, *packages, login=""):
        address = f"http://{login + '@' if login else ''}{self.place}"
        conda = {"channels": [address], "dependencies": ["python", *packages]}
        return {"name": "of-conda", "python": {"conda": conda}}


@pytest.fixture
def whole(engine):
    """The base image, with the parts of the C library that compiled programs want where it lacks them."""
    there = b"".join(engine.get_image(base_image()))
    if b"librt.so.1" in there:
        yield DockerOptions(base_image=base_image())
        return
    libraries = [path for name in ("librt.so.1", "libdl.so.2", "libpthread.so.0") for path in _found(name)]
    lines = [f"COPY {os.path.basename(path)} {path}" for path in libraries]
    text = "\n".join([f"FROM {base_image()}", "USER root", *lines, ""]).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as context:
        for path in libraries:
            context.add(os.path.realpath(path), os.path.basename(path))
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        context.addfile(entry, io.BytesIO(text))
    archive.seek(0)
    name = f"mlsteps-test-whole:{uuid.uuid4().hex}"
    for event in engine.build(fileobj=archive, custom_context=True, tag=name, rm=True, decode=True):
        assert "error" not in event, event
    yield DockerOptions(base_image=name)
    engine.remove_image(name, force=True)


def _found(library):
    return glob.glob(f"/lib/*-linux-gnu/{library}")[:1]


@pytest.fixture
def channel(tmp_path, engine):
    pytest.importorskip("rattler")
    made = Served(tmp_path / "channel", gateway(engine))
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_conda_packages_in_an_image(builder, channel, whole, steps, engine):
    said: list[str] = []
    document = channel.document("hello", "libthing")
    target = DockerTarget(whole)
    python = target.prepare(document, said.append)
    script = "import hello, sys; print(hello.MARK, open(sys.prefix + '/share/libthing').read(), sys.prefix)"
    assert target.run(steps.spec(script, interpreter=python), {}, on_line=steps.lines.append).status == "Completed"
    assert steps.lines == [f"{channel.mark} {channel.mark} /opt/mlsteps/env"]
    again: list[str] = []
    assert DockerTarget(whole).prepare(document, again.append) == python and again == []  # nothing is solved
    name = docker_build.plan(whole, document).name
    assert engine.inspect_image(name)["Config"]["User"] == "1000:1000"
    if builder == "buildkit":
        size = engine.inspect_image(name)["Size"] - engine.inspect_image(whole.base_image)["Size"]
        assert size < 10e6  # the solver, eight times that, stays outside


def test_a_login_of_a_channel_is_in_no_layer(channel, whole, engine):
    if not docker_build.docker_client():
        pytest.skip("no Docker client with BuildKit")
    channel.login = f"me:s3cret{uuid.uuid4().hex}"
    document = channel.document("hello", login=channel.login)
    said: list[str] = []
    DockerTarget(whole).prepare(document, said.append)
    name = docker_build.plan(whole, document).name
    secrets = [channel.login.partition(":")[2], base64.b64encode(channel.login.encode()).decode()]
    told = "\n".join(said) + str(engine.history(name)) + str(engine.inspect_image(name))
    assert not [secret for secret in secrets if secret in told]
    assert not [secret for piece in _layers(engine, name) for secret in secrets if secret.encode() in piece]


def test_what_cannot_be_solved_is_told_in_the_solvers_words(builder, channel, whole, engine):
    with pytest.raises(RunConfigurationException, match="(?s)could not be built.*hello"):
        DockerTarget(whole).prepare(channel.document("hello=7.0"), print)
