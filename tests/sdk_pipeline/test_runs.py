"""Pipeline and step runs over a real run store: what scripts and notebooks ask of them."""

from __future__ import annotations

import pytest

from mlsteps.contracts.record import OutputRecord
from mlsteps.errors import ActivityFailedException, InvalidInput
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_run import PipelineRun
from mlsteps.sdk.run import Run
from mlsteps.sdk.step_run import StepRun, follow_alone


@pytest.fixture
def experiment(workspace):
    return Experiment(workspace, "exp")


@pytest.fixture
def run(workspace, experiment):
    """A pipeline run of two steps of one name and one that has not begun."""
    runs = workspace._run_store()
    head = {"steps": ["a", "a_2", "b"], "upstream": {"b": ["a"]}, "pipeline_outputs": {"result": ["a", "model"]}}
    runs.create("pipe", experiment="exp", type="azureml.PipelineRun", pipeline_id="published", **head)
    for step in ("a", "a_2"):
        start(runs, step, 1)
    return PipelineRun(experiment, "pipe")


def start(runs, step, number, type_="azureml.StepRun", name="train "):
    run_id = f"{step}-{number}"
    head = {"experiment": "exp", "parent": "pipe", "root": "pipe", "step": step, "try": number, "name": name}
    runs.create(run_id, type=type_, **head)
    runs.write(run_id, "status", status="Running")
    return run_id


def finish(workspace, run_id, files, datastore="workspaceblobstore"):
    runs = workspace._run_store()
    path = f"azureml/{run_id}/model"
    store = workspace.get_default_datastore()._open()
    for name, text in files.items():
        store.write(f"{path}/{name}", text.encode())
    record = OutputRecord(datastore, path, "tree", "manifest", count=len(files))
    runs.write(run_id, "output", name="model", document=record.to_json())
    runs.write(run_id, "status", status="Completed")


def test_steps_are_found_by_name_once_they_have_started(workspace, run):
    assert [type(found) for found in run.find_step_run("train ")] == [StepRun, StepRun]
    assert run.find_step_run("train") == [] == run.find_step_run("b")
    assert [found.id for found in run.get_steps()] == ["a_2-1", "a-1"]
    runs = workspace._run_store()
    runs.create("b-1", experiment="exp", type="azureml.StepRun", parent="pipe", step="b", name="b")
    assert run.find_step_run("b") == []  # made, not started
    runs.write("b-1", "status", status="Running")
    assert [found.id for found in run.find_step_run("b")] == ["b-1"]


def test_a_retry_takes_the_place_of_the_attempt_before(workspace, run):
    runs = workspace._run_store()
    runs.write("a-1", "status", status="Failed", error={"message": "x"})
    start(runs, "a", 2)
    assert sorted(found.id for found in run.get_steps()) == ["a-2", "a_2-1"]
    assert run.get_status() == "Running"


def test_status_spellings(workspace, run):
    step = run.find_step_run("train ")[0]
    assert (step.status, step.get_status(), run.status, run.get_status()) == ("Running",) * 4
    runs = workspace._run_store()
    for word in ("Preparing", "Finalizing"):
        runs.write("a-1", "status", status=word)
        assert (step.status, step.get_status()) == (word, "Running")
    for step_id in ("a", "a_2"):
        finish(workspace, f"{step_id}-1", {})
    finish(workspace, start(runs, "b", 1), {})
    assert (step.status, step.get_status()) == ("Completed", "Finished")
    assert (run.status, run.get_status(), run.get_details()["status"]) == ("Completed", "Finished", "Completed")
    assert step.wait_for_completion(show_output=False) == "Finished"


def test_outputs_download_below_their_path(workspace, run, tmp_path):
    finish(workspace, "a-1", {"m.pkl": "model", "sub/x.txt": "x"})
    data = run.find_step_run("train ")[0].get_output_data("model")
    assert (data.name, data.datastore_name, data.path_on_datastore) == (
        "model",
        "workspaceblobstore",
        "azureml/a-1/model",
    )
    assert data.datastore.name == "workspaceblobstore" and data.pipeline_run_id == "pipe"
    assert data.download(str(tmp_path / "d"), show_progress=False) == 2
    assert (tmp_path / "d" / data.path_on_datastore / "sub" / "x.txt").read_text() == "x"
    (tmp_path / "d" / data.path_on_datastore / "m.pkl").write_text("mine")
    data.download(str(tmp_path / "d"), show_progress=False)
    assert (tmp_path / "d" / data.path_on_datastore / "m.pkl").read_text() == "mine"
    assert data.download(str(tmp_path / "d"), overwrite=True, show_progress=False) == 2
    assert (tmp_path / "d" / data.path_on_datastore / "m.pkl").read_text() == "model"


