"""What runs again and what does not, by the executions of real scripts on a real Airflow."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator

import pytest

from azureml.pipeline.core import PipelineRun
from mlsteps.client.decisions import decisions
from mlsteps.operators.execution import DECISION
from tests.e2e.airflow import Airflow
from tests.e2e.chain import STEPS, Chain, executions


@pytest.fixture(scope="module")
def settled(airflow: Airflow, tmp_path_factory: pytest.TempPathFactory, workspace_at: Callable) -> Chain:
    """A chain that has run once: whatever is not changed is reused from here on."""
    folder = tmp_path_factory.mktemp("chain")
    chain = Chain(workspace_at(folder), folder, "reuse")
    chain.first = chain.run()
    return chain


@pytest.fixture
def again(settled: Chain) -> Iterator[Callable]:
    """Runs the chain again; answers the run and what was executed."""

    def run(*, raw_name: str = "raw", input_name: str = "prepared", fresh: str = "", **options):
        before = executions(settled.notes)
        made = settled.run(settled.pipeline(raw_name=raw_name, input_name=input_name, fresh=fresh), **options)
        return made, settled.since(before)

    return run


def in_airflow(run: PipelineRun) -> tuple[str, str]:
    """The ids of the DAG, which is that of the experiment also when the pipeline was changed, and of its run."""
    assert run._head()["dag_id"] == "reuse"
    return "reuse", run.id


def reasons(chain: Chain, run: PipelineRun) -> dict[str, str]:
    """Why each step was run or reused, by name, as ``plan`` or, where it had to wait, the step itself decided."""
    runs = chain.ws._run_store()
    told = {item["name"]: item["reason"] for item in decisions(runs, run.id)}
    for child in run.get_steps():
        own = runs.artifacts(child.id)
        if own.entry(DECISION) is not None:
            told[child.name] = json.loads(own.read(DECISION))["reason"]
    return told


def places(run: PipelineRun) -> dict[str, str]:
    """Where the outputs of a run's steps lie."""
    outputs = {name: step for step in run.get_steps() for name in step.get_outputs()}
    return {name: step.get_output_data(name).path_on_datastore for name, step in outputs.items()}


def test_a_chain_runs_once(settled: Chain, airflow: Airflow) -> None:
    assert executions(settled.notes) == sorted(STEPS)
    tasks = airflow.tasks(*in_airflow(settled.first))
    assert tasks == dict.fromkeys(("plan", "prepare", "train_a", "train_b", "compare"), "success")
    assert [settled.text("report", "report.txt")] == ["a of FIRST LINE\nSECOND LINE\n\nb of FIRST LINE\nSECOND LINE\n"]


def test_the_second_run_starts_no_process_but_the_plans(
    settled: Chain, again: Callable, airflow: Airflow, capsys: pytest.CaptureFixture[str]
) -> None:
    run, ran = again(show_output=True)
    assert ran == []
    wanted = {"plan": "success", **dict.fromkeys(("prepare", "train_a", "train_b", "compare"), "skipped")}
    deadline = time.monotonic() + 180  # the workspace knows the end a moment before Airflow does
    while airflow.tasks(*in_airflow(run)) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert airflow.tasks(*in_airflow(run)) == wanted
    assert airflow.started(*in_airflow(run)) == ["plan"]

    text = capsys.readouterr().out
    for name in STEPS:
        source = settled.first.find_step_run(name)[0]
        assert f"StepRun( {name} ) Status: Finished (reused from run {source.id})" in text
    assert "PipelineRun Status: Running" in text
    assert "PipelineRun Execution Summary\n==============================\nPipelineRun Status: Finished" in text


