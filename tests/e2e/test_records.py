"""What a run keeps: parameters, metrics, tags, files, datasets; and what Airflow shows of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from azureml.core import Dataset, Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter, PipelineRun, StepRun
from azureml.pipeline.steps import PythonScriptStep
from mlsteps.client.home import Home
from tests.e2e.airflow import Airflow
from tests.e2e.chain import run_config

WORD = "{{ x }} $HOME 'q'"
MATRIX = {
    "schema_type": "confusion_matrix",
    "schema_version": "v1",
    "data": {"class_labels": ["a", "b"], "matrix": [[3, 1], [0, 4]]},
}
WORK = """
import argparse, os, struct, zlib
from azureml.core import Dataset, Run

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--word")
parser.add_argument("--on")
parser.add_argument("--table")
parser.add_argument("--model")
args = parser.parse_args()
print("values", args.rate, args.word, args.on)

run = Run.get_context()
run.log("accuracy", 0.5)
run.log("accuracy", 0.75)
run.log("words", "few")
run.log_list("losses", [3, 2, 1])
run.log_row("rows", step=1, loss=0.5)
run.log_row("rows", step=2, loss=0.25)
run.log_table("table", {"x": [1, 2], "y": [3.0, 4.0]})
run.log_confusion_matrix("confusion", %s)
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
with open("picture.png", "wb") as file:
    file.write(b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)))
    file.write(chunk(b"IDAT", zlib.compress(b"\\0\\0")) + chunk(b"IEND", b""))
run.log_image("picture", path="picture.png")
run.tag("stage", "trial")
run.set_tags({"owner": "me"})
run.add_properties({"kept": "yes"})
run.parent.log("best", 0.75)
run.parent.tag("best", "this one")

with open(os.path.join("outputs", "model.txt"), "w") as file:
    file.write("a model")
os.makedirs(os.path.join("logs", "deep"))
with open(os.path.join("logs", "deep", "my.log"), "w") as file:
    file.write("a line")

ws = run.experiment.workspace
raw = run.input_datasets["raw"]
again = Dataset.get_by_name(ws, "raw")
with open(os.path.join(raw, "one.txt")) as file:
    text = file.read()
print("registered", again.name, again.version, again.to_path())
assert run.output_datasets["table"] == args.table, run.output_datasets
with open(os.path.join(args.table, "rows.csv"), "w") as file:
    file.write("name,size\\none,%d\\n" % len(text))
with open(args.model, "w") as file:
    file.write("model at rate {}".format(args.rate))
