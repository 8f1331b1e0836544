"""What scripts ask of their run, and what notebooks ask of a finished one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from azureml.core import Dataset
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from mlsteps.registry.run_ids import pipeline_run_id
from tests.behaviour.conftest import World
from tests.operators.runs import run

SPEAKER = """
import os
from azureml.core import Dataset, Run
from azureml.core.run import _OfflineRun
run = Run.get_context()
ws = run.experiment.workspace
tabular, mounted = run.input_datasets["table"], run.input_datasets["files"]
run.log("loss", 0.5)
run.log("loss", 0.25)
run.log("count", 3)
run.log_list("all", [1, 2])
run.tag("kind", "speaker")
run.parent.log("mse", 1.5)
run.parent.tag("from", "speaker")
os.makedirs("pictures", exist_ok=True)
open("pictures/one.txt", "w").write("1")
run.parent.upload_folder("pictures", "pictures")
run.upload_file("own/file.txt", "pictures/one.txt")
here = ws.get_run(run.id)
tell(
    arguments=__import__("sys").argv[1:],
    offline=isinstance(run, _OfflineRun),
    rows=len(tabular.to_pandas_dataframe()),
    id_is_argument=tabular.id,
    by_id=len(Dataset.get_by_id(ws, id=__import__("sys").argv[2]).to_pandas_dataframe()),
    mounted_is_text=isinstance(mounted, str) and os.path.isdir(mounted),
    experiment=run.experiment.name,
    parent=run.parent.id,
    same=here.id == run.id,
    status=here.get_status(),
    parent_status=run.parent.get_status(),
    variable=os.environ["AZUREML_RUN_ID"],
    parameter=os.environ["AML_PARAMETER_rate"],
    inputs=[
        [item["consumptionDetails"]["inputName"], type(item["dataset"]).__name__]
        for item in run.get_details()["inputDatasets"]
    ],
)
run.complete()
"""
LISTENER = """
from azureml.core import Model, Run
from azureml.exceptions import WebserviceException
from azureml.pipeline.core import PipelineRun
run = Run.get_context()
ws = run.experiment.workspace
(speaker,) = PipelineRun(run.parent.experiment, run.parent.id).find_step_run("speaker")
try:
    Model(ws, "nobody")
    missing = "found"
except WebserviceException:
    missing = "WebserviceException"
