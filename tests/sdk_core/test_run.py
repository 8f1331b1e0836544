from __future__ import annotations

import io
import json
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsteps.errors import (
    ActivityFailedException,
    AzureMLException,
    InvalidInput,
    ModelPathNotFoundException,
    UserErrorException,
)
from mlsteps.sdk.experiment import Experiment
from mlsteps.sdk.metrics import plain_value
from mlsteps.sdk.model import Model
from mlsteps.sdk.run import Run, get_run
from mlsteps.sdk.script_run import ScriptRun


def test_metrics_once_more_often_rows_and_tables(run):
    run.log("once", 0.5)
    run.log("name", "text")
    for value in (1, 2, 3):
        run.log("often", value)
    run.log_list("list", [1, 2])
    run.log_row("one", x=1, y=2)
    run.log_row("rows", x=1, y="a")
    run.log_row("rows", x=2, y="b")
    run.log_table("table", {"x": [1, 2], "y": [3, 4]})
    assert run.get_metrics() == {
        "once": 0.5,
        "name": "text",
        "often": [1, 2, 3],
        "list": [1, 2],
        "one": {"x": 1, "y": 2},
        "rows": {"x": [1, 2], "y": ["a", "b"]},
        "table": {"x": [1, 2], "y": [3, 4]},
    }
    assert run.get_metrics("once") == {"once": 0.5}
    assert Run.get(run.experiment.workspace, run.id).get_metrics("often") == {"often": [1, 2, 3]}


def test_numbers_of_numpy_are_numbers(run):
    numpy = pytest.importorskip("numpy")
    run.log("a", numpy.float32(0.5))
    run.log("b", numpy.int64(3))
    run.log("c", numpy.array([1.5, 2.5]))
    run.log_list("d", numpy.arange(3))
    run.log_row("e", x=numpy.bool_(True))
    assert run.get_metrics() == {"a": 0.5, "b": 3, "c": [1.5, 2.5], "d": [0, 1, 2], "e": {"x": True}}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.tuples(x)))
def test_plain_value_is_json_and_stays_as_it_is(value):
    once = plain_value(value)
    assert plain_value(json.loads(json.dumps(once))) == once


def test_charts_take_dicts_and_json_text(run):
    chart = {"schema_type": "confusion_matrix", "data": {"matrix": [[1, 0], [0, 1]]}}
    run.log_confusion_matrix("m", chart)
    run.log_accuracy_table("t", json.dumps(chart))
    assert run.get_metrics() == {"m": chart, "t": chart}
    with pytest.raises(InvalidInput, match=r"'bad'.*not valid JSON"):
        run.log_residuals("bad", "{")


def test_images_by_path_or_plot(run, tmp_path):
    class Plot:
        def savefig(self, file, format):
            with open(file, "wb") as stream:
                stream.write(b"png of " + format.encode())

    (tmp_path / "a.jpg").write_bytes(b"jpg")
    run.log_image("My image", path=str(tmp_path / "a.jpg"))
    run.log_image("plot", plot=Plot())
    names = run.get_file_names()
    assert [name.split("_")[0] for name in names] == ["My", "plot"]
    metrics = run.get_metrics()
    assert metrics["My image"].endswith(names[0]) and names[0].endswith(".jpg")
    run.download_file(names[1], "out.png")
    assert Path("out.png").read_bytes() == b"png of png"
    with pytest.raises(InvalidInput, match="one of them"):
        run.log_image("x")
    with pytest.raises(InvalidInput, match="no file"):
        run.log_image("x", path="none.png")


def test_bad_metrics_say_what_is_wrong(run):
    with pytest.raises(InvalidInput, match="no columns"):
        run.log_row("r")
    with pytest.raises(InvalidInput, match="list"):
        run.log_list("l", "text")
    with pytest.raises(InvalidInput, match="dict of columns"):
        run.log_table("t", [1])
    assert run.get_metrics() == {}


def test_tags_and_properties(run):
    run.tag("a", 1)
    run.tag("bare")
    run.set_tags({"b": 0.5, "c": "x"})
    run.remove_tags(["c"])
    assert run.get_tags() == run.tags == {"a": "1", "bare": None, "b": "0.5"}
    assert float(run.get_tags()["b"]) == 0.5
    run.add_properties({"p": 1})
    run.add_properties({"p": "1", "q": 2})
    with pytest.raises(UserErrorException, match="do not change"):
        run.add_properties({"p": 2})
    assert run.get_properties() == {"p": "1", "q": "2"}
    with pytest.raises(InvalidInput, match="tags"):
        run.set_tags("a")


