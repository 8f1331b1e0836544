"""Inputs of remote stores as real FUSE mounts, in real steps."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.spec import InputSpec
from mlsteps.errors import StoreError
from mlsteps.storage.datasets import resolve_files
from mlsteps.storage.files import digest_of_bytes
from mlsteps.storage.mounting.blocks import BLOCK
from mlsteps.storage.mounting.mount import mount, why_not
from mlsteps.storage.mounting.points import detach_dead, mount_points
from mlsteps.storage.open import open_store
from tests.components.conftest import opened
from tests.components.web import serving
from tests.runner.support import Steps

pytestmark = pytest.mark.skipif(why_not() is not None, reason=f"needs FUSE: {why_not()}")

LOOK = """
import hashlib, json, os, sys
path = sys.argv[1]
found = {}
for parent, folders, names in os.walk(path):
    for name in names:
        file = os.path.join(parent, name)
        told = os.stat(file)
        data = open(file, "rb").read()
        content = data.decode() if len(data) < 1000 else hashlib.sha256(data).hexdigest()
        found[os.path.relpath(file, path)] = [told.st_size, told.st_mtime, content]
mounts = [line.replace("\\\\040", " ").split(" - ") for line in open("/proc/self/mountinfo")]
kinds = [right.split()[0] for left, right in mounts if f" {path} " in left]
print(json.dumps({"path": path, "files": found, "kinds": kinds}))
"""
CHANGED = 1717581600  # as the web server says
ODD = {"a b.txt": b"1", "größe #1.txt": b"22", "50%/what?.txt": b"333", "d/e/名前.txt": b""}


@pytest.fixture
def web():
    with serving() as server:
        yield server


@pytest.fixture
def steps(tmp_path, home, monkeypatch):
    monkeypatch.setenv("MLSTEPS_KILL_GRACE", "1")
    yield Steps(tmp_path)
    assert mount_points() == []


def reads(definition: Any, **more: Any) -> InputSpec:
    return InputSpec(**{"name": "data", "definition": definition, "kind": "file", "mode": "mount", **more})


def seen(steps, item, code=LOOK, **more):
    result = steps.run(code, {"input": "data"}, inputs=(item,), **more)
    assert result.status == "Completed", (result.error, steps.lines)
    return json.loads(steps.lines[-1])


def pid_of_mount() -> int:
    """The process that serves the only mount of this machine's user in these tests."""
    return next(
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and b"mlsteps-mount" in Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
    )


def test_a_step_sees_names_sizes_and_times_through_a_mount(steps, web):
    web.files = dict(ODD)
    found = seen(steps, reads(web.definition(*ODD)))
    assert found["kinds"] == ["fuse.mlsteps"]
    assert found["files"] == {name: [len(data), CHANGED, data.decode()] for name, data in ODD.items()}
    assert any("4 files mounted" in line for line in steps.lines)


def test_one_file_is_the_path_of_that_file(steps, web):
    web.files = {"deep/one.txt": b"1"}
    code = "import json, os, sys; print(json.dumps([os.path.basename(sys.argv[1]), open(sys.argv[1]).read()]))"
    assert seen(steps, reads(web.definition("deep/one.txt")), code) == ["one.txt", "1"]


def test_only_what_is_read_is_fetched(steps, web):
    web.files = {"large": os.urandom(20 * BLOCK), "other": b"x" * BLOCK}
    code = "import sys; f = open(sys.argv[1] + '/large', 'rb'); f.seek(11 << 22); print(f.read(1)[0])"
    assert seen(steps, reads(web.definition("large", "other")), code) == web.files["large"][11 << 22]
    assert web.bytes_of("other") <= 1  # to see whether the server gives parts
    assert web.bytes_of("large") <= BLOCK + 1, web.given