""".replace("%s", repr(MATRIX))
READ = """
import os, sys
from azureml.core import Run
run = Run.get_context()
frame = run.input_datasets["table"].to_pandas_dataframe()
print("read", frame.to_dict("records"), open(sys.argv[1]).read())
run.log("size", int(frame["size"][0]))
"""
BARE = """
import os, sys
print("bare in", sys.prefix)
print(open(os.environ["AZUREML_DATAREFERENCE_model"]).read())
"""


class Done(NamedTuple):
    """A run that is over."""

    ws: Workspace
    run: PipelineRun
    printed: str

    def step(self, name: str) -> StepRun:
        """The run of one of its steps."""
        return self.run.find_step_run(name)[0]


@pytest.fixture(scope="module")
def done(airflow: Airflow, tmp_path_factory: pytest.TempPathFactory, workspace_at: Callable) -> Done:
    """One run of both steps, with all that it printed."""
    folder = tmp_path_factory.mktemp("records")
    ws = workspace_at(folder)
    (folder / "source").mkdir()
    (folder / "source" / "work.py").write_text(WORK)
    (folder / "source" / "read.py").write_text(READ)
    (folder / "one.txt").write_text("twelve bytes")
    store = ws.get_default_datastore()
    store.upload_files([str(folder / "one.txt")], target_path="raw", show_progress=False)
    raw = Dataset.File.from_files([(store, "raw/")]).register(ws, "raw")
    table = OutputFileDatasetConfig("table", destination=(store, "tables/{run-id}")).read_delimited_files()
    table = table.register_on_complete("table", description="one row", tags={"kind": "small"})
    model = PipelineData("model", is_directory=False, pipeline_output_name="the_model")
    rate, word, on = PipelineParameter("rate", 0.5), PipelineParameter("word", "none"), PipelineParameter("on", False)
    common = {"source_directory": str(folder / "source"), "runconfig": run_config(folder / "notes")}
    work = PythonScriptStep(
        "work.py",
        name="work",
        arguments=["--rate", rate, "--word", word, "--on", on, "--table", table, "--model", model],
        inputs=[raw.as_named_input("raw").as_mount()],
        outputs=[model],
        **common,
    )
    read = PythonScriptStep(
        "read.py", name="read", arguments=[model], inputs=[table.as_input("table"), model], **common
    )
    bare = PythonScriptStep(
        "bare.py", name="bare", inputs=[model], source_directory=common["source_directory"], runconfig=virtual()
    )
    (folder / "source" / "bare.py").write_text(BARE)
    assert work.name == "work"
    values = {"rate": 2.5, "word": WORD, "on": True}
    pipeline = Pipeline(ws, [read, bare])
    printed = io.StringIO()
    with redirect_stdout(printed):
        run = Experiment(ws, "records").submit(pipeline, pipeline_parameters=values, tags={"from": "test"})
        assert run.wait_for_completion(show_output=True) == "Finished"
    return Done(ws, run, printed.getvalue())


def virtual() -> RunConfiguration:
    """An environment that really is made: a virtual one without packages."""
    environment = Environment("bare")
    environment.python.conda_dependencies = CondaDependencies()
    config = RunConfiguration()
    config.environment = environment
    return config


def test_parameters_reach_the_script(done: Done) -> None:
    assert f"[work] values 2.5 {WORD} True\n" in done.printed
    assert json.loads(done.run.get_properties()["azureml.parameters"]) == {"rate": "2.5", "word": WORD, "on": "true"}


def test_an_environment_is_made(done: Done, home: Home) -> None:
    environments = str(home.folder.parent / "environments")
    assert f"[bare] bare in {environments}" in done.printed
    assert "[bare] model at rate 2.5\n" in done.printed


def test_metrics(done: Done) -> None:
    metrics = done.step("work").get_metrics()
    picture = metrics.pop("picture")
    assert metrics == {
        "accuracy": [0.5, 0.75],
        "words": "few",
        "losses": [3, 2, 1],
        "rows": {"step": [1, 2], "loss": [0.5, 0.25]},
        "table": {"x": [1, 2], "y": [3.0, 4.0]},
        "confusion": MATRIX,
    }
    assert picture.startswith(f"aml://artifactId/ExperimentRun/dcid.{done.step('work').id}/picture_")
    assert picture.rpartition("/")[2] in done.step("work").get_file_names()
    assert done.run.get_metrics() == {"best": 0.75}
    together = done.run.get_metrics(recursive=True)
    assert together[done.step("read").id] == {"size": 12}


def test_tags_and_properties(done: Done) -> None:
    assert done.step("work").get_tags() == {"stage": "trial", "owner": "me"}
    assert done.step("work").get_properties()["kept"] == "yes"
    assert done.run.get_tags() == {"from": "test", "best": "this one"}


def test_files(done: Done, tmp_path: Path) -> None:
    work = done.step("work")
    assert {"outputs/model.txt", "logs/deep/my.log", "user_logs/std_log.txt"} < set(work.get_file_names())
    work.download_file("outputs/model.txt", str(tmp_path / "model.txt"))
    assert (tmp_path / "model.txt").read_text() == "a model"
    assert "values 2.5" in work.get_stdout_log()


def test_datasets_in_a_step(done: Done) -> None:
    assert "[work] registered raw 1 ['/one.txt']\n" in done.printed
    assert "[read] read [{'name': 'one', 'size': 12}] model at rate 2.5\n" in done.printed
    (given,) = done.step("work").get_details()["inputDatasets"]
    assert (given["dataset"].name, given["consumptionDetails"]["mechanism"]) == ("raw", "Mount")


def test_outputs_and_registered_datasets_at_the_client(done: Done, tmp_path: Path) -> None:
    found = Dataset.get_by_name(done.ws, "table")
    assert (found.version, found.description, found.tags) == (1, "one row", {"kind": "small"})
    assert found.to_pandas_dataframe().to_dict("records") == [{"name": "one", "size": 12}]
    place = done.run.get_pipeline_output("the_model")
    assert place.download(str(tmp_path)) == 1
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path.read_text() == "model at rate 2.5"


def test_airflow_shows_the_dataset_as_an_asset_and_the_run_where_it_lies(done: Done, airflow: Airflow) -> None:
    events = airflow.get("/api/v2/assets/events", source_dag_id="records")["asset_events"]
    (event,) = [event for event in events if event["source_run_id"] == done.run.id]
    assert (event["uri"], event["source_task_id"]) == ("mlsteps://e2e/datasets/table", "work")
    assert event["extra"]["version"] == 1
    assert event["extra"]["uri"].endswith(f"/tables/{done.step('work').id}")
    address = f"{airflow.server.address.url}/dags/records/runs/{done.run.id}"
    assert done.run.get_portal_url() == address
    assert done.step("work").get_portal_url() == f"{address}/tasks/work"
    assert f"Link to the run: {address}\n" in done.printed
