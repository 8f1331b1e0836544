"""Steps that fail: what they say, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azureml.core import Dataset, Experiment, Workspace
from azureml.exceptions import ActivityFailedException
from azureml.pipeline.core import Pipeline, PipelineData, PipelineRun
from azureml.pipeline.steps import PythonScriptStep
from tests.e2e.airflow import wait_for
from tests.e2e.chain import executions, run_config

SCRIPT = """
import os, sys, time
name = sys.argv[1]
note = open(os.environ["NOTES"], "a"); note.write(name + "\\n"); note.close()
print("standard output of", name, flush=True)
if name == "fails":
    while os.path.exists(os.environ["NOTES"] + ".wait") and "slow" not in open(os.environ["NOTES"]).read():
        time.sleep(0.05)
    print("the reason is on standard error", file=sys.stderr)
    sys.exit(3)
if name == "slow":
    time.sleep(100)
"""


@pytest.fixture
def step(tmp_path: Path) -> Callable[..., PythonScriptStep]:
    """Makes steps that run one script; its first argument is the step's name."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "step.py").write_text(SCRIPT)
    config = run_config(tmp_path / "notes")

    def make(name: str, *arguments: Any, **options: Any) -> PythonScriptStep:
        folder = str(tmp_path / "source")
        return PythonScriptStep(
            "step.py", name=name, arguments=[name, *arguments], source_directory=folder, runconfig=config, **options
        )

    return make


def error_of(run: PipelineRun, name: str) -> str:
    """What the run of a step that failed says of it; every fault here is the user's to mend."""
    (step,) = run.find_step_run(name)
    assert step.get_status() == "Failed"
    error = step.get_details()["error"]["error"]
    assert error["code"] == "UserError"
    return error["message"]


def test_with_continue_on_step_failure_only_what_is_below_a_failed_step_does_not_run(
    ws: Workspace, step: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = PipelineData("out"), PipelineData("file", is_directory=False)
    missing = Dataset.File.from_files([(ws.get_default_datastore(), "not/there/*.csv")], validate=False)
    good, after = step("good"), step("after")
    after.run_after(good)
    steps = [
        step("fails", out, outputs=[out]),
        step("below", inputs=[out]),
        step("silent", file, outputs=[file]),
        step("lost", inputs=[missing.as_named_input("numbers").as_download()]),
        after,
    ]
    run = Experiment(ws, "going_on").submit(Pipeline(ws, steps), continue_on_step_failure=True)
    assert run.wait_for_completion(show_output=True, raise_on_error=False) == "Failed"
    assert executions(tmp_path / "notes") == ["after", "fails", "good", "silent"]
    assert [run.find_step_run(name)[0].get_status() for name in ("good", "after")] == ["Finished", "Finished"]
    assert run.find_step_run("below") == []
    assert error_of(run, "fails") == (
        "The script ended with exit code 3.\nstandard output of fails\nthe reason is on standard error"
    )
    assert "Output 'file': the script ended well but wrote nothing at " in error_of(run, "silent")
    assert "Input 'numbers' could not be staged: The dataset's path 'not/there/*.csv'" in error_of(run, "lost")
    text = capsys.readouterr().out
    assert "StepRun( fails ) Status: Failed\n" in text
    assert "[fails] the reason is on standard error\n" in text


def test_without_it_a_failure_ends_the_rest(ws: Workspace, step: Callable, tmp_path: Path) -> None:
    (tmp_path / "notes.wait").touch()
    fails, slow, after = step("fails"), step("slow"), step("after")
    after.run_after(slow)
    run = Experiment(ws, "ending").submit(Pipeline(ws, [fails, slow, after]))
    with pytest.raises(ActivityFailedException) as error:
        run.wait_for_completion(show_output=False)
    assert f"The pipeline run {run.id} failed: step 'fails'" in str(error.value)
    assert "exit code 3.\nLast lines of its output:\nstandard output of fails\nthe reason is" in str(error.value)
    assert run.get_status() == "Failed"
    details = run.get_details()
    assert "Step 'fails'" in details["error"]["error"]["message"]
    assert details["endTimeUtc"] > details["startTimeUtc"]
    wait_for(lambda: run.find_step_run("slow")[0].get_status() == "Canceled", "the step that still runs is stopped")
    assert executions(tmp_path / "notes") == ["fails", "slow"]
    assert {step.get_status() for step in run.find_step_run("after")} <= {"Canceled"}