def test_it_cannot_be_written(steps, web):
    web.files = {"a": b"1", "b": b"2"}
    code = """
        import errno, json, os, sys
        def refused(work):
            try:
                work()
            except OSError as error:
                return errno.errorcode[error.errno]
        path = sys.argv[1]
        print(json.dumps([
            refused(lambda: open(path + "/a", "w")), refused(lambda: open(path + "/a", "r+")),
            refused(lambda: open(path + "/new", "w")), refused(lambda: os.unlink(path + "/a")),
            refused(lambda: os.mkdir(path + "/d")), refused(lambda: os.chmod(path + "/a", 0o777)),
            refused(lambda: os.rename(path + "/a", path + "/b")),
        ]))
    """
    assert seen(steps, reads(web.definition("a", "b")), code) == ["EROFS"] * 7


def test_many_threads_read_at_once_and_each_block_is_fetched_once(steps, web):
    web.files = {"large": os.urandom(6 * BLOCK + 5), "small": b"s"}
    code = """
        import concurrent.futures, hashlib, sys
        def digest(_):
            return hashlib.sha256(open(sys.argv[1] + "/large", "rb").read()).hexdigest()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            print('"' + str(set(pool.map(digest, range(16)))) + '"')
    """
    import hashlib

    assert seen(steps, reads(web.definition("large", "small")), code) == str(
        {hashlib.sha256(web.files["large"]).hexdigest()}
    )
    assert web.bytes_of("large") == len(web.files["large"]) + 1


def test_a_store_that_fails_is_eio_with_a_line_in_the_log_and_the_mount_goes_on(steps, web):
    web.files = {"bad": b"x", "good": b"good"}
    web.fails.add("bad")
    code = """
        import errno, json, sys
        try:
            open(sys.argv[1] + "/bad").read()
        except OSError as error:
            print(json.dumps([errno.errorcode[error.errno], open(sys.argv[1] + "/good").read()]))
    """
    assert seen(steps, reads(web.definition("bad", "good")), code) == ["EIO", "good"]
    assert any("'bad' cannot be read" in line and "500" in line for line in steps.lines)


def test_a_file_that_changes_after_it_was_mounted_cannot_be_read(steps, web):
    web.files = {"a": b"before", "b": b"2"}
    found = resolve_files(web.definition("a", "b"), open_store)
    point = steps.folder / "point"
    point.mkdir()
    notes: list[str] = []
    made = mount(found, str(point), notes.append)
    try:
        web.files["a"] = b"after!"
        with pytest.raises(OSError, match="Input/output error"):
            (point / "a").read_bytes()
        assert sorted(os.listdir(point)) == ["a", "b"]
    finally:
        made.stop()
    assert any("has changed since it was mounted" in note for note in notes)


def test_a_server_that_gives_no_parts_is_downloaded_from(steps, web):
    web.ranges = False
    web.files = {"a": b"11", "b": b"2"}
    found = seen(steps, reads(web.definition("a", "b")))
    assert (found["kinds"], found["files"]["a"][2]) == ([], "11")
    assert any("downloaded instead of mounted" in line and "parts" in line for line in steps.lines)


@pytest.mark.parametrize("of_step", [True, False])
def test_a_setting_says_download(steps, web, monkeypatch, of_step):
    web.files = {"a": b"1", "b": b"2"}
    more = {"environment_variables": {"MLSTEPS_MOUNT": "download"}} if of_step else {}
    if not of_step:
        monkeypatch.setenv("MLSTEPS_MOUNT", "download")
    assert seen(steps, reads(web.definition("a", "b")), **more)["kinds"] == []
    assert any("MLSTEPS_MOUNT=download" in line for line in steps.lines)


def test_a_mount_that_must_be_and_cannot_is_an_error(steps, web):
    web.ranges = False
    web.files = {"a": b"11", "b": b"2"}
    for value, word in (("fuse", "MLSTEPS_MOUNT=fuse"), ("bluse", "'bluse'")):
        item = reads(web.definition("a", "b"))
        result = steps.run("print('ran')", inputs=(item,), environment_variables={"MLSTEPS_MOUNT": value})
        assert (result.status, "ran" in steps.lines) == ("Failed", False)
        assert word in result.error["message"]