def test_display_name_and_description(run):
    assert run.name == run.display_name == run.id
    run.display_name = "Nice"
    run.description = "What it is"
    assert (run.name, run.description, run.number) == ("Nice", "What it is", 1)


def test_upload_download(run, tmp_path):
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("A")
    (folder / "sub" / "b c.txt").write_text("B")
    run.upload_folder("outputs/f", str(folder))
    run.upload_file("./x.txt", str(folder / "a.txt"))
    run.upload_file("s.bin", io.BytesIO(b"stream"))
    run.upload_files(["u/1", "u/2"], [str(folder / "a.txt"), str(folder / "sub" / "b c.txt")])
    assert run.get_file_names() == ["outputs/f/a.txt", "outputs/f/sub/b c.txt", "s.bin", "u/1", "u/2", "x.txt"]
    run.download_file("outputs/f/a.txt")
    assert Path("outputs/f/a.txt").read_text() == "A"
    os.makedirs("there")
    run.download_file("outputs/f/a.txt", "there")
    run.download_file("s.bin", "new/place.bin")
    assert Path("there/a.txt").read_text() == "A" and Path("new/place.bin").read_text() == "stream"
    run.download_files("outputs/f", output_directory="all")
    run.download_files("outputs/f", output_directory="short", append_prefix=False)
    assert Path("all/outputs/f/sub/b c.txt").read_text() == "B" and Path("short/sub/b c.txt").read_text() == "B"
    with pytest.raises(UserErrorException, match=r"no file 'nope'.*s.bin"):
        run.download_file("nope")


def test_artifacts_do_not_change(run, tmp_path):
    file = tmp_path / "a"
    file.write_text("one")
    run.upload_file("a", str(file))
    run.upload_file("a", str(file))
    file.write_text("two")
    with pytest.raises(AzureMLException, match="another content"):
        run.upload_file("a", str(file))
    run.download_file("a", "got")
    assert Path("got").read_text() == "one"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..\\x"])
def test_names_stay_in_the_run(run, tmp_path, name):
    (tmp_path / "a").write_text("x")
    with pytest.raises(InvalidInput, match="leaves"):
        run.upload_file(name, str(tmp_path / "a"))
    with pytest.raises(InvalidInput, match="leaves"):
        run.download_file(name)


def test_missing_files_are_named(run):
    with pytest.raises(UserErrorException, match=r"'nope'.*'outputs/n'"):
        run.upload_file("outputs/n", "nope")
    with pytest.raises(UserErrorException, match="nope"):
        run.upload_folder("outputs", "nope")
    with pytest.raises(InvalidInput, match="pair"):
        run.upload_files(["a"], [])


def test_register_model_of_an_artifact(run, tmp_path):
    (tmp_path / "m.pkl").write_text("weights")
    run.upload_file("outputs/m.pkl", str(tmp_path / "m.pkl"))
    model = run.register_model("best", model_path="outputs/m.pkl", tags={"acc": 0.9}, model_framework="sk")
    assert (model.name, model.version, model.tags, model.run_id) == ("best", 1, {"acc": "0.9"}, run.id)
    assert model.experiment_name == "waves" and model.run.id == run.id and model.model_framework == "sk"
    with pytest.raises(ModelPathNotFoundException, match=r"outputs/none.*outputs/m.pkl"):
        run.register_model("best", "outputs/none")
    assert run.register_model("best", "outputs").version == 2
    assert [m.version for m in Model.list(run.experiment.workspace, "best", latest=True)] == [2]


def test_interactive_run_completes_fails_and_keeps_outputs(ws, tmp_path):
    experiment = Experiment(ws, "waves")
    os.makedirs("outputs")
    Path("outputs/o.txt").write_text("o")
    with experiment.start_logging() as run:
        assert run.get_status() == "Running"
    assert run.get_status() == run.status == "Completed"
    assert run.get_file_names() == ["outputs/o.txt"]
    with pytest.raises(ZeroDivisionError), experiment.start_logging(outputs=False) as failing:
        _ = 1 / 0
    assert failing.get_status() == "Failed" and failing.get_file_names() == []
    assert "ZeroDivisionError" in failing.get_details()["error"]["error"]["message"]
    assert failing.get_detailed_status()["status"] == "Failed"


