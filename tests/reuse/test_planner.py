from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from mlsteps.contracts.dataset import file_definition
from mlsteps.contracts.graph import InputPort, OutputPort, Parameter
from mlsteps.contracts.record import StepRecord
from mlsteps.errors import InvalidInput
from mlsteps.registry import datasets
from mlsteps.storage import snapshots
from tests.reuse.world import BLOB, step

PIPELINE = (
    step("prepare", data="data"),
    step("train", ["prepare"]),
    step("compare", ["train"]),
)


def test_the_first_run_runs_all_and_the_second_nothing(world):
    first = world.run(*PIPELINE)
    assert world.executed == ["prepare", "train", "compare"]
    assert first["prepare"].reason == "no earlier run of this step is recorded"
    plan = world.plan(*PIPELINE)
    assert plan.reused == ("prepare", "train", "compare")
    assert plan["train"].reason.startswith("reused from run run1 of dag, 20")
    world.run(*PIPELINE)
    assert world.executed == []


def test_what_depends_on_data_waits_and_the_rest_is_decided(world):
    plan = world.plan(*PIPELINE, step("apart", data="data"))
    assert [(made.step, made.action, made.waits_for) for made in plan.decisions] == [
        ("prepare", "run", ()),
        ("apart", "run", ()),
        ("train", "wait", ("prepare",)),
        ("compare", "wait", ("train",)),
    ]
    assert plan["train"].reason == "decided when the outputs of prepare are known"


def test_order_alone_carries_no_data(world):
    steps = (step("prepare", data="data"), step("after", run_after=("prepare",)))
    world.run(*steps)
    world.snapshots["prepare"] = "changed"
    assert [made.action for made in world.plan(*steps).decisions] == ["run", "reuse"]


def test_a_changed_comment_reruns_that_step_and_nothing_after_it(world):
    world.run(*PIPELINE)
    world.snapshots["train"] = "5nap-comment"
    decisions = world.run(*PIPELINE)
    assert world.executed == ["train"], "it made the same bytes"
    assert decisions["compare"].action == "reuse"
    assert "components differs: source: changed" in decisions["train"].reason
    world.snapshots["train"], world.work["train"] = "5nap-better", "better"
    world.run(*PIPELINE)
    assert world.executed == ["train", "compare"]


def test_the_changed_file_is_named_when_the_snapshot_tells_its_files(world):
    world.snapshots["prepare"] = SimpleNamespace(digest="one", files={"prepare.py": "1", "util.py": "1"})
    world.run(*PIPELINE)
    world.snapshots["prepare"] = SimpleNamespace(digest="two", files={"prepare.py": "1", "util.py": "2"})
    assert "source: util.py changed (compared with run run1" in world.plan(*PIPELINE)["prepare"].reason


