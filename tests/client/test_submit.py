"""Pipelines submitted to a real embedded Airflow: run, reused, followed, failed, cancelled."""

from __future__ import annotations

import json

import pytest

from mlsteps.client import outcome
from mlsteps.client.airflow_api import AirflowApi
from mlsteps.client.embedded import embedded
from mlsteps.client.target import target_of
from mlsteps.errors import ActivityFailedException, GraphError, InvalidInput, UnsupportedFeature, UserErrorException
from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.datastore import Datastore
from mlsteps.sdk.environment import Environment
from mlsteps.sdk.estimator import Estimator
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.runconfig import RunConfiguration
from mlsteps.sdk.script_run_config import ScriptRunConfig
from mlsteps.sdk.steps.parallel_run import ParallelRunStep
from mlsteps.sdk.steps.parallel_run_config import ParallelRunConfig
from mlsteps.sdk.steps.python_script import PythonScriptStep
from mlsteps.sdk.workspace import Workspace
from tests.client.conftest import wait_until

pytestmark = pytest.mark.airflow

STEP = """
import os, sys, time
marks, name, *rest = sys.argv[1:]
with open(os.path.join(marks, name), "a") as file:
    file.write(f"{time.time()}\\n")
print("this is", name, *rest, flush=True)
if rest and rest[0].startswith("sleep="):
    time.sleep(float(rest[0][6:]))
    open(os.path.join(marks, name + ".over"), "w").close()
if rest and rest[0].startswith("with="):
    until = time.monotonic() + 120
    while not os.path.exists(os.path.join(marks, rest[0][5:])):
        assert time.monotonic() < until, "the other one has not begun"
        time.sleep(0.05)
if rest == ["fail"]:
    sys.exit("no luck")
if rest and rest[0] == "write":
    os.makedirs(rest[1])
    open(os.path.join(rest[1], "data"), "w").write(name)
"""


@pytest.fixture(scope="module")
def workspace(home):
    return Workspace(None, None, "tests")


@pytest.fixture
def marks(tmp_path):
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


