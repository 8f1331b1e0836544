"""Files of mounted outputs of remote stores: there when they are closed, a result when the step has succeeded."""

from __future__ import annotations

import os
import textwrap

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.registry.records import get_manifest
from tests.runner.support import writes

#: A script that waits until the store holds what it should.
WAIT = """
    import os, sys, time
    place, store = sys.argv[1], {store!r}
    def there(name):
        return os.path.exists(os.path.join(store, name))
    def wait(name):
        end = time.monotonic() + 120
        while not there(name):
            assert time.monotonic() < end, name
            time.sleep(0.02)
    os.makedirs(place + "/d", exist_ok=True)
"""


@pytest.fixture
def far(tmp_path):
    """A store that is not local, as far as mlsteps can tell."""
    (tmp_path / "far" / "area").mkdir(parents=True)
    document = {"name": "far", "type": "Custom", "url": "dir://area"}
    return tmp_path / "far" / "area", document, {"path": str(tmp_path / "far"), "target_protocol": "file"}


def run(steps, far, code, output):
    area, document, credentials = far
    whole = textwrap.dedent(WAIT).format(store=str(area / output.path)) + textwrap.dedent(code)
    spec = steps.spec(whole, {"output": output.name}, outputs=(output,), datastores={"far": document})
    steps.last = spec.run_id
    return LocalTarget().run(spec, {"datastores": {"far": credentials}}, on_line=steps.lines.append)


def files(far, path="results/out"):
    root = far[0] / path
    return {str(item.relative_to(root)): item.read_text() for item in root.rglob("*") if item.is_file()}


@pytest.mark.parametrize("kind", ["file", "pipeline_data"])
def test_a_file_is_there_once_it_is_closed_and_is_not_sent_again(steps, far, kind):
    code = """
        open(place + "/d/a b#1.txt", "w").write("closed")
        still = open(place + "/open.txt", "w")
        still.write("open")
        still.flush()
        wait("d/a b#1.txt")
        time.sleep(2.5)
        print(there("open.txt"), os.stat(store + "/d/a b#1.txt").st_mtime_ns)
    """
    result = run(steps, far, code, writes(datastore="far", kind=kind))
    assert result.status == "Completed", (result.error, steps.lines)
    was_there, written = steps.lines[-1].split()
    assert was_there == "False"
    assert files(far) == {"d/a b#1.txt": "closed", "open.txt": "open"}
    assert os.stat(far[0] / "results/out/d/a b#1.txt").st_mtime_ns == int(written)
    assert [entry.path for entry in result.outputs["out"].files] == ["d/a b#1.txt", "open.txt"]


def test_what_is_written_again_removed_or_renamed_is_as_the_script_left_it(steps, far):
    code = """
        for name in ("again", "removed", "before"):
            open(place + "/" + name, "w").write(name)
        for name in ("again", "removed", "before"):
            wait(name)
        open(place + "/again", "a").write(" and again")
        os.unlink(place + "/removed")
        os.rename(place + "/before", place + "/after")
    """
    result = run(steps, far, code, writes(datastore="far"))
    assert result.status == "Completed", (result.error, steps.lines)
    assert files(far) == {"again": "again and again", "after": "before"}
    assert [entry.path for entry in result.outputs["out"].files] == ["after", "again"]


def test_of_a_script_that_fails_nothing_counts(steps, far):
    code = 'open(place + "/a", "w").write("1"); wait("a"); raise SystemExit(1)'
    result = run(steps, far, code, writes(datastore="far"))
    assert (result.status, result.outputs) == ("Failed", {})
    assert get_manifest(steps.ws, f"manifests/{steps.last}/out.json") is None


@pytest.mark.parametrize("why", ["something is there", "upload"])
def test_other_outputs_are_sent_at_the_end(steps, far, why):
    output = writes(datastore="far", mode="upload" if why == "upload" else "mount")
    if why != "upload":
        (far[0] / "results/out").mkdir(parents=True)
        (far[0] / "results/out/old").write_text("old")
    code = 'open(place + "/a", "w").write("1"); time.sleep(3.5); print(there("a")); raise SystemExit(1)'
    assert run(steps, far, code, output).status == "Failed"
    assert steps.lines[-1] == "False"
    assert "a" not in files(far)
