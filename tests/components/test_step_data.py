"""Inputs and outputs of real steps on real stores of every kind: names, sizes, times, and when what is there."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.spec import InputSpec, OutputSpec, StepResult
from mlsteps.registry.records import get_manifest
from mlsteps.storage.mounting.mount import why_not
from mlsteps.storage.mounting.points import mount_points
from mlsteps.storage.verify import verify
from tests.components.conftest import opened
from tests.runner.support import Steps
from tests.storage.contract import ODD_NAMES, paths


@pytest.fixture(params=["local", "blob", "s3", "gcs", "share"])
def place(request) -> dict[str, Any]:
    return request.getfixturevalue(request.param)


@pytest.fixture
def steps(tmp_path, home) -> Steps:
    return Steps(tmp_path)


def odd_files(place: dict[str, Any]) -> dict[str, bytes]:
    """Content by path; a share has no name for a question mark."""
    kept = [name for name in ODD_NAMES if "?" not in name or place["document"]["name"] != "share"]
    return {f"d {number % 3}/{name}": name.encode() * number for number, name in enumerate(kept)}


def run(steps: Steps, place: dict[str, Any], code: str, *arguments: Any, **ports: Any) -> StepResult:
    name = place["document"]["name"]
    spec = steps.spec(code, *arguments, datastores={name: place["document"]}, **ports)
    steps.last = spec.run_id
    return LocalTarget().run(spec, {"datastores": {name: place["credentials"]}}, on_line=steps.lines.append)


LOOK = """
    import json, os, sys
    found = {}
    for parent, folders, names in os.walk(sys.argv[1], followlinks=True):
        for name in names:
            file = os.path.join(parent, name)
            told = os.stat(file)
            found[os.path.relpath(file, sys.argv[1])] = [told.st_size, told.st_mtime, open(file).read()]
    print(json.dumps(found))
"""


@pytest.mark.parametrize("mode", ["mount", "download"])
def test_odd_names_sizes_and_times_of_an_input(steps: Steps, place, mode: str) -> None:
    if mode == "mount" and why_not() is not None:
        pytest.skip(f"needs FUSE: {why_not()}")
    store, files = opened(place), odd_files(place)
    for path, data in files.items():
        store.write(f"in #1/{path}", data)
    definition = file_definition(place["document"]["name"], "in #1")
    given = InputSpec(name="data", definition=definition, kind="file", mode=mode)
    result = run(steps, place, LOOK, {"input": "data"}, inputs=(given,))
    assert result.status == "Completed", (result.error, steps.lines)
    found = json.loads(steps.lines[-1])
    assert {path: row[2].encode() for path, row in found.items()} == files
    assert {path: row[0] for path, row in found.items()} == {path: len(data) for path, data in files.items()}
    if mode == "mount" or store.local_path("") is None:  # a copy of a local file is written now
        times = {entry.path[len("in #1/") :]: entry.changed // 10**9 for entry in store.list("in #1")}
        assert {path: int(row[1]) for path, row in found.items()} == times
    assert mount_points() == []


WRITE = """
    import json, os, sys, time
    for path, text in json.loads(sys.argv[2]).items():
        file = os.path.join(sys.argv[1], path)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w") as opened:
            opened.write(text)
    still = open(os.path.join(sys.argv[1], "open"), "w")
    still.write("not yet")
    still.flush()
    end = time.monotonic() + 60
    while not os.path.exists(sys.argv[3]) and time.monotonic() < end:
        time.sleep(0.02)
    still.write(", now")
"""


def test_what_is_closed_is_in_the_store_while_the_script_runs(steps: Steps, place, tmp_path: Path) -> None:
    """Into a local store all goes by one rename at the end."""
    files, go, done = odd_files(place), tmp_path / "go", []
    output = OutputSpec("out", "file", place["document"]["name"], "results/o ut")
    texts = json.dumps({path: data.decode() for path, data in files.items()})
    told = (WRITE, {"output": "out"}, texts, str(go))
    thread = threading.Thread(target=lambda: done.append(run(steps, place, *told, outputs=(output,))))
    thread.start()
    store = opened(place)
    if store.local_path("") is None:
        end = time.monotonic() + 50
        while len(paths(store, "results")) < len(files) and time.monotonic() < end:
            time.sleep(0.2)
        assert {path: store.read(f"results/o ut/{path}") for path in files} == files
        assert store.entry("results/o ut/open") is None
        assert get_manifest(steps.ws, f"manifests/{steps.last}/out.json") is None  # it is no result yet
    go.touch()
    thread.join(60)
    assert done and done[0].status == "Completed", (done and done[0].error, steps.lines)
    found = {entry.path: store.read(entry.path) for entry in store.list("results")}
    assert found == {f"results/o ut/{path}": data for path, data in {**files, "open": b"not yet, now"}.items()}
    manifest = get_manifest(steps.ws, f"manifests/{steps.last}/out.json")
    assert manifest is not None and verify(manifest, store, "results/o ut") == []


def test_an_upload_takes_what_patterns_match_and_overwrites_when_told(steps: Steps, place, tmp_path: Path) -> None:
    store, files = opened(place), odd_files(place)
    texts = json.dumps({path: data.decode() for path, data in files.items()})
    (tmp_path / "go").touch()

    def uploaded(**more: Any) -> StepResult:
        output = OutputSpec("out", "file", place["document"]["name"], "up", mode="upload", **more)
        return run(steps, place, WRITE, {"output": "out"}, texts, str(tmp_path / "go"), outputs=(output,))

    assert uploaded(globs=("d 1/**",)).status == "Completed"
    assert paths(store) == sorted(f"up/{path}" for path in files if path.startswith("d 1/"))
    taken = next(iter(files))
    store.write(f"up/{taken}", b"other")
    refused = uploaded()
    assert (refused.status, (refused.error or {})["category"]) == ("Failed", "output")
    assert taken in str(refused.error) and store.read(f"up/{taken}") == b"other"
    result = uploaded(overwrite=True)
    assert result.status == "Completed", (result.error, steps.lines)
    assert {path: store.read(f"up/{path}") for path in files} == files
