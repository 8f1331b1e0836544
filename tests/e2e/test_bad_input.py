"""Wrong input is refused with a clear error at the earliest moment: when written, submitted or triggered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azureml.core import Dataset, Datastore, Experiment, Workspace
from azureml.data import OutputFileDatasetConfig
from azureml.exceptions import UserErrorException
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import PythonScriptStep
from tests.e2e.airflow import Airflow
from tests.e2e.chain import executions, run_config

SCRIPT = """
import os, sys
note = open(os.environ["NOTES"], "a"); note.write(sys.argv[1] + "\\n"); note.close()
"""


@pytest.fixture
def step(tmp_path: Path) -> Callable[..., PythonScriptStep]:
    """Makes steps that run one script; its first argument is the step's name."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "step.py").write_text(SCRIPT)
    config = run_config(tmp_path / "notes")

    def make(name: str, *arguments: Any, script: str = "step.py", **options: Any) -> PythonScriptStep:
        folder = str(tmp_path / "source")
        return PythonScriptStep(
            script, name=name, arguments=[name, *arguments], source_directory=folder, runconfig=config, **options
        )

    return make


# -- when it is written


def test_a_missing_script(ws: Workspace, step: Callable) -> None:
    with pytest.raises(ValueError, match=r"no file 'absent\.py' in '.*source'.*name a script below source_directory"):
        Pipeline(ws, [step("one", script="absent.py")])


@pytest.mark.parametrize(
    ("script", "fault"), [("../step.py", r"leaves its folder with '\.\.'"), ("/etc/hostname", "is absolute")]
)
def test_scripts_outside_of_the_source(ws: Workspace, step: Callable, script: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"script '{script}' {fault}"):
        Pipeline(ws, [step("one", script=script)])


def test_a_circle(ws: Workspace, step: Callable) -> None:
    one, two = step("one"), step("two")
    one.run_after(two)
    two.run_after(one)
    with pytest.raises(ValueError, match="wait for each other in a circle: 'one' -> 'two' -> 'one'"):
        Pipeline(ws, [one, two])


@pytest.mark.parametrize("place", ["../elsewhere", "a/../../b", "C:/windows"])
def test_a_destination_that_leaves_the_datastore(ws: Workspace, step: Callable, place: str) -> None:
    store = ws.get_default_datastore()
    with pytest.raises(ValueError, match=f"path '{place}' (leaves its datastore|is absolute)"):
        Pipeline(ws, [step("one", OutputFileDatasetConfig("out", destination=(store, place)))])


def test_data_outside_of_the_datastore(ws: Workspace) -> None:
    with pytest.raises(ValueError, match=r"'a/\.\./\.\./b' leaves its datastore"):
        Dataset.File.from_files([(ws.get_default_datastore(), "a/../../b")])


@pytest.mark.parametrize("name", ["../out", "/out", "a b", "", "path"])
def test_names_of_outputs(ws: Workspace, step: Callable, name: str) -> None:
    with pytest.raises(ValueError, match=f"The dataset output is named '{name}'.*Expected .*To mend it:"):
        Pipeline(ws, [step("one", OutputFileDatasetConfig(name))])


def test_a_secret_in_the_arguments(ws: Workspace, step: Callable) -> None:
    key = "Zm9vYmFyYmF6" * 4
    with pytest.raises(ValueError, match=r"arguments\[1\].*an account key.*keyvault") as error:
        Pipeline(ws, [step("one", f"DefaultEndpointsProtocol=https;AccountKey={key}")])
    assert key not in str(error.value)


def test_names_that_are_not_registered(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    store = ws.get_default_datastore()
    store.upload_files([str(tmp_path / "data")], target_path="here", show_progress=False)
    Dataset.File.from_files([(store, "here/data")]).register(ws, "known")
    with pytest.raises(UserErrorException, match=r"'nowhere'.*known"):
        Dataset.get_by_name(ws, "nowhere")
    with pytest.raises(UserErrorException, match=r"'known'.*9"):
        Dataset.get_by_name(ws, "known", version=9)
    with pytest.raises(UserErrorException, match=r"'nowhere'.*workspaceblobstore"):
        Datastore.get(ws, "nowhere")


def test_every_fault_is_told_at_once(ws: Workspace, step: Callable) -> None:
    lost = PipelineData("lost", datastore=ws.get_default_datastore())
    with pytest.raises(ValueError) as error:
        Pipeline(ws, [step("one", script="absent.py"), step("two", "sig=" + "a1B2" * 8), step("three", inputs=[lost])])
    text = str(error.value)
    assert "3 faults" in text
    assert all(where in text for where in ("$.steps[0].script", "$.steps[1].arguments[1]", "$.steps[2].inputs[0]"))


# -- when it is submitted


def test_an_unknown_datastore(ws: Workspace, step: Callable) -> None:
    pipeline = Pipeline(ws, [step("one", OutputFileDatasetConfig("out"))], default_datastore="elsewhere")
    with pytest.raises(ValueError, match=r"no datastore 'elsewhere'.*name one of \['workspaceblobstore'"):
        Experiment(ws, "refused").submit(pipeline)
    assert list(Experiment(ws, "refused").get_runs()) == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"count": "many"}, "'count' is given 'many'. Expected int, as its default 1"),
        ({"count": 1.5}, "'count' is given 1.5. Expected int"),
        ({"cuont": 3}, "holds 'cuont', which the pipeline does not have. Expected only 'count'"),
    ],
)
def test_parameters_of_a_submission(ws: Workspace, step: Callable, given: dict[str, Any], fault: str) -> None:
    pipeline = Pipeline(ws, [step("one", PipelineParameter("count", 1))])
    with pytest.raises(ValueError, match=fault):
        Experiment(ws, "refused").submit(pipeline, pipeline_parameters=given)
    assert list(Experiment(ws, "refused").get_runs()) == []


# -- when it is triggered


def test_parameters_of_a_trigger(ws: Workspace, step: Callable, airflow: Airflow, tmp_path: Path) -> None:
    """Airflow refuses what its schema forbids; what it lets pass, the plan refuses before any step."""
    pipeline = Pipeline(ws, [step("one", PipelineParameter("count", 1))])
    run = Experiment(ws, "triggered").submit(pipeline, pipeline_parameters={"count": "7"})
    assert run.wait_for_completion(show_output=False) == "Finished"
    assert executions(tmp_path / "notes") == ["one"]

    def trigger(**conf: Any) -> Any:
        return airflow.post("/api/v2/dags/triggered/dagRuns", {"logical_date": None, "conf": conf})

    for conf, fault in (
        ({"count": "many"}, "'many' is not of type 'integer'"),
        ({"regenerate_outputs": "yes"}, "'yes' is not of type 'boolean'"),
    ):
        answer = trigger(**conf)
        assert answer.status_code == 400
        assert fault in answer.json()["detail"]

    run_id = trigger(cuont=3).json()["dag_run_id"]
    assert airflow.ended("triggered", run_id) == "failed"
    assert airflow.tasks("triggered", run_id) == {"plan": "failed", "one": "upstream_failed"}
    assert "'cuont', which the pipeline does not know" in airflow.log("triggered", run_id, "plan")
    assert executions(tmp_path / "notes") == ["one"]
