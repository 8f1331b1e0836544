from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from pathlib import Path

import numpy
import pytest

from mlsteps.errors import ExperimentExecutionException, InvalidInput
from mlsteps.registry.run_events import event
from mlsteps.registry.runs import RunStore
from tests.registry.processes import start, together


@pytest.fixture
def runs(ws):
    store = RunStore(ws)
    store.create("p1", experiment="exp one", type="azureml.PipelineRun", steps=["a", "b"])
    return store


def test_a_head_is_written_once(runs, ws):
    runs.create("p1", experiment="exp one", type="other", name="later")
    head = RunStore(ws).head("p1")
    assert (head["type"], head["steps"], head["root"], head["parent"]) == (
        "azureml.PipelineRun",
        ["a", "b"],
        "p1",
        None,
    )
    assert runs.head("none") is None


@pytest.mark.parametrize("id", ["", "../x", "a/b", ".hidden", "a" * 200])
def test_ids_that_are_no_file_names_are_refused(runs, id):
    with pytest.raises(InvalidInput, match="run id"):
        runs.create(id, experiment="e", type="t")


def test_an_unknown_run_is_an_error(runs):
    with pytest.raises(ExperimentExecutionException, match="no run 'nope'"):
        runs.write("nope", "status", status="Running")
    with pytest.raises(ExperimentExecutionException, match="no run 'nope'"):
        runs.create("child", experiment="e", type="t", parent="nope")


def test_the_state_follows_from_the_events(runs, ws):
    assert runs.state("p1").status == "NotStarted"
    for status in ("Queued", "Running"):
        runs.write("p1", "status", status=status)
    runs.write("p1", "tag", key="a", value="1")
    runs.write("p1", "tag", key="b", value="2")
    runs.write("p1", "untag", key="a")
    runs.write("p1", "property", key="azureml.git.commit", value="abc")
    runs.write("p1", "display_name", value="shown")
    runs.write("p1", "description", value="why")
    runs.write("p1", "input", name="data", document={"dataset": {"id": "1"}})
    runs.write("p1", "output", name="model", document={"uri": "x"})
    runs.write("p1", "metric", name="loss", value=0.5)
    runs.write("p1", "metric", name="loss", value=0.25)
    runs.write("p1", "reused", run_id="old", pipeline_run_id="older")
    runs.write("p1", "invented_later", anything=1)
    runs.write("p1", "status", status="Failed", error={"message": "boom"}, final=True)
    state = RunStore(ws).state("p1")
    assert (state.status, state.error, state.final) == ("Failed", {"message": "boom"}, True)
    assert state.started <= state.ended == state.updated <= time.time()
    assert (state.tags, state.properties) == ({"b": "2"}, {"azureml.git.commit": "abc"})
    assert (state.display_name, state.description) == ("shown", "why")
    assert (state.inputs, state.outputs) == ({"data": {"dataset": {"id": "1"}}}, {"model": {"uri": "x"}})
    assert (state.metrics, state.reused) == ({"loss": [0.5, 0.25]}, {"run_id": "old", "pipeline_run_id": "older"})


def test_a_late_message_does_not_wake_a_finished_run(runs, ws):
    runs.write("p1", "status", status="Completed")
    RunStore(ws).write("p1", "status", status="Running")
    state = runs.state("p1")
    assert state.status == "Completed"
    runs.write("p1", "status", status="Failed", error={"message": "commit"})
    assert runs.state("p1").error == {"message": "commit"}, "the commit failed after the script had ended well"


def test_what_scripts_log_comes_back(runs):
    values = [1, 0.1, True, None, "ü\n", numpy.float32(0.5), numpy.int64(3), numpy.array([1, 2]), {"a": [1]}, b"x"]
    for value in values:
        runs.write("p1", "metric", name="m", value=value)
    assert runs.state("p1").metrics["m"] == [1, 0.1, True, None, "ü\n", 0.5, 3, [1, 2], {"a": [1]}, "b'x'"]
    runs.write("p1", "metric", name="bad", value=float("nan"))
    assert math.isnan(runs.state("p1").metrics["bad"])


def ended(source: str) -> dict:
    said = [event("reused", run_id=source), event("status", status="Completed")]
    return {"experiment": "exp one", "type": "azureml.ReusedStepRun", "name": source, "said": said}


def test_runs_that_are_over_are_made_together_and_are_as_any_other(runs, ws):
    runs.create("c1", experiment="exp one", type="t", parent="p1")
    runs.create_together("p1", {"p1.c2": ended("old2"), "p1.c3": ended("old3")})
    fresh = RunStore(ws)
    assert fresh.children("p1") == ["c1", "p1.c2", "p1.c3"]
    assert fresh.list("exp one") == ["p1"]
    assert fresh.list("exp one", include_children=True) == ["p1.c3", "p1.c2", "c1", "p1"]
    head, state = fresh.head("p1.c2"), fresh.state("p1.c2")
    assert (head["parent"], head["root"], head["type"]) == ("p1", "p1", "azureml.ReusedStepRun") and "said" not in head
    assert (state.status, state.reused) == ("Completed", {"run_id": "old2"})
    assert RunStore(ws).head("p1.c3")["name"] == "old3" and RunStore(ws).head("p1.c4") is None
    fresh.write("p1.c2", "tag", key="a", value="1")
    assert RunStore(ws).state("p1.c2").tags == {"a": "1"} and RunStore(ws).state("p1.c2").status == "Completed"
    fresh.artifacts("p1.c2").write("outputs/x", b"1")
    assert RunStore(ws).artifacts("p1.c2").read("outputs/x") == b"1"