def test_details(run):
    details = run.get_details()
    assert details["runId"] == run.id and details["status"] == "Running" and "endTimeUtc" not in details
    for key in ("target", "startTimeUtc", "properties", "inputDatasets", "outputDatasets", "logFiles", "submittedBy"):
        assert key in details
    run.upload_file("user_logs/std_log.txt", io.StringIO("line\n"))
    run.complete()
    details = run.get_details_with_logs()
    assert details["endTimeUtc"] >= details["startTimeUtc"] and details["logFiles"]["user_logs/std_log.txt"] == "line\n"
    (path,) = run.get_all_logs("logs-here")
    assert Path(path).read_text() == "line\n" and path.replace(os.sep, "/") == "logs-here/user_logs/std_log.txt"


def test_wait_for_completion_polls_and_prints(run, capsys):
    def finish():
        run.upload_file("user_logs/std_log.txt", io.StringIO("hello from the script\n"))
        time.sleep(0.3)
        run.complete()

    thread = threading.Thread(target=finish)
    thread.start()
    details = run.wait_for_completion(show_output=True)
    thread.join()
    assert details["status"] == "Completed"
    assert capsys.readouterr().out.count("hello from the script") == 1


def test_wait_for_completion_of_a_failed_run(run):
    run.fail("out of luck", error_code="Luck")
    with pytest.raises(ActivityFailedException, match="out of luck") as caught:
        run.wait_for_completion()
    assert caught.value.error_details["error"]["code"] == "Luck"
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_children(run):
    child = run.child_run("first")
    child.log("m", 1)
    child.complete()
    grandchild = child.child_run("deep")
    grandchild.log("m", 2)
    some = run.create_children(tag_key="fold", tag_values=[1, 2])
    run.create_children(count=1)
    assert child.parent.id == run.id and child.name == "first"
    assert [c.id for c in run.get_children()][:3] == [child.id, *(c.id for c in some)]
    assert len(list(run.get_children(recursive=True))) == 5
    assert [c.id for c in run.get_children(tags={"fold": 2})] == [some[1].id]
    assert [c.id for c in run.get_children(tags="fold")] == [c.id for c in some]
    assert [c.id for c in run.get_children(status="Completed")] == [child.id]
    assert run.get_metrics(recursive=True) == {child.id: {"m": 1}, grandchild.id: {"m": 2}}
    with pytest.raises(InvalidInput, match="count"):
        run.create_children()


def test_runs_of_an_experiment_are_newest_first(ws):
    experiment = Experiment(ws, "waves")
    runs = [experiment.start_logging() for _ in range(3)]
    runs[1].tag("k", "v")
    runs[0].child_run()
    assert [r.id for r in experiment.get_runs()] == [r.id for r in runs[::-1]]
    assert [r.id for r in experiment.get_runs(tags={"k": "v"})] == [runs[1].id]
    assert len(list(experiment.get_runs(include_children=True))) == 4
    assert [r.number for r in runs] == [1, 2, 3]


def test_runs_get_the_class_of_their_type(ws):
    store = ws._run_store()
    for kind, name in (("azureml.scriptrun", "ScriptRun"), ("azureml.PipelineRun", "PipelineRun")):
        store.create(name, experiment="waves", type=kind)
        assert type(ws.get_run(name)).__name__ == name
    experiment = Experiment(ws, "waves")
    assert type(get_run(experiment, "ScriptRun")) is ScriptRun
    assert type(get_run(experiment, "ScriptRun", rehydrate=False)) is Run
    with pytest.raises(UserErrorException, match="no run 'nope'"):
        ws.get_run("nope")

    class Mine(Run):
        pass

    Run.add_type_provider("mine", lambda experiment, head: Mine(experiment, head["id"]))
    store.create("m", experiment="waves", type="mine")
    assert type(ws.get_run("m")) is Mine


def test_snapshots(run, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print(1)")
    assert run.get_snapshot_id() is None
    identity = run.take_snapshot(str(source))
    assert run.get_snapshot_id() == identity
    path = run.restore_snapshot(path="zips")
    assert os.path.getsize(path) > 0 and path.endswith(f"{identity}.zip")
    with pytest.raises(UserErrorException, match="no snapshot"):
        run.restore_snapshot("0" * 64)
