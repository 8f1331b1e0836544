"""An engine reached over TLS that asks for a certificate: the real one, behind a server that speaks TLS for it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from urllib.parse import urlsplit

import pytest

from mlsteps.compute.docker_engine import EngineError
from tests.components.conftest import variable
from tests.components.docker_place import DockerPlace
from tests.components.test_identities import certificate
from tests.compute.behaviour import STAY
from tests.runner.conftest import steps
from tests.runner.support import reads, writes

__all__ = ["steps"]


@pytest.fixture
def home():
    """The fixture ``steps`` has one of its own."""


class Door:
    """Lets in whoever shows the certificate, to the engine that ``DOCKER_HOST`` names.

    :param files: certificate, which is its own authority, and key; for both sides.
    """

    def __init__(self, files) -> None:
        self._engine = urlsplit(variable("DOCKER_HOST"))
        if self._engine.scheme != "unix":
            pytest.skip("needs an engine on this machine")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*files)
        self._context.load_verify_locations(files[0])
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.url = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader, writer) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._engine.path)
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer), return_exceptions=True)
        finally:
            for side in (writer, far_writer):
                side.transport.abort()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.1)  # for what was aborted to be gone


async def _copy(source, sink) -> None:
    try:
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tls").mkdir()
    return certificate(tmp_path / "tls")


@pytest.fixture
def door(files):
    made = Door(files)
    yield made
    made.close()


@pytest.fixture
def place(steps, door, files):
    certificates = {"tls_ca_cert": str(files[0]), "tls_client_cert": str(files[0]), "tls_client_key": str(files[1])}
    made = DockerPlace(steps, docker_url=door.url, **certificates)
    yield made
    made.close()


def test_a_step_with_its_files_and_output(place):
    place.steps.put("train/a.csv", "1")
    code = "import os, sys; print('up'); open(sys.argv[2] + '/b', 'w').write(str(os.listdir(sys.argv[1])))"
    result = place.run(code, {"input": "data"}, {"output": "out"}, inputs=(reads("train"),), outputs=(writes(),))
    assert (result.status, result.error) == ("Completed", {})
    assert place.steps.lines == ["up"]
    assert (place.steps.data / "results/out/b").read_text() == "['a.csv']"
    assert place.left() == []


def test_a_step_is_stopped(place):
    started = place.start(STAY)
    started.target.stop()
    assert started.ended().status == "Canceled"
    assert place.left() == []


def test_certificates_where_the_docker_program_looks_for_them(steps, door, files, monkeypatch):
    for name, path in (("ca.pem", files[0]), ("cert.pem", files[0]), ("key.pem", files[1])):
        if not (files[0].parent / name).exists():
            (files[0].parent / name).symlink_to(path)
    monkeypatch.setenv("DOCKER_CERT_PATH", str(files[0].parent))
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    place = DockerPlace(steps, docker_url=door.url)
    try:
        assert place.run("print('in')").status == "Completed"
        assert place.steps.lines == ["in"]
    finally:
        place.close()


def test_an_engine_that_lets_nobody_in_is_named(steps, door):
    place = DockerPlace(steps, docker_url=door.url)
    try:
        with pytest.raises(EngineError, match=f"The Docker engine at {door.url} cannot be used"):
            place.prepared()
    finally:
        place.close()