def test_an_output_left_empty_downloads_nothing(workspace, run, tmp_path):
    finish(workspace, "a-1", {})
    assert run.find_step_run("train ")[0].get_output_data("model").download(str(tmp_path / "d")) == 0


def test_outputs_by_name_and_the_pipeline_s_own(workspace, run):
    finish(workspace, "a-1", {"m.pkl": "model"})
    step = run.find_step_run("train ")[0]
    assert list(step.get_outputs()) == ["model"]
    assert step.get_output("model").get_port_data_reference().path_on_datastore == "azureml/a-1/model"
    assert run.get_pipeline_output("result").path_on_datastore == "azureml/a-1/model"
    with pytest.raises(InvalidInput, match=r"no output 'x'.*\['model'\]"):
        step.get_output_data("x")
    with pytest.raises(InvalidInput, match=r"no pipeline output 'x'.*\['result'\]"):
        run.get_pipeline_output("x")


def test_an_output_of_a_finished_run_is_an_input_of_a_later_pipeline(workspace, run, step):
    finish(workspace, "a-1", {"m.pkl": "model"})
    data = run.find_step_run("train ")[0].get_output_data("model")
    reader = step("read", inputs=[data.as_download("old")], arguments=["--old", data])
    node = Pipeline(workspace, reader).graph.steps[0]
    assert node.inputs[0].source == {"datapath": {"datastore": "workspaceblobstore", "path": "azureml/a-1/model"}}
    assert (node.inputs[0].mode, node.arguments[1]) == ("download", {"input": "old"})


def test_a_reused_step_says_so(workspace, run):
    runs = workspace._run_store()
    start(runs, "b", 1, "azureml.ReusedStepRun", "b")
    runs.write("b-1", "property", key="azureml.isreused", value="true")
    runs.write("b-1", "reused", run_id="old", producer={"pipeline_run_id": "older"})
    finish(workspace, "b-1", {"m.pkl": "old"})
    (found,) = run.find_step_run("b")
    assert (found.type, found.properties["azureml.isreused"]) == ("azureml.ReusedStepRun", "true")
    assert (found._is_reused, found._reused_run_id, found._reused_pipeline_run_id) == (True, "old", "older")
    assert found.get_output_data("model").path_on_datastore == "azureml/b-1/model"
    assert type(Run.get(workspace, "b-1")) is StepRun and Run.get(workspace, "b-1").parent.id == "pipe"


def test_a_failure_names_the_first_step_that_failed(workspace, run):
    runs = workspace._run_store()
    runs.write("a_2-1", "status", status="Failed", final=True, error={"message": "disk is full", "tail": "line 3"})
    step = next(found for found in run.get_steps() if found.id == "a_2-1")
    with pytest.raises(ActivityFailedException, match="disk is full"):
        step.wait_for_completion(show_output=False)
    assert step.wait_for_completion(show_output=False, raise_on_error=False) == "Failed"
    assert "a_2-1" in run._failure() and "disk is full" in run._failure()
    assert run.get_status() == "Failed"


def test_waiting_ends_with_the_time(run):
    assert follow_alone(run, 0.2) == "Running"


def test_logs(workspace, run):
    step = run.find_step_run("train ")[0]
    assert (step.get_stdout_log(), step.get_stderr_log(), step.get_job_log()) == ("", "", "")
    workspace._run_store().artifacts("a-1").write("user_logs/std_log.txt", "höre\n".encode())
    assert step.get_stdout_log() == step.get_job_log() == "höre\n"


def test_what_steps_and_pipelines_do_not_do(run):
    for one in (run, run.get_steps()[0]):
        for method in (one.complete, one.fail, one.child_run):
            with pytest.raises(NotImplementedError):
                method()


def test_runs_by_id_and_by_published_pipeline(workspace, run):
    assert PipelineRun.get(workspace, "pipe").id == "pipe"
    with pytest.raises(InvalidInput, match=r"azureml\.StepRun"):
        PipelineRun.get(workspace, "a-1")
    assert [found.id for found in PipelineRun.get_pipeline_runs(workspace, "published")] == ["pipe"]
    assert PipelineRun.get_pipeline_runs(workspace, "other") == []


def test_children_s_metrics(workspace, run):
    workspace._run_store().write("a-1", "metric", name="accuracy", value=0.5, type="scalar")
    assert run.get_metrics(recursive=True)["a-1"] == {"accuracy": 0.5}
    assert {child.id: type(child) for child in run.get_children()} == {"a-1": StepRun, "a_2-1": StepRun}
