"""Transfers in DAGs: run, reused by content, read by the steps after them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.steps.data_transfer import DataTransferStep
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace
from tests.operators.runs import Run, run

pytestmark = pytest.mark.airflow

READER = """
import os, sys
found = [os.path.join(at, name) for at, _, names in os.walk(sys.argv[1]) for name in names]
with open(sys.argv[2], "a") as file:
    file.write(",".join(sorted(open(path).read() for path in found)) + "\\n")
"""


class Transfers:
    """A workspace with two folders of files, and pipelines that copy between its datastores."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(None, None, "transfers")
        self.blob, self.files = (
            self.workspace.datastores[name] for name in ("workspaceblobstore", "workspacefilestore")
        )
        (folder / "source").mkdir()
        (folder / "source" / "read.py").write_text(READER)
        self.put("one.txt", "1")
        self.put("two.txt", "2")

    def put(self, name: str, text: str) -> None:
        self.blob._open().write(f"from/{name}", text.encode())

    def there(self, path: str = "to") -> dict[str, str]:
        store = self.files._open()
        return {entry.path: store.read(entry.path).decode() for entry in store.list(path)}

    def dag(self, **options: Any) -> Any:
        transfer = DataTransferStep(
            name="copy",
            source_data_reference=DataReference(self.blob, options.pop("name", "source"), "from"),
            destination_data_reference=DataReference(self.files, "target", options.pop("to", "to")),
            compute_target="adf",
            **options,
        )
        config = RunConfiguration()
        config.environment.python.user_managed_dependencies = True
        reader = PythonScriptStep(
            "read.py",
            name="read",
            source_directory=self.folder / "source",
            arguments=[transfer.get_output(), str(self.folder / "seen")],
            inputs=[transfer.get_output()],
            compute_target="local",
            runconfig=config,
        )
        return Pipeline(self.workspace, [reader]).as_dag("transfers")

    def seen(self) -> list[str]:
        return (self.folder / "seen").read_text().splitlines()


@pytest.fixture
def transfers(tmp_path: Path, airflow_home: Path) -> Transfers:
    return Transfers(tmp_path)


def test_copied_once_reused_while_nothing_changes_and_read_by_the_next_step(transfers: Transfers) -> None:
    first = run(transfers.dag())
    assert first.state == "success", first.states
    assert transfers.there() == {"to/one.txt": "1", "to/two.txt": "2"} and transfers.seen() == ["1,2"]
    assert first.outputs("copy")["target"]["count"] == 2
    again = run(transfers.dag(name="another_name"))
    assert again.states["copy"] == again.states["read"] == "skipped"
    transfers.put("one.txt", "new")
    third = run(transfers.dag())
    assert third.states["copy"] == third.states["read"] == "success"
    assert transfers.there()["to/one.txt"] == "new" and transfers.seen() == ["1,2", "2,new"]


def test_another_destination_or_type_is_another_transfer_and_damage_is_mended(transfers: Transfers) -> None:
    run(transfers.dag())
    elsewhere = run(transfers.dag(to="elsewhere"))
    assert elsewhere.states["copy"] == "success" and len(transfers.there("elsewhere")) == 2
    assert elsewhere.xcoms["read"]["return_value"]["reused"]  # it reads the same bytes, wherever they lie
    os.unlink(transfers.files._open().local_path("to/two.txt"))
    mended = run(transfers.dag())
    assert mended.states["copy"] == "success" and transfers.there()["to/two.txt"] == "2"


def test_allow_reuse_off_copies_each_time(transfers: Transfers) -> None:
    assert [run(transfers.dag(allow_reuse=False)).states["copy"] for _ in range(2)] == ["success", "success"]


def test_a_source_that_is_not_there_fails_with_its_name(transfers: Transfers) -> None:
    transfers.blob._open().delete("from")
    failed: Run = run(transfers.dag())
    assert failed.state == "failed" and failed.states["copy"] == "failed"
    (event,) = [e for e in _errors(transfers.workspace) if "from, does not exist" in e]
    assert event


def _errors(workspace: Workspace) -> list[str]:
    runs = workspace._run_store()
    ids = [run_id for name in runs.experiments() for run_id in runs.list(name)]
    children = [child for run_id in ids for child in runs.children(run_id)]
    return [str((runs.state(run_id).error or {}).get("message")) for run_id in children]