def test_places_on_compute(steps, web, tmp_path):
    web.files = {"a": b"1", "b": b"2"}
    absolute = tmp_path / "some where"
    for place, end in ((str(absolute), str(absolute)), ("my/data", "/code/my/data")):
        found = seen(steps, reads(web.definition("a", "b"), path_on_compute=place))
        assert (found["kinds"], sorted(found["files"])) == (["fuse.mlsteps"], ["a", "b"])
        assert found["path"].endswith(end)
    assert not absolute.exists()


class Started:
    """A step that has printed its first line and waits."""

    def __init__(self, steps, web, code="import sys, time; print('on', flush=True); time.sleep(60)"):
        self.target, self.lines, self.result = LocalTarget(), [], None
        self.spec = steps.spec(code, {"input": "data"}, inputs=(reads(web.definition("a", "b")),))
        self._on = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self._on.wait(30), self.lines

    def _run(self):
        self.result = self.target.run(self.spec, {}, on_line=self._line)
        self._on.set()

    def _line(self, line):
        self.lines.append(line)
        if line == "on":
            self._on.set()

    def end(self):
        self.thread.join(30)
        assert self.result is not None
        return self.result


@pytest.fixture
def two(web):
    web.files = {"a": b"1", "b": b"2"}
    return web


def nothing_is_left():
    end = time.monotonic() + 10
    while mount_points() and time.monotonic() < end:
        time.sleep(0.02)
    return mount_points() == [] and not os.listdir(os.path.join(os.environ["MLSTEPS_HOME"], "work"))


def test_cancelled_it_is_gone(steps, two):
    started = Started(steps, two)
    assert len(mount_points()) == 1
    started.target.stop()
    assert started.end().status == "Canceled"
    assert nothing_is_left()


@pytest.mark.parametrize("also_mount", [False, True])
def test_of_a_runner_that_is_killed_nothing_is_left_and_the_next_try_works(steps, two, also_mount):
    started = Started(steps, two)
    mounting = pid_of_mount()
    if also_mount:
        os.kill(mounting, signal.SIGSTOP)  # it cannot unmount by itself
    os.kill(started.target._process.pid, signal.SIGKILL)
    if also_mount:
        os.kill(mounting, signal.SIGKILL)
    assert started.end().error["category"] == "infrastructure"
    assert nothing_is_left()
    assert sorted(seen(steps, reads(two.definition("a", "b")))["files"]) == ["a", "b"]


def test_of_a_mount_that_is_killed_the_step_fails_and_the_next_try_works(steps, two):
    code = """
        import glob, os, sys, time
        print("on", flush=True)
        while glob.glob(sys.argv[1] + "/*"):
            time.sleep(0.01)
        print("files:", glob.glob(sys.argv[1] + "/*"))  # an empty list and no error
    """
    started = Started(steps, two, code=__import__("textwrap").dedent(code))
    os.kill(pid_of_mount(), signal.SIGKILL)
    result = started.end()
    assert (result.status, result.error["category"]) == ("Failed", "infrastructure")
    assert "may be incomplete" in result.error["message"]
    assert "files: []" in started.lines
    assert nothing_is_left()
    assert sorted(seen(steps, reads(two.definition("a", "b")))["files"]) == ["a", "b"]


MOUNTING = """
    import json, os, sys
    from azureml.core import Dataset
    from mlsteps.sdk.file_dataset import FileDataset
    dataset = FileDataset._create(json.loads(sys.argv[1]))
    def kinds(path):
        mounts = [line.split(" - ") for line in open("/proc/self/mountinfo")]
        return [right.split()[0] for left, right in mounts if f" {path} " in left]
    with dataset.mount() as context:
        point = context.mount_point
        seen = [kinds(point), sorted(os.listdir(point)), open(point + "/a").read()]
    print(json.dumps([*seen, kinds(point), os.path.exists(point), "mfusepy" in sys.modules]))
"""


