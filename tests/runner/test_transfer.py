"""Steps that copy data: run by the real runner, stopped, killed."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.spec import InputSpec, OutputSpec
from mlsteps.registry.documents import get_datastore
from mlsteps.registry.unfinished import unfinished
from mlsteps.reuse.garbage import DAY, DELETE, KEEP
from mlsteps.reuse.interrupted import tidy
from mlsteps.runner.stores import Stores
from mlsteps.runner.transfer import transfer
from mlsteps.storage.open import open_store
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


LARGE = 130 << 20


class Ends(Exception):
    """The attempt ends here."""


class After:
    """Ends an attempt when it has asked so often whether it may go on; each piece of a large file asks."""

    def __init__(self, times: int) -> None:
        self._left = times

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Ends


def attempt(steps: Steps, times: int = 1000) -> list[str]:
    """One attempt in this process; what it logs."""
    stores = {name: get_datastore(steps.ws, name) for name in (STORE, SECOND)}
    spec = steps.spec(**ends("from", "to"), datastores=stores)
    lines: list[str] = []
    transfer(spec, Stores(spec, {}), lines.append, After(times))  # type: ignore[arg-type]
    return lines


@pytest.fixture
def interrupted(steps: Steps) -> Steps:
    """A transfer of a large file of which the only attempt has ended in the middle."""
    (steps.data / "from").mkdir(parents=True)
    (steps.data / "from" / "large").write_bytes(os.urandom(1 << 20) * (LARGE >> 20))
    with pytest.raises(Ends):
        attempt(steps, 4)
    return steps


def left(steps: Steps) -> list[str]:
    """What lies at the destination, hidden or not."""
    return sorted(os.listdir(second(steps, "to"))) if os.path.isdir(second(steps, "to")) else []


def test_what_an_attempt_left_is_no_result_and_the_next_one_goes_on_with_it(interrupted: Steps) -> None:
    assert len(left(interrupted)) == 2 and list(open_store(second(interrupted)).list()) == []
    assert [transfer.paths for transfer in unfinished(interrupted.ws)] == [("to/large",)]
    assert "were there already" in attempt(interrupted)[-1]
    assert left(interrupted) == ["large"] and os.path.getsize(second(interrupted, "to/large")) == LARGE
    assert unfinished(interrupted.ws) == []


def test_a_clean_up_shows_what_no_attempt_has_come_for_and_deletes_it_when_told(interrupted: Steps) -> None:
    ws = interrupted.ws
    (young,) = tidy(ws, 30 * DAY, apply=True)
    assert young.action == KEEP and "0.0 days ago" in young.reason and len(left(interrupted)) == 2
    (shown,) = tidy(ws, 0.0, apply=False)
    assert shown.action == DELETE and len(left(interrupted)) == 2
    assert shown.to_json()["bytes"] == LARGE and shown.to_json()["places"] == [f"{SECOND}/to/large"]
    (done,) = tidy(ws, 0.0, apply=True)
    assert done.action == DELETE and left(interrupted) == [] and tidy(ws, 0.0, apply=True) == []
    assert "were there already" not in attempt(interrupted)[-1]  # it begins anew


def test_a_clean_up_leaves_alone_what_a_run_may_still_go_on_with(interrupted: Steps) -> None:
    run_id = unfinished(interrupted.ws)[0].pipeline_run_id
    interrupted.runs.create(run_id, experiment="e", type="azureml.PipelineRun", steps=["copy"])
    interrupted.runs.write(run_id, "status", status="Running")
    (kept,) = tidy(interrupted.ws, 0.0, apply=True)
    assert kept.action == KEEP and kept.reason == f"run {run_id} has not ended" and len(left(interrupted)) == 2
    interrupted.runs.write(run_id, "status", status="Failed")
    assert [item.action for item in tidy(interrupted.ws, 0.0, apply=True)] == [DELETE]


def test_a_clean_up_that_cannot_reach_a_store_says_so_and_tries_again(interrupted: Steps) -> None:
    from mlsteps.errors import StoreError

    def unreachable(name: str) -> Any:
        raise StoreError(f"{name} is away")

    (kept,) = tidy(interrupted.ws, 0.0, apply=True, open_by_name=unreachable)
    assert kept.action == KEEP and "workspacefilestore is away" in kept.reason
    assert len(unfinished(interrupted.ws)) == 1