def test_the_changed_file_is_named_from_stored_snapshots(world, tmp_path):
    """As in runs of submitted pipelines, where a step's source is a digest and nothing else."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "same.py").write_text("1")
    for text in ("1", "2"):
        (source / "train.py").write_text(text)
        world.snapshots["prepare"] = snapshots.take(str(source), world.ws).digest
        decision = world.plan(*PIPELINE)["prepare"]
        world.run(*PIPELINE)
    assert "source: train.py changed (compared with run run1" in decision.reason
    assert list(decision.preimage["details"]["files"]) == ["train.py"]


def test_a_changed_byte_of_the_data_reruns_what_reads_it(world):
    world.run(*PIPELINE, step("apart"))
    world.put("data/b.csv", "3,5\n")
    decisions = world.run(*PIPELINE, step("apart"))
    assert world.executed == ["prepare"]
    assert "input 'data': the data changed" in decisions["prepare"].reason
    assert "b.csv changed" in decisions["prepare"].reason


def test_a_new_file_below_the_data_reruns_what_reads_it(world):
    world.run(*PIPELINE)
    world.put("data/c.csv", "5,6\n")
    world.run(*PIPELINE)
    assert world.executed == ["prepare"]


def test_a_touched_file_of_the_data_reruns_nothing(world):
    world.run(*PIPELINE)
    os.utime(world.store.local_path("data/a.csv"), ns=(1, 1))
    world.run(*PIPELINE)
    assert world.executed == []


def test_the_same_file_as_a_file_or_as_a_folder_is_not_the_same_input(world):
    world.put("one/a.csv", "1")
    world.run(step("train", data="one/a.csv"))
    assert world.plan(step("train", data="one"))["train"].action == "run"
    assert world.plan(step("train", data="one/a.csv"))["train"].action == "reuse"


def test_how_a_table_is_read_counts(world):
    table = {"type": "tabular", "paths": [{"datastore": BLOB, "path": "data/*.csv"}], "reader": {"separator": ","}}
    world.run(step("train", data={"dataset": table}))
    assert world.plan(step("train", data={"dataset": table}))["train"].action == "reuse"
    other = {**table, "reader": {"separator": ";"}}
    assert world.plan(step("train", data={"dataset": other}))["train"].action == "run"


def test_a_query_is_never_a_hit(world):
    query = {"type": "tabular", "sql": {"datastore": BLOB, "query": "select 1"}}
    world.run(step("train", data={"dataset": query}))
    decisions = world.run(step("train", data={"dataset": query}))
    assert world.executed == ["train"]
    assert "without running it" in decisions["train"].reason


def test_a_deleted_output_reruns_its_step_only_and_says_so(world):
    world.run(*PIPELINE)
    world.store.delete("azureml/1-train/out/a.txt")
    plan = world.plan(*PIPELINE)
    assert [made.action for made in plan.decisions] == ["reuse", "run", "wait"]
    assert "cannot reuse run run1" in plan["train"].reason
    assert "output 'out': " in plan["train"].reason
    assert "a.txt" in plan["train"].reason
    assert plan["train"].replace
    world.run(*PIPELINE)
    assert world.executed == ["train"]
    world.run(*PIPELINE)
    assert world.executed == [], "the record was replaced by one that holds"


def test_an_altered_output_is_not_reused(world):
    world.run(*PIPELINE)
    world.put("azureml/1-train/out/a.txt", "somebody was here")
    assert world.plan(*PIPELINE)["train"].action == "run"


def test_several_broken_outputs_are_found(world):
    world.run(*PIPELINE)
    for name in ("prepare", "compare"):
        world.store.delete(f"azureml/1-{name}/out/a.txt")
    assert [made.action for made in world.plan(*PIPELINE).decisions] == ["run", "wait", "wait"]
    world.run(*PIPELINE)
    assert world.executed == ["prepare", "compare"]


def test_a_lost_manifest_is_a_miss(world):
    world.run(*PIPELINE)
    world.ws.delete("manifests/1-prepare/out.json")
    assert "manifest" in world.plan(*PIPELINE)["prepare"].reason


def test_a_lost_datastore_is_a_miss_that_says_so(world):
    world.run(*PIPELINE)
    world.ws.delete(f"datastores/{BLOB}.json")
    plan = world.plan(*PIPELINE)
    assert plan["prepare"].action == "run"
    assert "Could not find datastore" in plan["prepare"].reason


def test_renaming_reuses(world):
    world.run(*PIPELINE)
    prepare, train, compare = PIPELINE
    renamed = (
        replace(prepare, name="Prepare it", inputs=(replace(prepare.inputs[0], name="raw"),)),
        replace(train, inputs=(replace(train.inputs[0], name="rows"),), outputs=(OutputPort("model"),)),
        replace(compare, inputs=(InputPort("candidate", {"step": "train", "output": "model"}),)),
    )
    decisions = world.run(*renamed)
    assert world.executed == []
    assert list(decisions["train"].record.outputs) == ["model"]


def two(**names):
    ports = (InputPort(names["one"], {"dataset": file_definition(BLOB, "data/a.csv")}),)
    ports += (InputPort(names["other"], {"dataset": file_definition(BLOB, "data/b.csv")}),)
    return replace(step("train"), inputs=ports)


def test_exchanged_names_of_inputs_are_no_hit_and_their_result_replaces_the_record(world):
    world.run(two(one="train", other="test"))
    decisions = world.run(two(one="test", other="train"))
    assert world.executed == ["train"]
    assert "stands for other data" in decisions["train"].reason
    world.run(two(one="test", other="train"))
    assert world.executed == []


def test_switches(world):
    world.run(*PIPELINE)
    never = (PIPELINE[0], replace(PIPELINE[1], allow_reuse=False), PIPELINE[2])
    decisions = world.run(*never)
    assert world.executed == ["train"]
    assert decisions["train"].reason == "allow_reuse is off"
    assert decisions["train"].fingerprint == "", "it is not kept for reuse either"
    plan = world.plan(*PIPELINE, regenerate=True)
    assert {made.action for made in plan.decisions} == {"run"}
    assert {made.reason for made in plan.decisions} == {"regenerate_outputs is on"}
    world.run(*PIPELINE, regenerate=True)
    assert len(world.executed) == 3
    decisions = world.run(*PIPELINE)
    assert world.executed == []
    assert "run run3" in decisions["train"].reason, "a later run reuses what was made anew"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda world: world.snapshots.update(train=OSError("no such folder")),
            "source cannot be read: no such folder",
        ),
        (lambda world: world.environments.clear(), "environment 'env' has no known content"),
        (lambda world: world.environments.update(env=ValueError("bad file")), "no known content: bad file"),
    ],
)
def test_what_cannot_be_told_is_never_a_hit(world, change, reason):
    world.environments["env"] = {"pip": ["numpy"]}
    train = step("train", data={"dataset": file_definition(BLOB, "data")}, environment="env")
    world.run(train)
    world.run(train)
    assert world.executed == []
    change(world)
    decisions = world.run(train)
    assert world.executed == ["train"]
    assert decisions["train"].reason.startswith("cannot be reused: ")
    assert reason in decisions["train"].reason
    assert decisions["train"].fingerprint == ""


def test_the_environment_counts_by_content(world):
    world.environments["env"] = {"pip": ["numpy==1.23.5"]}
    train = step("train", environment="env")
    world.run(train)
    world.environments["other key"] = {"pip": ["numpy==1.23.5"]}
    assert world.plan(replace(train, environment="other key"))["train"].action == "reuse"
    world.environments["env"] = {"pip": ["numpy==2.0"]}
    assert "'numpy==2.0' added" in world.plan(train)["train"].reason


def test_a_registered_dataset_counts_by_what_it_holds(world):
    datasets.register(world.ws, "rows", file_definition(BLOB, "data"))
    by_name = step("train", data={"registered": {"name": "rows", "version": "latest"}})
    world.run(by_name)
    direct = step("train", data="data")
    assert world.plan(direct)["train"].action == "reuse"
    world.put("more/a.csv", "other")
    datasets.register(world.ws, "rows", file_definition(BLOB, "more"), create_new_version=True)
    assert world.plan(by_name)["train"].action == "run"
    assert world.plan(step("train", data={"registered": {"name": "rows", "version": 1}}))["train"].action == "reuse"
    unknown = world.plan(step("train", data={"registered": {"name": "none"}}))["train"]
    assert unknown.reason == "cannot be reused: input 'data': no dataset 'none' (version latest) is registered"


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("datapath", {"datastore": BLOB, "path": "data"}),
        ("datapath", {"path": "data"}),
        ("dataset", file_definition(BLOB, "data")),
        ("dataset", {"registered": {"name": "rows", "version": "latest"}}),
    ],
)
def test_a_parameter_that_is_data_counts_by_what_it_holds(world, type, value):
    datasets.register(world.ws, "rows", file_definition(BLOB, "data"))
    train = step("train", data={"parameter": "input"})
    world.run(train, parameters=[Parameter("input", type, value)])
    assert world.executed == ["train"]
    same = {"datastore": BLOB, "path": "data"}
    world.run(train, parameters=[Parameter("input", "datapath", None)], given={"input": same})
    assert world.executed == []
    world.put("more/a.csv", "other")
    world.run(train, parameters=[Parameter("input", type, value)], given={"input": {**same, "path": "more"}})
    assert world.executed == ["train"]
    decisions = world.run(train, parameters=[Parameter("input", type, value)], given={"input": "text"})
    assert "'input' is no dataset or data path: 'text'" in decisions["train"].reason


def test_values_of_parameters_count_for_the_steps_that_use_them(world):
    steps = (step("a", arguments=({"parameter": "lr"},)), step("b"))
    parameters = [Parameter("lr", "float", 0.1)]
    world.run(*steps, parameters=parameters)
    world.run(*steps, parameters=parameters, given={"lr": 0.1})
    assert world.executed == []
    decisions = world.run(*steps, parameters=parameters, given={"lr": 0.2})
    assert world.executed == ["a"]
    assert "argument 1: 0.1 -> 0.2" in decisions["a"].reason


def test_data_whose_store_cannot_be_asked_is_never_a_hit(world):
    world.run(*PIPELINE)

    def refuse(definition):
        raise ConnectionError("the store is away")

    plan = world.plan(*PIPELINE, dataset_identity=refuse)
    assert plan["prepare"].reason == ("cannot be reused: input 'data': its content cannot be told: the store is away")


def test_link_outputs_count_by_what_they_point_to(world):
    link = step("link", outputs=(OutputPort("out", kind="link_file", mode="link"),))
    world.links["link"] = file_definition(BLOB, "data")
    world.run(link, step("train", ["link"]))
    assert world.executed == ["link", "train"]
    world.run(link, step("train", ["link"]))
    assert world.executed == []
    world.put("data/b.csv", "changed")
    world.run(link, step("train", ["link"]))
    assert world.executed == ["train"], "the link is the same, the data is not"


def test_a_damaged_record_is_a_miss_and_is_replaced(world):
    made = world.run(step("train"))
    fingerprint = made["train"].fingerprint
    world.ws.store.write(f"records/{fingerprint[:2]}/{fingerprint}.json", b"{")
    world.run(step("train"))
    assert world.executed == ["train"]
    world.run(step("train"))
    assert world.executed == []


def test_a_record_is_found_by_any_pipeline_of_the_workspace(world):
    world.run(*PIPELINE)
    assert world.plan(replace(PIPELINE[0], id="another_id", name="another"))["another_id"].action == "run", (
        "its snapshot"
    )
    world.snapshots["another_id"] = "5nap-prepare"
    assert world.plan(replace(PIPELINE[0], id="another_id", name="another"))["another_id"].action == "reuse"


def test_a_cycle_is_refused(world):
    with pytest.raises(InvalidInput, match=r"\['a', 'b'\] wait for each other"):
        world.plan(step("a", ["b"]), step("b", ["a"]))


def test_hints_save_round_trips(world):
    made = world.run(*PIPELINE)
    asked = []
    read_many = world.ws.read_many
    world.ws.read_many = lambda paths: asked.append(list(paths)) or read_many(asked[-1])
    world.plan(*PIPELINE, hints=[decision.fingerprint for decision in made.values()])
    assert [len(paths) for paths in asked] == [3]
    asked.clear()
    world.plan(*PIPELINE)
    assert [len(paths) for paths in asked] == [1, 1, 1]


def test_decisions_have_a_json_form(world):
    world.run(*PIPELINE)
    world.snapshots["compare"] = "changed"
    form = json.loads(json.dumps(world.plan(*PIPELINE).to_json()))
    assert list(form) == ["prepare", "train", "compare"]
    assert StepRecord.from_json(form["prepare"]["record"]).producer["pipeline_run_id"] == "run1"
    assert form["compare"]["snapshot"] == "changed"
    assert "record" not in form["compare"]


def test_the_work_of_planning_grows_as_the_pipeline_does(world):
    """Counted in calls of functions; seconds are measured by ``python -m benchmarks scheduled``."""
    chain = [step("s0", data="data"), *(step(f"s{number}", [f"s{number - 1}"]) for number in range(1, 200))]
    world.run(*chain)

    def calls(length: int) -> int:
        found = 0

        def count(frame, event, argument):
            nonlocal found
            found += event == "call"

        sys.setprofile(count)
        try:
            plan = world.plan(*chain[:length])
        finally:
            sys.setprofile(None)
        assert len(plan.reused) == length
        return found

    calls(1)  # what is loaded once
    assert calls(200) < 4.5 * calls(50)