def test_a_script_mounts_a_dataset_by_its_runner(steps, two):
    result = steps.run(MOUNTING, json.dumps(two.definition("a", "b")))
    assert result.status == "Completed", (result.error, steps.lines)
    assert json.loads(steps.lines[-1]) == [["fuse.mlsteps"], ["a", "b"], "1", [], False, False]


def test_a_script_that_leaves_its_mount_leaves_none(steps, two):
    code = MOUNTING.partition("    with")[0] + "    dataset.mount().start(); print('mounted')"
    assert steps.run(code, json.dumps(two.definition("a", "b"))).status == "Completed"
    assert nothing_is_left()


def test_a_notebook_mounts_a_dataset_itself(two, home):
    import subprocess
    import sys
    import textwrap

    shim = Path(__file__).parents[2] / "provider" / "mlsteps" / "_azureml"
    told = [sys.executable, "-c", textwrap.dedent(MOUNTING), json.dumps(two.definition("a", "b"))]
    out = subprocess.run(told, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(shim)})
    assert out.returncode == 0, out.stderr
    assert json.loads(out.stdout) == [["fuse.mlsteps"], ["a", "b"], "1", [], False, False]
    told[2] = told[2].replace("with dataset", "context = dataset.mount(); context.start(); os._exit(9)\nwith dataset")
    assert subprocess.run(told, env={**os.environ, "PYTHONPATH": str(shim)}).returncode == 9  # it never stops it
    end = time.monotonic() + 10
    while mount_points() and time.monotonic() < end:
        time.sleep(0.02)
    assert mount_points() == []


def test_dead_mounts_of_others_are_found(steps, two, tmp_path):
    point = tmp_path / "point"
    point.mkdir()
    made = mount(resolve_files(two.definition("a", "b"), open_store), str(point), print)
    os.kill(made.pid, signal.SIGKILL)
    while not made.is_broken:
        time.sleep(0.01)
    assert mount_points() == [str(point)]
    detach_dead()
    assert mount_points() == []


def test_a_name_that_is_a_file_and_a_folder_is_said(steps, web, tmp_path):
    web.files = {"a": b"1", "a/b": b"2"}
    with pytest.raises(StoreError, match="'a'"):
        mount(resolve_files(web.definition("a", "a/b"), open_store), str(tmp_path), print)
    assert mount_points() == []


@pytest.fixture(params=["blob", "s3", "gcs", "share"])
def place(request):
    return request.getfixturevalue(request.param)


def test_a_folder_of_a_real_store_is_mounted(steps, place):
    store = opened(place)
    content = {
        "a b.txt": b"1",
        "größe #1.txt": b"22",
        "50%/x.txt": b"333",
        "d/e/large": b"0123456789abcdef" * (700 << 10),
    }
    for name, data in content.items():
        store.write(f"in/{name}", data)
    name = place["document"]["name"]
    spec = steps.spec(
        LOOK,
        {"input": "data"},
        inputs=(reads(file_definition(name, "in")),),
        datastores={name: place["document"]},
    )
    result = LocalTarget().run(spec, {"datastores": {name: place["credentials"]}}, on_line=steps.lines.append)
    assert result.status == "Completed", (result.error, steps.lines)
    found = json.loads(steps.lines[-1])
    assert found["kinds"] == ["fuse.mlsteps"]
    shown = {name: data if len(data) < 1000 else digest_of_bytes(data).encode() for name, data in content.items()}
    assert {name: row[2].encode() for name, row in found["files"].items()} == shown
    times = {entry.path[3:]: int(entry.changed / 1e9) for entry in store.list("in")}
    assert {name: int(row[1]) for name, row in found["files"].items()} == times
    assert all(abs(time.time() - value) < 600 for value in times.values())
