"""Nodes that are machines of their own: real runners side by side in one workspace, told as pods of a Job are."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.manifest import FileEntry, OutputManifest
from mlsteps.registry.records import get_manifest
from mlsteps.runner.failure import StepFailure
from mlsteps.runner.nodes import merged
from tests.runner.support import writes

WRITES = """
    import os, sys
    for name in sys.argv[2:]:
        name, _, rank = name.partition("@")
        if rank in ("", os.environ["RANK"]):
            with open(os.path.join(sys.argv[1], name.replace("R", os.environ["RANK"])), "w") as stream:
                stream.write("of " + os.environ["RANK"])
    print("done", flush=True)
"""
PYTORCH = {"kind": "pytorch", "nodes": 2, "per_node": 1, "backend": "Gloo"}


class Nodes:
    """Two nodes of one step, each with a work directory of its own."""

    def __init__(self, steps, monkeypatch) -> None:
        self.steps, self.lines = steps, {0: [], 1: []}
        self._monkeypatch = monkeypatch
        self.others = steps.folder / "others.json"
        monkeypatch.setenv("MLSTEPS_NODES", "127.0.0.1,127.0.0.1")
        monkeypatch.setenv("MLSTEPS_NODES_OTHERS", str(self.others))

    def run(self, number, spec):
        self._monkeypatch.setenv("JOB_COMPLETION_INDEX", str(number))
        own = replace(spec, work_directory=f"{spec.work_directory}-{number}")
        return LocalTarget().run(own, {}, on_line=self.lines[number].append)

    def hand(self, result) -> None:
        data = {"1": {name: item.to_json() for name, item in result.outputs.items()}}
        temporary = self.others.with_suffix(".tmp")
        temporary.write_text(json.dumps(data))
        os.replace(temporary, self.others)


@pytest.fixture
def nodes(steps, monkeypatch):
    return Nodes(steps, monkeypatch)


def test_the_first_node_waits_and_its_outputs_are_those_of_all(nodes):
    steps = nodes.steps
    more = {"outputs": (writes(),), "distribution": PYTORCH}
    spec = steps.spec(WRITES, {"output": "out"}, "part-R", "shared", **more)
    second = nodes.run(1, spec)
    assert (second.status, second.error) == ("Completed", {})
    assert get_manifest(steps.ws, f"manifests/{spec.run_id}/out.json") is None  # which is for the first to write

    found = []
    thread = threading.Thread(target=lambda: found.append(nodes.run(0, spec)))
    thread.start()
    while not any("done" in line for line in nodes.lines[0]):
        time.sleep(0.05)
    assert (steps.data / "results/out/shared").read_text() == "of 1"
    nodes.hand(second)
    thread.join()
    (first,) = found
    assert (first.status, first.error) == ("Completed", {})
    assert [entry.path for entry in first.outputs["out"].files] == ["part-0", "part-1", "shared"]
    assert (steps.data / "results/out/shared").read_text() == "of 0"  # the first node brings its own last
    assert get_manifest(steps.ws, f"manifests/{spec.run_id}/out.json") == first.outputs["out"]
    for entry in first.outputs["out"].files:
        assert entry.stamp == str((steps.data / "results/out" / entry.path).stat().st_mtime_ns)

    steps.last = spec.run_id
    assert steps.artifact("user_logs/std_log.txt") == "[rank 0] done\n"
    assert steps.artifact("user_logs/std_log_node_1.txt") == "[rank 1] done\n"
    said = [event["status"] for event in steps.runs.events(spec.run_id) if event["kind"] == "status"]
    assert said == ["Preparing", "Running", "Finalizing"]  # once each: the run is one


@pytest.mark.parametrize(
    ("output", "code", "path"),
    [
        (writes(mode="upload", path_on_compute="mine"), "open('mine/a', 'w')", "a"),
        (writes(kind="pipeline_data", is_directory=False), "open(sys.argv[1], 'w')", ""),
    ],
)
def test_what_only_another_node_has_written_is_there(nodes, output, code, path):
    code = f"import os, sys\nif os.environ['RANK'] == '1':\n    {code}.close()"
    spec = nodes.steps.spec(code, {"output": "out"}, outputs=(output,), distribution=PYTORCH)
    nodes.hand(nodes.run(1, spec))
    first = nodes.run(0, spec)
    assert (first.status, first.error) == ("Completed", {})
    assert [entry.path for entry in first.outputs["out"].files] == [path]


def test_a_first_node_that_waits_can_be_cancelled(nodes):
    spec = nodes.steps.spec("print('done', flush=True)", distribution=PYTORCH)
    target, found = LocalTarget(), []
    nodes._monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    lines = nodes.lines[0]
    thread = threading.Thread(target=lambda: found.append(target.run(spec, {}, on_line=lines.append)))
    thread.start()
    while not lines:
        time.sleep(0.05)
    target.stop()
    thread.join()
    assert found[0].status == "Canceled"


class Unasked:
    """A store whose files are as their manifests say."""

    def entry(self, path):
        return None


def of(*rows):
    return OutputManifest.of([FileEntry(path, 1, digest, "s") for path, digest in rows])


def test_two_nodes_that_write_one_file_differently_are_told_of():
    made = {1: {"out": of(("a", "1"))}, 2: {"out": of(("a", "2"), ("b", "2"))}}
    with pytest.raises(StepFailure, match="nodes 1 and 2 have both written a, .* RANK is 0"):
        merged("out", of(("c", "0")), made, Unasked(), "p")
    assert merged("out", of(("a", "0")), made, Unasked(), "p") == of(("a", "0"), ("b", "2"))  # the first decides
    same = {1: {"out": of(("a", "1"))}, 2: {"out": of(("a", "1"))}}
    assert merged("out", of(), same, Unasked(), "p") == of(("a", "1"))


def test_a_file_and_a_folder_are_not_one_output():
    with pytest.raises(StepFailure, match="one node has written a file there, and another one a folder"):
        merged("out", of(("", "0")), {1: {"out": of(("a", "1"))}}, Unasked(), "p")
    single = merged("out", None, {1: {"out": of(("", "1"))}}, Unasked(), "p")
    assert single.is_file