def test_made_together_once_more_what_is_said_now_counts(runs, ws):
    runs.create_together("p1", {"p1.c2": ended("old")})
    runs.create_together("p1", {"p1.c2": ended("newer"), "p1.c3": ended("old")})
    fresh = RunStore(ws)
    assert fresh.children("p1") == ["p1.c2", "p1.c3"]
    assert fresh.state("p1.c2").reused == {"run_id": "newer"}


def test_runs_made_together_cost_one_document(runs, ws):
    before = {path for path in Path(ws.root).rglob("*") if path.is_file()}
    runs.create_together("p1", {f"p1.c{number}": ended("old") for number in range(20)})
    after = {path for path in Path(ws.root).rglob("*") if path.is_file()}
    assert len(after - before) == 1


def test_children_come_oldest_first_and_runs_newest_first(runs, ws):
    for id in ("c1", "c2", "c3"):
        runs.create(id, experiment="exp one", type="azureml.StepRun", parent="p1", root="p1")
        time.sleep(0.002)
    runs.create("p2", experiment="exp one", type="azureml.PipelineRun")
    runs.create("x", experiment="other/exp", type="azureml.scriptrun")
    fresh = RunStore(ws)
    assert fresh.children("p1") == ["c1", "c2", "c3"]
    assert fresh.children("c1") == []
    assert fresh.list("exp one") == ["p2", "p1"]
    assert fresh.list("exp one", include_children=True) == ["p2", "c3", "c2", "c1", "p1"]
    assert fresh.list("none") == []
    assert fresh.experiments() == ["exp one", "other/exp"]
    assert set(fresh.heads(["c1", "p2", "gone"])) == {"c1", "p2"}


def test_artifacts_are_files_of_the_run(runs, tmp_path):
    store = runs.artifacts("p1")
    store.write("outputs/model.pkl", b"bytes")
    assert [entry.path for entry in runs.artifacts("p1").list("outputs")] == ["outputs/model.pkl"]
    assert runs.artifacts("p1").read("outputs/model.pkl") == b"bytes"


def test_many_threads_share_one_store(runs):
    def work(number):
        for turn in range(50):
            runs.write("p1", "metric", name=f"m{number}", value=turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs.state("p1").metrics == {f"m{number}": list(range(50)) for number in range(6)} | {}


def test_writers_do_not_share_files_and_a_fork_makes_a_new_one(runs, ws):
    runs.write("p1", "tag", key="parent", value=1)
    pid = os.fork()
    if pid == 0:
        runs.write("p1", "tag", key="child", value=2)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    runs.write("p1", "tag", key="parent again", value=3)
    RunStore(ws).write("p1", "tag", key="another store", value=4)
    files = [entry.path.rpartition("/")[2] for entry in ws.store.list("experiments/exp one/p1/events")]
    assert len(files) == 3
    assert sum(f"-{pid}-" in name for name in files) == 1
    assert len(runs.state("p1").tags) == 4


def test_a_long_row_of_events_is_kept_in_several_files_in_order(runs, ws):
    for turn in range(450):
        runs.write("p1", "metric", name="m", value=turn)
    assert len(list(ws.store.list("experiments/exp one/p1/events"))) == 3
    assert runs.state("p1").metrics["m"] == list(range(450))


def test_the_order_holds_when_the_clock_goes_back(runs, monkeypatch):
    clock = iter([100.0, 50.0, 60.0, 110.0])
    monkeypatch.setattr(time, "time", lambda: next(clock))
    for turn in range(4):
        runs.write("p1", "metric", name="m", value=turn)
    monkeypatch.undo()
    assert runs.state("p1").metrics["m"] == [0, 1, 2, 3]
    assert [event["t"] for event in runs.events("p1")] == [100.0, 100.0, 100.0, 110.0]


def test_processes_that_write_at_once_lose_nothing(runs, ws, tmp_path):
    together(
        """
        ws = open_workspace({"root": sys.argv[1]})
        runs = RunStore(ws)
        ready()
        for turn in range(40):
            runs.write("p1", "metric", name=f"m{number}", value=turn)
        """,
        "from mlsteps.registry.runs import RunStore",
        ws.root,
        tmp_path,
        3,
    )
    assert runs.state("p1").metrics == {f"m{number}": list(range(40)) for number in range(3)}


def test_a_killed_writer_leaves_a_row_without_a_gap(runs, ws, tmp_path):
    process = start(
        """
        ws = open_workspace({"root": sys.argv[1]})
        runs = RunStore(ws)
        turn = 0
        while True:
            runs.write("p1", "metric", name="m", value=turn)
            if turn == 20:
                print("going", flush=True)
            turn += 1
        """,
        "from mlsteps.registry.runs import RunStore",
        ws.root,
        tmp_path / "gate",
        0,
    )
    assert process.stdout.readline().strip() == "going"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    values = runs.state("p1").metrics["m"]
    assert len(values) > 20
    assert values == list(range(len(values)))


def test_a_torn_line_does_not_count_and_hides_nothing(runs, ws):
    runs.write("p1", "tag", key="a", value=1)
    (name,) = [entry.path for entry in ws.store.list("experiments/exp one/p1/events")]
    ws.store.append(name, b'{"t": 1, "kind": "tag", "key": "b"')
    ws.store.write("experiments/exp one/p1/events/other.jsonl", b'garbage\n[]\n{"t": 2, "kind": "tag", "key": "c"}\n')
    assert set(runs.state("p1").tags) == {"a", "c"}


def test_states_of_many_runs(runs):
    for number in range(5):
        runs.create(f"c{number}", experiment="e", type="t", parent="p1")
        runs.write(f"c{number}", "tag", key="n", value=number)
    states = runs.states([f"c{number}" for number in range(5)])
    assert json.dumps({id: state.tags["n"] for id, state in states.items()}) == json.dumps(
        {f"c{number}": number for number in range(5)}
    )
    assert runs.states([]) == {}