@pytest.fixture
def step(tmp_path, marks):
    """Makes steps; each leaves a line in ``marks/<name>`` whenever it runs."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "step.py").write_text(STEP)
    config = RunConfiguration()
    config.environment.python.user_managed_dependencies = True

    def make(name: str, *arguments, **options) -> PythonScriptStep:
        return PythonScriptStep(
            "step.py",
            name=name,
            arguments=[str(marks), name, *arguments],
            source_directory=tmp_path / "source",
            compute_target="local",
            runconfig=config,
            **options,
        )

    return make


def times_run(marks, name: str) -> int:
    return len((marks / name).read_text().splitlines()) if (marks / name).exists() else 0


def test_a_run_is_followed_to_its_end_and_reused_the_next_time(workspace, step, marks, capsys) -> None:
    data = PipelineData("data", datastore=workspace.get_default_datastore(), pipeline_output_name="result")
    step("first", "write", data, outputs=[data])
    second = step("second", data, inputs=[data])
    experiment = Experiment(workspace, "followed")
    run = experiment.submit(Pipeline(workspace, [second]), tags={"who": "me"})
    assert run.wait_for_completion(show_output=True) == "Finished"
    text = capsys.readouterr().out
    assert "Created step first [" in text
    assert "(This step is eligible to reuse a previous run's output)" in text
    assert f"Submitted PipelineRun {run.id}" in text
    assert "[first] this is first" in text
    assert "StepRun( second ) Status: Finished" in text
    assert text.index("StepRun( first ) Status: Finished") < text.index("[second] this is second")
    assert "PipelineRun Execution Summary" in text
    assert run.get_tags() == {"who": "me"}
    assert run.get_status() == "Finished"
    assert run.get_pipeline_output("result").path_on_datastore

    again = experiment.submit(Pipeline(workspace, [second]))
    assert again.wait_for_completion(show_output=True) == "Finished"
    assert "StepRun( second ) Status: Finished (reused from run " in capsys.readouterr().out
    assert [times_run(marks, name) for name in ("first", "second")] == [1, 1]

    forced = experiment.submit(Pipeline(workspace, [second]), regenerate_outputs=True)
    assert "(This step will run and generate new outputs)" in capsys.readouterr().out
    assert forced.wait_for_completion(show_output=False) == "Finished"
    assert capsys.readouterr().out == ""
    assert [times_run(marks, name) for name in ("first", "second")] == [2, 2]


def test_independent_steps_run_side_by_side(workspace, step, marks) -> None:
    steps = [step("left", "with=right"), step("right", "with=left")]  # neither ends before the other has begun
    run = Experiment(workspace, "parallel").submit(Pipeline(workspace, steps))
    assert run.wait_for_completion(show_output=False) == "Finished"


def test_a_failure_names_the_first_failing_step_and_its_last_lines(workspace, step, marks) -> None:
    bad = step("bad", "fail")
    after = step("after")
    after.run_after(bad)
    run = Experiment(workspace, "failing").submit(Pipeline(workspace, [bad, after]))
    with pytest.raises(ActivityFailedException, match=r"step 'bad'[\s\S]*exit code 1[\s\S]*no luck"):
        run.wait_for_completion(show_output=False)
    assert run.get_status() == "Failed"
    assert run.wait_for_completion(show_output=False, raise_on_error=False) == "Failed"
    assert times_run(marks, "after") == 0


def test_the_timeout_ends_the_wait_and_not_the_run_and_cancel_ends_the_run(workspace, step, marks) -> None:
    run = Experiment(workspace, "cancelled").submit(Pipeline(workspace, [step("long", "sleep=100")]))
    wait_until(lambda: times_run(marks, "long"), what="the step runs")
    assert run.wait_for_completion(show_output=False, timeout_seconds=0.1) == "Running"
    run.cancel()
    assert run.wait_for_completion(show_output=False) == "Canceled"
    assert [child.get_status() for child in run.get_children()] == ["Canceled"]
    assert not (marks / "long.over").exists()


def test_a_changed_pipeline_does_not_disturb_the_run_of_the_one_before(workspace, step, marks) -> None:
    experiment = Experiment(workspace, "changing")
    before = step("before", "sleep=3")
    late = step("late")
    late.run_after(before)
    first = experiment.submit(Pipeline(workspace, [late]))
    second = experiment.submit(Pipeline(workspace, [step("another")]))
    assert second.wait_for_completion(show_output=False) == "Finished"
    assert first.wait_for_completion(show_output=False) == "Finished"
    assert [times_run(marks, name) for name in ("before", "late", "another")] == [1, 1, 1]
    heads = [workspace._run_store().head(run.id) for run in (first, second)]
    assert [head["dag_id"] for head in heads] == ["changing", "changing__2"]
    third = experiment.submit(Pipeline(workspace, [step("another")]))
    assert third.wait_for_completion(show_output=False) == "Finished"
    assert workspace._run_store().head(third.id)["dag_id"] == "changing"


def test_parameters_reach_the_script(workspace, step, capsys) -> None:
    word = PipelineParameter("word", "none")
    pipeline = Pipeline(workspace, [step("says", word)])
    run = Experiment(workspace, "parameters").submit(pipeline, pipeline_parameters={"word": "{{ macros }} $HOME"})
    run.wait_for_completion(show_output=True)
    assert "this is says {{ macros }} $HOME\n" in capsys.readouterr().out
    assert json.loads(run.get_properties()["azureml.parameters"]) == {"word": "{{ macros }} $HOME"}


def test_a_dataset_given_as_a_parameter_is_saved_and_has_an_id(workspace, step, tmp_path, capsys) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    one, two = (Dataset.File.from_files(str(tmp_path / name)) for name in ("one", "two"))
    parameter = PipelineParameter("data", one)
    read = step("read", DatasetConsumptionConfig("data", parameter).as_mount())
    run = Experiment(workspace, "dataset_parameter").submit(
        Pipeline(workspace, [read]), pipeline_parameters={"data": two}
    )
    assert two.id is not None and Dataset.get_by_id(workspace, two.id).to_path() == two.to_path()
    assert run.wait_for_completion(show_output=False) == "Finished"


def test_a_step_that_nothing_runs_is_refused_before_anything_starts(workspace, step, tmp_path):
    (tmp_path / "score.py").touch()
    settings = ParallelRunConfig(Environment("e"), "score.py", 1, "summary_only", "any", 1, source_directory=tmp_path)
    dataset = Dataset.File.from_files((workspace.get_default_datastore(), "in")).as_named_input("in")
    query = ParallelRunStep("query", settings, [dataset])
    first = step("first")
    query.run_after(first)
    before = workspace._run_store().experiments()
    with pytest.raises(UnsupportedFeature, match=r"ParallelRunStep \(step 'query'\)"):
        Experiment(workspace, "refused").submit(Pipeline(workspace, [query]))
    assert workspace._run_store().experiments() == before


def test_bad_input_is_refused_before_anything_starts(workspace, step) -> None:
    experiment = Experiment(workspace, "refused")
    pipeline = Pipeline(workspace, [step("one", PipelineParameter("count", 1))])
    with pytest.raises(InvalidInput, match="'count' is given 'many'"):
        experiment.submit(pipeline, pipeline_parameters={"count": "many"})
    with pytest.raises(UserErrorException, match="parent_run_id names the run 'nobody'"):
        experiment.submit(pipeline, parent_run_id="nobody")
    lost = PipelineData("lost", datastore=Datastore(workspace, "workspaceblobstore"))
    pipeline = Pipeline(workspace, [step("two", lost, outputs=[lost])], default_datastore="elsewhere")
    with pytest.raises(GraphError, match="elsewhere"):
        experiment.submit(pipeline)
    assert list(experiment.get_runs()) == []


def test_a_script_run_is_a_run_of_its_own_and_never_reused(workspace, step, tmp_path, marks, capsys) -> None:
    config = RunConfiguration()
    config.environment.python.user_managed_dependencies = True
    script = ScriptRunConfig(tmp_path / "source", "step.py", [str(marks), "alone"], run_config=config)
    for count in (1, 2):
        run = Experiment(workspace, "script").submit(script)
        details = run.wait_for_completion(show_output=True)
        assert details["status"] == "Completed"
        assert run.type == "azureml.scriptrun"
        assert "this is alone\n" in capsys.readouterr().out
        assert times_run(marks, "alone") == count


def test_an_estimator_runs_as_a_script_does(workspace, step, tmp_path, marks) -> None:
    estimator = Estimator(
        tmp_path / "source", entry_script="step.py", script_params={str(marks): "estimated"}, user_managed=True
    )
    run = Experiment(workspace, "estimator").submit(estimator)
    assert run.wait_for_completion()["status"] == "Completed"
    assert times_run(marks, "estimated") == 1


def test_a_cancelled_script_run_ends(workspace, step, tmp_path, marks) -> None:
    config = RunConfiguration()
    config.environment.python.user_managed_dependencies = True
    script = ScriptRunConfig(tmp_path / "source", "step.py", [str(marks), "endless", "sleep=100"], run_config=config)
    run = Experiment(workspace, "script").submit(script)
    wait_until(lambda: times_run(marks, "endless"), what="the script runs")
    run.cancel()
    wait_until(lambda: run.get_status() == "Canceled", 60.0, "it is cancelled")


def test_when_airflow_itself_fails_the_run_says_so_with_the_tasks_log(workspace, home) -> None:
    (home.dags / "broken.py").write_text(
        "from airflow.sdk import DAG\n"
        "from airflow.providers.standard.operators.bash import BashOperator\n"
        "with DAG('broken', schedule=None):\n"
        "    BashOperator(task_id='plan', bash_command='echo the disk is full; exit 3')\n"
    )
    api = target_of(workspace._reference()).api
    assert embedded().sync("broken", str(home.folder / "root"))
    run_id = "0a7a6f2e-2f9d-4e29-9a49-2c3cbb35b7a3"
    runs = workspace._run_store()
    runs.create(run_id, experiment="broken", type="azureml.PipelineRun", steps=["one"])
    api.trigger("broken", run_id, {})
    wait_until(lambda: outcome.reconcile(runs, run_id, "broken", api), what="Airflow gives up")
    state = runs.state(run_id)
    assert state.status == "Failed"
    assert state.error["message"] == "Task 'plan' of DAG 'broken' failed in Airflow."
    assert "the disk is full" in state.error["tail"]


def test_a_wrong_password_is_said_to_be_wrong(home) -> None:
    address = embedded().address._replace(password="wrong")
    api = AirflowApi(address)
    with pytest.raises(UserErrorException, match="refuses the login"):
        api.dag("anything")
    api.close()
