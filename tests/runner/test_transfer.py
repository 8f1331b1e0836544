"""Steps that copy data: run by the real runner, stopped, killed."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.spec import InputSpec, OutputSpec
from mlsteps.registry.documents import get_datastore
from tests.runner.support import STORE, Steps

SECOND = "workspacefilestore"


def ends(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {
        "argv": ("transfer",),
        "interpreter": "",
        "inputs": (InputSpec("in", file_definition(STORE, source), "reference", "mount", writable=True),),
        "outputs": (OutputSpec("out", "pipeline_data", SECOND, target, mode="upload", overwrite=True),),
        "transfer": {"source": "in", "destination": "out", **more},
    }


def run(steps: Steps, source: str, target: str, **more: Any):
    stores = {name: get_datastore(steps.ws, name) for name in (STORE, SECOND)}
    return steps.run(**ends(source, target, **more), datastores=stores)


def second(steps: Steps, path: str = "") -> str:
    return os.path.join(os.path.dirname(str(steps.data)), SECOND, path)


def read(steps: Steps, path: str) -> str:
    with open(second(steps, path)) as file:
        return file.read()


def test_a_folder_is_copied_and_told(steps: Steps) -> None:
    steps.put("from/a.txt", "A")
    steps.put("from/s/b.txt", "B")
    result = run(steps, "from", "to")
    assert result.status == "Completed", result.error
    assert [item.path for item in result.outputs["out"].files] == ["a.txt", "s/b.txt"]
    assert read(steps, "to/s/b.txt") == "B"
    text = steps.artifact("user_logs/std_log.txt")
    assert "2 files, 2 bytes to the directory" in text and "Transferred 2 files, 2 bytes" in text
    assert any("Transferred 2 files" in line for line in steps.lines)


def test_types_choose(steps: Steps) -> None:
    steps.put("from/a.txt", "A")
    result = run(steps, "from/a.txt", "", destination_reference_type="directory")
    assert result.status == "Completed", result.error
    assert read(steps, "a.txt") == "A"
    result = run(steps, "from", "x", source_reference_type="file")
    assert (result.status, result.error["category"]) == ("Failed", "input")
    assert "does not exist as a file" in result.error["message"]
    result = run(steps, "from", "x", destination_reference_type="file")
    assert (result.status, result.error["category"]) == ("Failed", "user")


def test_nothing_there_is_an_input_error(steps: Steps) -> None:
    result = run(steps, "absent", "to")
    assert (result.status, result.error["category"]) == ("Failed", "input")
    assert "absent, does not exist" in result.error["message"]


def test_a_stopped_transfer_leaves_no_part_and_the_next_goes_on(steps: Steps) -> None:
    for number in range(20):
        path = steps.data / f"from/f{number:02d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1 << 20) * 24)
    stores = {name: get_datastore(steps.ws, name) for name in (STORE, SECOND)}
    spec = steps.spec(**ends("from", "to"), datastores=stores)
    target, answers = LocalTarget(), []
    thread = threading.Thread(target=lambda: answers.append(target.run(spec, {}, on_line=steps.lines.append)))
    thread.start()
    deadline = time.monotonic() + 120
    while not os.path.isdir(second(steps, "to")) and time.monotonic() < deadline:
        time.sleep(0.005)
    target.stop()
    thread.join(120)
    sizes = {name: os.path.getsize(second(steps, f"to/{name}")) for name in os.listdir(second(steps, "to"))}
    whole = {name: size for name, size in sizes.items() if name.startswith("f")}
    assert set(whole.values()) <= {24 << 20}
    assert answers[0].status in ("Canceled", "Completed")  # it may have been quicker
    assert run(steps, "from", "to").status == "Completed"
    assert sorted(os.listdir(second(steps, "to"))) == [f"f{number:02d}" for number in range(20)]
