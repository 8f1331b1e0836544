"""Commands that read: a run that has ended, its outputs, datasets, models and schedules."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.cli.shop import Shop, Terminal

pytestmark = pytest.mark.usefixtures("_home")


@pytest.fixture
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))


@pytest.fixture
def shell(ran: Shop, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(ran, capsys)


def test_runs_are_listed_and_found_by_the_first_digits_and_as_the_latest(shell: Terminal, ran: Shop) -> None:
    (row,) = shell.json("runs", "list", "--pipeline", "daily")
    assert (row["status"], row["experiment"]) == ("Completed", "daily")
    assert row["seconds"] > 0
    for text in (row["id"], row["id"][:8], "latest"):
        shown = shell.json("runs", "show", text)
        assert shown["id"] == row["id"] and shown["pipeline_id"] == ran.published["id"]
        assert [(step["step"], step["status"], step["reused"]) for step in shown["steps"]] == [
            ("prepare", "Completed", False),
            ("train", "Completed", False),
        ]
        assert shown["parameters"] == {"text": "from the trigger"}
    assert shell.json("runs", "list", "--status", "failed") == []
    assert row["id"] in shell("runs", "list")


def test_explain_takes_the_run_and_the_workspace_that_other_commands_take(shell: Terminal) -> None:
    whole = shell.json("runs", "show", "latest")["id"]
    for words in ([], ["latest"], [whole], [whole[:8]]):
        found = shell.json("explain", *words)
        assert found["run_id"] == whole and [step["step"] for step in found["steps"]] == ["prepare", "train"]
    shell("explain", "0" * 8, code=2)


def test_what_is_not_there_is_said_and_is_exit_code_2(shell: Terminal) -> None:
    for command in (
        ["runs", "show", "0" * 8],
        ["pipelines", "show", "absent"],
        ["datasets", "show", "absent"],
        ["datasets", "show", "clean_data:9"],
        ["models", "show", "absent"],
        ["schedules", "show", "absent"],
        ["runs", "logs", "latest", "--step", "absent"],
    ):
        shell(*command, code=2)
        assert any(text in shell.said.err for text in ("There is no", "no model", "has no step")), command


def test_logs_of_a_run_and_of_a_step(shell: Terminal) -> None:
    assert "[prepare] prepared from the trigger" in shell("runs", "logs", "latest").splitlines()
    assert "prepared from the trigger" in shell("runs", "logs", "latest", "--step", "Prepare data").splitlines()
    assert shell("runs", "logs", "latest", "--follow", "--step", "prepare", "--lines", "1").count("\n") == 1


def test_outputs_are_listed_and_downloaded(shell: Terminal, tmp_path: Path) -> None:
    clean, model = shell.json("runs", "outputs", "latest", "--download", str(tmp_path / "copy"))
    assert (clean["step"], clean["output"], clean["files"], clean["dataset"]) == ("prepare", "clean", 1, "clean_data:1")
    assert (tmp_path / "copy/train/model/model.txt").read_text() == "model of from the trigger"
    assert model["place"].startswith("azureml://datastores/workspaceblobstore/paths/azureml/")


def test_datasets(shell: Terminal, tmp_path: Path) -> None:
    (row,) = shell.json("datasets", "list")
    assert (row["name"], row["version"], row["kind"]) == ("clean_data", 1, "file")
    assert shell.json("datasets", "show", "clean_data:1") == row
    assert [item["version"] for item in shell.json("datasets", "versions", "clean_data")] == [1]
    shell("datasets", "download", "clean_data", "-d", str(tmp_path / "here"))
    assert (tmp_path / "here/data.txt").read_text() == "from the trigger"
    shell("datasets", "download", "clean_data", "-d", str(tmp_path / "here"), code=2)
    shell("datasets", "download", "clean_data", "-d", str(tmp_path / "here"), "--overwrite")


def test_models(shell: Terminal, tmp_path: Path) -> None:
    (row,) = shell.json("models", "list")
    assert (row["id"], row["framework"], row["tags"]) == ("net:1", "Custom", {"kind": "test"})
    assert shell.json("models", "versions", "net")[0]["version"] == 1
    shell("models", "download", "net:1", "--directory", str(tmp_path / "m"))
    assert (tmp_path / "m/train/train.py").is_file()


def test_schedules_can_be_switched_off_and_on(shell: Terminal) -> None:
    (row,) = shell.json("schedules", "list")
    assert (row["name"], row["status"]) == ("nightly", "Active")
    assert row["next"].endswith("T03:30:00Z") and row["fires"].startswith("Every day at 03:30")
    assert shell.json("schedules", "disable", "nightly")["status"] == "Disabled"
    assert shell.json("schedules", "list") == []
    assert shell.json("schedules", "list", "--all")[0]["next"] is None
    assert shell.json("schedules", "enable", row["id"][:8])["status"] == "Active"
    assert shell.json("schedules", "runs", "nightly") == []


def test_a_workspace_tells_what_it_holds(shell: Terminal, ran: Shop) -> None:
    found = shell.json("workspace", "show")
    assert found["root"] == ran.root and found["datasets"] == ["clean_data:1"]
    assert (found["models"], found["pipelines"], found["schedules"]) == (["net:1"], ["daily"], ["nightly"])


def test_other_forms_say_the_same(shell: Terminal) -> None:
    import yaml

    rows = shell.json("datasets", "list")
    assert yaml.safe_load(shell("datasets", "list", "-o", "yaml")) == rows
    assert shell("datasets", "list", "-o", "plain").split("\t")[:3] == ["clean_data", "1", "file"]


def test_a_table_fits_a_narrow_terminal_and_loses_nothing(
    shell: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = shell.json("runs", "list")[0]["id"]
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    told = re.sub("\x1b\\[[0-9;]*m", "", shell("runs", "list"))
    assert max(map(len, told.splitlines())) <= 80
    assert run_id in told and "Completed" in told and "Z" in told
