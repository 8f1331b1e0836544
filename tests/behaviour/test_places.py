"""Where things land: outputs, inputs, artifacts, and the places that scripts find them at."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from azureml.core import Dataset
from azureml.data import OutputFileDatasetConfig
from azureml.data.data_reference import DataReference
from azureml.pipeline.core import Pipeline, PipelineData
from tests.behaviour.conftest import World

WRITER = """
import os, sys
made, single, empty, report, out = sys.argv[1:6]
tell(
    made_is_there=os.path.exists(made),
    report_is_folder=os.path.isdir(report),
    single_is_there=os.path.exists(single),
    parent_of_single=os.path.isdir(os.path.dirname(single)),
    outputs=os.path.isdir("outputs"),
    logs=os.path.isdir("logs"),
)
os.makedirs(made)
with open(os.path.join(made, "data.txt"), "w") as file:
    file.write("made")
with open(single, "w") as file:
    file.write("single")
with open(os.path.join(report, "report.txt"), "w") as file:
    file.write("report")
with open("outputs/model.pkl", "w") as file:
    file.write("model")
with open("logs/own.txt", "w") as file:
    file.write("log")
"""
READER = """
import os, sys
from azureml.core import Run
from azureml.pipeline.core import PipelineRun
made, single, empty, one, many, fixed, root = sys.argv[1:8]
with open(os.path.join(root, "written_beside.txt"), "w") as file:
    file.write("by the reader")
run = Run.get_context()
(writer,) = PipelineRun(run.parent.experiment, run.parent.id).find_step_run("writer")
model = writer.register_model("from-writer", model_path="outputs/model.pkl")
tell(
    made=open(os.path.join(made, "data.txt")).read(),
    single=open(single).read(),
    empty=sorted(os.listdir(empty)) if os.path.isdir(empty) else None,
    one=open(one).read(),
    many=sorted(os.listdir(many)),
    fixed=fixed,
    fixed_files=sorted(os.listdir(fixed)),
    root=sorted(os.listdir(root)),
    model=[model.name, model.version],
)
"""


@pytest.fixture(scope="module")
def ran(world: World):
    for name in ("a.txt", "b.txt"):
        (world.folder / name).write_text(name)
    world.store.upload_files([str(world.folder / name) for name in ("a.txt", "b.txt")], target_path="given")
    made, empty = (PipelineData(name, datastore=world.store) for name in ("made", "empty"))
    single = PipelineData("single", datastore=world.store, is_directory=False)
    report = OutputFileDatasetConfig("report", destination=(world.store, "/reports/{run-id}/{output-name}"))
    elsewhere = OutputFileDatasetConfig("elsewhere")
    world.step("writer", WRITER, arguments=[made, single, empty, report, elsewhere], outputs=[made, single, empty])
    one = Dataset.File.from_files((world.store, "given/a.txt")).as_named_input("one").as_mount()
    many = Dataset.File.from_files((world.store, "given")).as_named_input("many").as_mount()
    fixed_place = f"/tmp/{uuid.uuid4()}"
    fixed = Dataset.File.from_files((world.store, "given")).as_named_input("fixed").as_mount(fixed_place)
    root = DataReference(world.store, "everything")
    reader = world.step(
        "reader",
        READER,
        arguments=[made, single, empty, one, many, fixed, root],
        inputs=[made, single, empty, one, many, fixed, root],
    )
    done = world.run(Pipeline(world.workspace, [reader]), "places")
    (writer_run,) = done.pipeline_run.find_step_run("writer")
    return SimpleNamespace(**done._asdict(), writer=writer_run, fixed_place=fixed_place, world=world)


def test_pipeline_data_lies_at_azureml_step_run_id_output_name(ran) -> None:
    assert (ran.world.blob / "azureml" / ran.writer.id / "made" / "data.txt").read_text() == "made"
    place = ran.writer.get_output_data("made")
    assert place.path_on_datastore == f"azureml/{ran.writer.id}/made"


def test_downloads_have_the_path_that_notebooks_build_by_hand(ran, tmp_path: Path) -> None:
    port = ran.writer.get_output_data("made")
    assert port.download(str(tmp_path)) == 1
    assert (tmp_path / "azureml" / ran.writer.id / "made" / "data.txt").read_text() == "made"
    assert (tmp_path / port.path_on_datastore / "data.txt").is_file()


def test_the_folder_of_pipeline_data_is_not_there_and_that_of_an_output_configuration_is(ran) -> None:
    facts = ran.told["writer"]
    assert (facts["made_is_there"], facts["report_is_folder"]) == (False, True)


def test_an_output_that_is_no_directory_is_the_path_of_a_file_to_write(ran) -> None:
    facts = ran.told["writer"]
    assert (facts["single_is_there"], facts["parent_of_single"]) == (False, True)
    assert (ran.world.blob / "azureml" / ran.writer.id / "single").read_text() == "single"
    assert ran.told["reader"]["single"] == "single"


def test_an_output_left_empty_is_an_input_all_the_same(ran) -> None:
    assert ran.told["reader"]["empty"] == []


def test_outputs_and_logs_are_there_and_belong_to_the_run_afterwards(ran) -> None:
    facts = ran.told["writer"]
    assert facts["outputs"] and facts["logs"]
    assert {"outputs/model.pkl", "logs/own.txt"} <= set(ran.writer.get_file_names())


def test_another_step_registers_a_model_from_the_run_it_finds_by_name(ran, tmp_path: Path) -> None:
    from azureml.core import Model

    assert ran.told["reader"]["model"] == ["from-writer", 1]
    path = Model(ran.world.workspace, "from-writer").download(str(tmp_path))
    assert os.path.isfile(path) and Path(path).read_text() == "model"


def test_a_dataset_of_one_file_mounts_as_that_file_and_one_of_more_as_a_folder(ran) -> None:
    assert (ran.told["reader"]["one"], ran.told["reader"]["many"]) == ("a.txt", ["a.txt", "b.txt"])


def test_a_mount_at_a_path_is_at_that_path_while_the_step_runs(ran) -> None:
    assert ran.told["reader"]["fixed"] == ran.fixed_place
    assert ran.told["reader"]["fixed_files"] == ["a.txt", "b.txt"]
    assert not os.path.lexists(ran.fixed_place)


def test_a_reference_without_a_path_is_the_root_of_its_datastore_and_may_be_written_to(ran) -> None:
    assert {"azureml", "given"} <= set(ran.told["reader"]["root"])
    assert (ran.world.blob / "written_beside.txt").read_text() == "by the reader"


def test_a_destination_may_begin_with_a_slash_and_hold_run_id_and_output_name(ran) -> None:
    assert (ran.world.blob / "reports" / ran.writer.id / "report" / "report.txt").read_text() == "report"
