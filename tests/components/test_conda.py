"""Environments whose packages come from a conda channel, really solved and installed; the channel is made here."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import subprocess
import threading

import pytest

from mlsteps.environments import virtual
from mlsteps.errors import RunConfigurationException
from tests.components.conda_channel import SITE, Channel
from tests.environments.test_virtual import wheels

__all__ = ["wheels"]


@pytest.fixture
def channel(tmp_path):
    pytest.importorskip("rattler")
    made = Channel(tmp_path / "channel")
    made.add("libthing", "2.0", {"share/libthing": "of conda alone\n"})
    for version, needs in (("1.0", "python >=3.8"), ("2.0", "python >=4")):
        files = {"site-packages/hello.py": f"VERSION = {version!r}\n"}
        made.add("hello", version, files, noarch="python", depends=[needs, "libthing"])
    return made.index()


def document(channel, *packages, pip=()):
    nested = [{"pip": list(pip)}] if pip else []
    return {"name": "e", "python": {"conda": {"channels": [channel], "dependencies": [*packages, *nested]}}}


def said_by(python, code):
    return subprocess.check_output([python, "-c", code], text=True).strip()


def test_conda_packages_with_pip_packages_on_them(channel, wheels, home):
    pip = ["--no-index", f"--find-links {wheels}", "tinything", "azureml-core"]
    notes = []
    made = virtual.prepare(document(channel, "python", "hello", pip=pip), notes.append)
    assert said_by(made.path, "import hello, tinything; print(hello.VERSION, tinything.VALUE)") == "1.0 15"
    folder = home / "environments" / made.digest
    assert (folder / "venv" / SITE / "hello.py").exists() and (folder / "venv/share/libthing").exists()
    assert (folder / "complete").exists() and json.loads((folder / "preimage.json").read_text())["channels"] == [
        channel
    ]
    locked = [line.rpartition("/")[2].partition("#")[0] for line in made.lock.splitlines() if line.startswith("#")]
    assert "hello-1.0-0.tar.bz2" in locked and "libthing-2.0-0.tar.bz2" in locked
    assert any(line.startswith("tinything") for line in made.lock.splitlines())
    assert notes[0].startswith("azureml-core: provided")
    again = []
    assert virtual.prepare(document(channel, "python", "hello", pip=pip), again.append) == made and again == []


def test_what_cannot_be_solved_is_told_in_the_solvers_words_and_leaves_nothing(channel, home):
    with pytest.raises(RunConfigurationException, match="(?s)'hello=2.0'.*python >=4") as error:
        virtual.prepare(document(channel, "hello=2.0"), print)
    assert channel in str(error.value)
    assert [path for path in (home / "environments").iterdir() if path.is_dir()] == []


def test_credentials_of_a_channel_reach_no_file(channel, home, tmp_path):
    expected = "Basic " + base64.b64encode(b"me:s3cret").decode()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.headers.get("Authorization") == expected:
                super().do_GET()
            else:
                self.send_error(401)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(tmp_path / "channel"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://me:s3cret@127.0.0.1:{server.server_port}"
        notes = []
        made = virtual.prepare(document(address, "hello"), notes.append)
        assert said_by(made.path, "import hello; print(hello.VERSION)") == "1.0"
        with pytest.raises(RunConfigurationException) as error:
            virtual.prepare(document(address, "nothing-of-that-name"), notes.append)
    finally:
        server.shutdown()
        server.server_close()
    assert "s3cret" not in " ".join([*notes, made.lock, str(error.value)])
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in files if b"s3cret" in path.read_bytes() or expected.encode() in path.read_bytes()] == []