def test_reused_steps_are_runs_that_tell_where_they_come_from(settled: Chain, again: Callable) -> None:
    run, _ = again()
    assert (run.status, run.get_status()) == ("Completed", "Finished")
    assert sorted(step.name for step in run.get_steps()) == sorted(STEPS)
    for step in run.get_steps():
        (source,) = settled.first.find_step_run(step.name)
        assert (step.get_status(), step.type, step.parent.id) == ("Finished", "azureml.ReusedStepRun", run.id)
        properties = step.get_properties()
        assert properties["azureml.isreused"] == "true"
        assert properties["azureml.reusedrunid"] == source.id
        assert properties["azureml.reusedpipelinerunid"] == settled.first.id
        assert "azureml.isreused" not in source.get_properties()
    assert places(run) == places(settled.first)
    assert [item.version for item in (settled.dataset("prepared"), settled.dataset("report"))] == [1, 1]


def test_times_of_files_do_not_count(settled: Chain, again: Callable) -> None:
    for path in [*settled.raw.iterdir(), *settled.sources.rglob("*.py")]:
        os.utime(path, (1, 1))
    assert again()[1] == []


@pytest.mark.parametrize("names", [{"input_name": "another"}, {"raw_name": "other"}])
def test_names_of_inputs_do_not_count(again: Callable, names: dict[str, str]) -> None:
    assert again(**names)[1] == []


def test_a_comment_reruns_its_step_and_nothing_after_it(settled: Chain, again: Callable, airflow: Airflow) -> None:
    script = settled.sources / "train" / "train.py"
    script.write_text(script.read_text() + "# a comment\n")
    run, ran = again()
    assert ran == ["train a", "train b"]
    told = reasons(settled, run)
    assert "source: train.py changed" in told["train a"]
    assert told["compare"].startswith("reused from run")
    assert airflow.tasks(*in_airflow(run))["compare"] == "success"  # it was decided in its own task
    assert run.find_step_run("compare")[0].get_properties()["azureml.isreused"] == "true"


def test_one_byte_of_data_reruns_what_reads_it(settled: Chain, again: Callable) -> None:
    path = settled.raw / "two.txt"
    before = path.stat()
    path.write_text("Second line\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # not even the time tells
    run, ran = again()
    assert ran == ["prepare"]  # it writes capitals, the same ones
    assert "the data changed (two.txt changed)" in reasons(settled, run)["prepare"]
    path.write_text("second Line!\n")
    assert again()[1] == sorted(STEPS)


def test_a_lost_output_file_reruns_its_step_and_is_named(settled: Chain, again: Callable) -> None:
    run, _ = again()
    path = places(run)["model_b"]
    settled.stored(f"{path}/model.txt").unlink()
    run, ran = again()
    assert ran == ["train b"]
    assert "model.txt" in reasons(settled, run)["train b"]
    assert "not intact" in reasons(settled, run)["train b"]
    assert again()[1] == []


def test_an_altered_output_file_reruns_its_step(settled: Chain, again: Callable) -> None:
    run, _ = again()
    settled.stored(f"{places(run)['prepared']}/clean.txt").write_text("tampered with")
    run, ran = again()
    assert ran == ["prepare"]
    assert "clean.txt" in reasons(settled, run)["prepare"]


def test_a_step_without_reuse_runs_and_the_others_do_not(again: Callable) -> None:
    for _ in range(2):
        assert again(fresh="train a")[1] == ["train a"]


def test_regenerate_outputs_runs_everything_and_later_runs_use_that(settled: Chain, again: Callable) -> None:
    run, ran = again(regenerate_outputs=True)
    assert ran == sorted(STEPS)
    later, ran = again()
    assert ran == []
    assert places(later) == places(run)


def test_a_reused_step_that_is_cleared_in_the_ui_really_runs(settled: Chain, again: Callable, airflow: Airflow) -> None:
    run, ran = again()
    assert ran == []
    before = executions(settled.notes)
    dag_id, run_id = in_airflow(run)
    assert airflow.ended(dag_id, run_id) == "success"
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["train_a"], "only_failed": False}
    answer = airflow.post(f"/api/v2/dags/{dag_id}/clearTaskInstances", body)
    assert answer.status_code == 200, answer.text
    assert airflow.ended(dag_id, run_id) == "success"
    assert settled.since(before) == ["train a"]
    assert airflow.started(dag_id, run_id) == ["plan", "train_a"]
    assert run.find_step_run("train a")[0].type == "azureml.StepRun"
    assert run.get_status() == "Finished"
