"""Clean-up as people call it: the example DAG, and ``airflow mlsteps gc``."""

from __future__ import annotations

import importlib.util
import json
from argparse import Namespace
from pathlib import Path

import pytest

from mlsteps.operators.cleanup import clean_up
from mlsteps.registry.unfinished import Unfinished, begin, unfinished
from mlsteps.registry.workspaces import open_workspace
from tests.operators.runs import run
from tests.reuse.test_garbage import PIPELINE, aged, files
from tests.reuse.world import World

EXAMPLE = Path(__file__).parent.parent.parent / "dags_examples" / "clean_up.py"


@pytest.fixture
def world(airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", made.ws.root)
    made.ws = open_workspace({"name": "w", "root": made.ws.root})
    made.run(*PIPELINE)
    aged(made)
    return made


def test_the_example_runs(world: World) -> None:
    spec = importlib.util.spec_from_file_location("clean_up", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kept = run(module.dag, apply=False)
    assert kept.xcoms["clean_up"]["return_value"]["delete"]["steps"] == 2 and len(files(world)) == 2
    done = run(module.dag, apply=True)
    assert done.state == "success", done.states
    assert done.xcoms["clean_up"]["return_value"]["delete"]["files"] == 2 and files(world) == []


def test_a_wrong_length_of_time_fails_for_good(world: World) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="'30' is no length of time"):
        clean_up("30")


class TestCommand:
    def called(self, world: World, capsys: pytest.CaptureFixture[str], **options: object) -> str:
        from mlsteps.cli.gc import gc

        usual = {"workspace": world.ws.root, "older_than": "30d", "apply": False, "all": False, "output": "table"}
        gc(Namespace(**{**usual, **options}, verbose=False, subcommand="mlsteps"))
        return capsys.readouterr().out

    def test_parts_that_a_transfer_left(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        begin(
            world.ws, Unfinished(0, "workspaceblobstore", "to/.mlsteps-tmp-transfer-1", ("to/f",), 9, "copy", "r", "p")
        )
        world.store.write("to/.mlsteps-tmp-transfer-1/part-1.json", b'["to/f", ""]')
        text = self.called(world, capsys, older_than="0s")
        assert "copy" in text and "To be deleted: parts that 1 interrupted transfers left. Kept: those of 0." in text
        assert clean_up("0s", apply=False)["parts"] == {"delete": 1, "keep": 0}
        assert "Deleted: parts that 1 interrupted" in self.called(world, capsys, older_than="0s", apply=True)
        assert not world.store.kind("to/.mlsteps-tmp-transfer-1") and unfinished(world.ws) == []
        assert "parts" not in clean_up("0s", apply=False)

    def test_it_shows_then_deletes(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        text = self.called(world, capsys)
        assert "To be deleted: outputs of 2 steps, 2 files" in text and "--apply does it" in text
        assert "nothing stands on them" not in text and "prepare" in text and len(files(world)) == 2
        rows = json.loads(self.called(world, capsys, output="json"))
        assert {(row["action"], row["step"], row["files"]) for row in rows} == {
            ("delete", "prepare", 1),
            ("delete", "train", 1),
        }
        assert "Kept: outputs of 2 steps" in self.called(world, capsys, older_than="60d")
        assert "Deleted: outputs of 2 steps" in self.called(world, capsys, apply=True)
        assert files(world) == []

    def test_bad_input(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="a number and d, h, m or s"):
            self.called(world, capsys, older_than="soon")