open("outputs/one.pkl", "w").write("1")
import os
os.makedirs("outputs/folder")
open("outputs/folder/a", "w").write("a")
open("outputs/folder/b", "w").write("b")
run.register_model(model_name="file-model", model_path="outputs/one.pkl", tags={"mse": "1.5"})
run.register_model(model_name="folder-model", model_path="outputs/folder")
file, folder = Model.get_model_path("file-model", _workspace=ws), Model.get_model_path("folder-model", _workspace=ws)
tell(
    parent_metric=float(run.parent.get_metrics()["mse"]),
    parent_tag=run.parent.get_tags()["from"],
    speaker=[speaker.name, speaker.get_status(), speaker.get_metrics()["loss"]],
    missing=missing,
    none=Model.list(ws, name="nobody", latest=True),
    paths=[os.path.isfile(file), os.path.isdir(folder)],
    tag=float(Model(ws, "file-model").tags["mse"]),
)
"""


@pytest.fixture(scope="module")
def ran(world: World):
    (world.folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    world.store.upload_files([str(world.folder / "table.csv")], target_path="table")
    table = Dataset.Tabular.from_delimited_files((world.store, "table/table.csv")).as_named_input("table")
    files = Dataset.File.from_files((world.store, "table")).as_named_input("files").as_mount()
    rate = PipelineParameter("rate", 0.5)
    out = PipelineData("out", datastore=world.store)
    speaker = world.step(
        "speaker",
        SPEAKER,
        arguments=["--table", table, "--files", files, "--empty", "", "--rate", rate],
        inputs=[table, files],
        outputs=[out],
        params={"rate": rate},
    )
    listener = world.step("listener", LISTENER)
    listener.run_after(speaker)
    done = world.run(Pipeline(world.workspace, [listener]), "asks")
    (step,) = done.pipeline_run.find_step_run("speaker")
    return SimpleNamespace(**done._asdict(), speaker=step, world=world)


def test_input_datasets_are_datasets_when_tabular_and_paths_when_mounted(ran) -> None:
    facts = ran.told["speaker"]
    assert (facts["rows"], facts["mounted_is_text"]) == (2, True)


def test_a_tabular_input_is_its_datasets_id_among_the_arguments(ran) -> None:
    facts = ran.told["speaker"]
    assert facts["arguments"][1] == facts["id_is_argument"] and facts["by_id"] == 2


def test_empty_texts_and_parameters_arrive_whole(ran) -> None:
    facts = ran.told["speaker"]
    assert facts["arguments"][4:] == ["--empty", "", "--rate", "0.5"] and facts["parameter"] == "0.5"


def test_a_run_inside_a_step_is_no_offline_run_and_knows_its_parent_and_itself(ran) -> None:
    facts = ran.told["speaker"]
    assert (facts["offline"], facts["experiment"], facts["same"]) == (False, "asks", True)
    assert facts["parent"] == ran.pipeline_run.id and facts["variable"] == ran.speaker.id
    assert (facts["status"], facts["parent_status"]) == ("Running", "Running")


def test_details_name_the_input_datasets_inside_and_afterwards(ran) -> None:
    wanted = [["files", "FileDataset"], ["table", "TabularDataset"]]
    assert sorted(ran.told["speaker"]["inputs"]) == wanted
    found = ran.speaker.get_details()["inputDatasets"]
    names = [[item["consumptionDetails"]["inputName"], type(item["dataset"]).__name__] for item in found]
    assert sorted(names) == wanted


def test_a_metric_logged_more_than_once_is_a_list(ran) -> None:
    assert ran.speaker.get_metrics() == {"loss": [0.5, 0.25], "count": 3, "all": [1, 2]}
    assert ran.told["listener"]["speaker"] == ["speaker", "Finished", [0.5, 0.25]]


def test_the_parent_takes_metrics_tags_and_folders(ran) -> None:
    parent = ran.pipeline_run
    assert parent.get_metrics() == {"mse": 1.5} and parent.get_tags() == {"from": "speaker"}
    assert "pictures/one.txt" in parent.get_file_names()
    assert (ran.told["listener"]["parent_metric"], ran.told["listener"]["parent_tag"]) == (1.5, "speaker")


def test_files_of_a_run_are_its_own(ran) -> None:
    assert "own/file.txt" in ran.speaker.get_file_names()


def test_finished_is_said_of_pipelines_and_steps_and_completed_of_their_details(ran) -> None:
    assert (ran.pipeline_run.get_status(), ran.speaker.get_status()) == ("Finished", "Finished")
    assert (ran.pipeline_run.status, ran.speaker.status) == ("Completed", "Completed")
    assert ran.speaker.get_details()["status"] == "Completed"
    assert {child.get_status() for child in ran.pipeline_run.get_children()} == {"Finished"}


def test_a_model_that_is_not_there_raises_and_its_list_is_empty(ran) -> None:
    assert (ran.told["listener"]["missing"], ran.told["listener"]["none"]) == ("WebserviceException", [])


def test_a_model_of_one_file_is_a_file_and_one_of_a_folder_a_folder(ran) -> None:
    assert ran.told["listener"]["paths"] == [True, True] and ran.told["listener"]["tag"] == 1.5


def test_details_are_shown_in_a_terminal(ran, capsys) -> None:
    from azureml.widgets import RunDetails

    RunDetails(ran.pipeline_run).show()
    shown = capsys.readouterr().out
    assert "speaker" in shown and "Finished" in shown


def test_runs_are_found_again_by_everyone(ran) -> None:
    ws = ran.world.workspace
    assert ws.get_run(ran.speaker.id).id == ran.speaker.id
    assert ran.pipeline_run.id in [run.id for run in ws.experiments["asks"].get_runs()]


def test_the_first_of_the_steps_is_the_pipelines_last(ran) -> None:
    assert [step.name for step in ran.pipeline_run.get_steps()] == ["listener", "speaker"]


GIVES_UP = """
import time
from azureml.core import Run
Run.get_context().parent.cancel()
time.sleep(60)
tell(went_on=True)
"""


def test_a_step_may_cancel_its_parent_and_wait_for_its_own_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from azureml.core import Experiment
    from azureml.pipeline.core import PipelineRun

    monkeypatch.setenv("AIRFLOW__MLSTEPS__WATCH_SECONDS", "0.2")
    gives_up, later = world.step("gives up", GIVES_UP), world.step("later", "tell(ran=True)")
    later.run_after(gives_up)
    done = run(Pipeline(world.workspace, [later]).as_dag("given_up"))
    made = PipelineRun(Experiment(world.workspace, "given_up"), pipeline_run_id("given_up", done.run_id))
    assert made.get_status() == "Canceled"
    assert not (world.notes / "gives up.json").exists() and not (world.notes / "later.json").exists()
