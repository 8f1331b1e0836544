"""What runs and what is reused, counted by executions of real scripts, in runs of Airflow's ``dag.test()``."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.contracts.graph import PipelineGraph, StepNode
from mlsteps.registry.pipeline_status import attempts
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import dag
from tests.operators.pipelines import PYTHON, TwoSteps
from tests.operators.runs import run

pytestmark = pytest.mark.usefixtures("airflow_home")
REUSED = {"plan": "success", "prepare": "skipped", "train": "skipped"}
RAN = {"plan": "success", "prepare": "success", "train": "success"}


def test_a_second_run_starts_no_script_and_hands_on_the_same_outputs(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "reuse_twice")
    first, second = run(pipeline), run(pipeline)
    assert (first.states, second.states, second.state) == (RAN, REUSED, "success")
    assert two.executions() == {"prepare": 1, "train": 1}
    assert second.outputs("train") == first.outputs("train")
    told = second.xcoms["plan"]["plan"]["steps"]
    assert {name: step["action"] for name, step in told.items()} == {"prepare": "reuse", "train": "reuse"}
    assert told["train"]["outputs"] == first.xcoms["train"]["return_value"]["outputs"]
    assert told["train"]["source"] == first.xcoms["train"]["return_value"]["step_run_id"]
    assert first.run_id.replace(":", "%3A").replace("+", "%2B") in second.xcoms["train"]["_link_SourceRunLink"]


def test_same_bytes_from_a_changed_step_leave_its_consumers_reusable(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "early_cutoff")
    run(pipeline)
    script = two.sources["prepare"] / "prepare.py"
    script.write_text("# a comment\n" + script.read_text())
    second = run(pipeline)
    assert two.executions() == {"prepare": 2, "train": 1}
    assert second.states == RAN  # train decided in its own task, and did not start its script
    assert second.xcoms["train"]["return_value"]["reused"] is True
    assert run(pipeline).states == REUSED


def test_other_bytes_run_the_consumers_again(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "other_bytes")
    run(pipeline)
    second = run(pipeline, text="other")
    assert two.executions() == {"prepare": 2, "train": 2}
    assert second.xcoms["plan"]["plan"]["steps"]["prepare"]["reason"].startswith("1 of ")
    assert run(pipeline, text="hello").states == run(pipeline, text="other").states == REUSED


def test_a_touched_file_and_a_renamed_input_make_no_difference(two: TwoSteps) -> None:
    run(dag(two.graph(), "names"))
    (two.sources["train"] / "train.py").touch()
    assert run(dag(two.graph(input_name="renamed"), "names")).states == REUSED
    assert run(dag(two.graph(), "names_in_another_dag")).states == REUSED
    assert two.executions() == {"prepare": 1, "train": 1}


def test_a_lost_output_makes_its_step_run_again_and_says_so(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "lost_output")
    first = run(pipeline)
    (lost,) = Path(two.root, "stores").rglob("model.txt")
    lost.unlink()
    second = run(pipeline)
    assert two.executions() == {"prepare": 1, "train": 2}
    assert second.states == {"plan": "success", "prepare": "skipped", "train": "success"}
    assert "model.txt" in second.xcoms["plan"]["plan"]["steps"]["train"]["reason"]
    assert second.outputs("train")["model"]["path"] != first.outputs("train")["model"]["path"]
    assert run(pipeline).states == REUSED


def test_a_reused_step_has_its_inputs_whoever_decided(two: TwoSteps) -> None:
    pipeline = dag(two.graph(), "inputs_of_reused")
    runs = RunStore(WorkspaceStore(str(two.root)))
    seen = []
    for text in ("hello", "hello", " hello"):  # made; reused by plan; reused by its own task, below one that ran
        done = run(pipeline, text=text)
        train = attempts(runs, pipeline_run_id("inputs_of_reused", done.run_id))["train"]
        place = done.outputs("prepare")["clean"]["path"]
        (document,) = runs.state(train).inputs.values()
        assert document["definition"]["paths"] == [{"datastore": "workspaceblobstore", "path": place}]
        seen.append((document["name"], document["kind"], document["mode"], runs.state(train).reused is not None))
    assert [item[:3] for item in seen] == [seen[0][:3]] * 3
    assert [item[3] for item in seen] == [False, True, True]


def test_regenerate_outputs_runs_everything_and_later_runs_use_the_new_outputs(two: TwoSteps) -> None:
    run(dag(two.graph(), "regenerate"))
    second = run(dag(two.graph(), "regenerate"), regenerate_outputs=True)
    assert two.executions() == {"prepare": 2, "train": 2}
    third = run(dag(two.graph(), "regenerate"))  # made anew: within a process, Airflow's params remember a run's conf
    assert third.states == REUSED
    assert third.outputs("train")["model"]["path"] == second.outputs("train")["model"]["path"]


def test_a_step_that_allows_no_reuse_always_runs_and_its_consumer_by_content(two: TwoSteps) -> None:
    pipeline = dag(two.graph(allow_reuse=False), "never")
    first, second = run(pipeline), run(pipeline)
    assert two.executions() == {"prepare": 2, "train": 1}
    assert second.xcoms["prepare"]["return_value"]["fingerprint"] == ""
    assert second.outputs("train") == first.outputs("train")


def test_beyond_the_limit_outputs_of_reused_steps_are_in_the_plan_alone(
    two: TwoSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MLSTEPS__PLANTED_STEPS", "0")
    pipeline = dag(two.graph(), "not_planted")
    run(pipeline)
    (two.sources["train"] / "train.py").write_text("# changed\n" + (two.sources["train"] / "train.py").read_text())
    second = run(pipeline)
    assert second.states == {"plan": "success", "prepare": "skipped", "train": "success"}
    assert "prepare" not in second.xcoms
    assert two.executions() == {"prepare": 1, "train": 2}


SPEAKS = """
import os
from azureml.core import Run
run = Run.get_context()
run.log("own", 1.5)
run.tag("kind", "training")
run.parent.log("mse", 3.25)
run.parent.log("mse", 3.0)
run.parent.tag("dataset_id", "d1")
open("outputs/model.txt", "w").write("the model")
print("said")
"""
LISTENS = """
from azureml.core import Run
parent = Run.get_context().parent
print("heard", parent.get_metrics()["mse"], parent.get_tags()["dataset_id"])
"""


def test_what_a_reused_step_said_of_its_run_and_of_its_parent_is_there_again(tmp_path: Path) -> None:
    from mlsteps.sdk.pipeline_run import PipelineRun
    from mlsteps.sdk.workspace import Workspace

    source = tmp_path / "source"
    source.mkdir()
    (source / "speaks.py").write_text(SPEAKS)
    (source / "listens.py").write_text(LISTENS)
    common = {"source_directory": str(source), "environment": "here"}
    steps = (
        StepNode("speaks", "speaks", script="speaks.py", **common),
        StepNode("listens", "listens", script="listens.py", run_after=("speaks",), allow_reuse=False, **common),
    )
    root = str(tmp_path / "workspace")
    graph = PipelineGraph(steps, {"name": "tests", "root": root}, environments={"here": PYTHON})
    pipeline = dag(graph, "said_again")
    made, again = run(pipeline), run(pipeline)
    assert (made.state, again.state) == ("success", "success") and again.states["speaks"] == "skipped"
    runs = RunStore(WorkspaceStore(root))
    for done in (made, again):
        parent = pipeline_run_id("said_again", done.run_id)
        assert runs.state(parent).metrics == {"mse": [3.25, 3.0]} and runs.state(parent).tags == {"dataset_id": "d1"}
        log = runs.artifacts(attempts(runs, parent)["listens"]).read("user_logs/std_log.txt")
        assert log == b"heard [3.25, 3.0] d1\n"
    ws = Workspace._from_reference({"name": "tests", "root": root})
    (step,) = PipelineRun(ws.experiments["said_again"], parent).find_step_run("speaks")
    assert step.get_metrics() == {"own": 1.5} and step.get_tags() == {"kind": "training"}
    assert "outputs/model.txt" in step.get_file_names() and "said" in step.get_job_log()
    step.download_file("outputs/model.txt", str(tmp_path / "here.txt"))
    model = step.register_model("reused", "outputs/model.txt")
    assert (tmp_path / "here.txt").read_text() == Path(model.download(str(tmp_path / "m"))).read_text() == "the model"
