"""``as_task_group``: pipelines between other tasks of a DAG, really run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlsteps.errors import InvalidInput
from mlsteps.operators import PythonScriptOperator
from mlsteps.registry.pipeline_status import pipeline_status
from mlsteps.registry.run_ids import pipeline_run_id
from mlsteps.registry.runs import RunStore
from mlsteps.registry.workspaces import open_workspace
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.translate import task_group
from tests.operators.pipelines import PYTHON, TwoSteps
from tests.operators.runs import run


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoSteps:
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    return TwoSteps(tmp_path)


def between(two: TwoSteps, dag_id: str, text: Any = None, **how: Any) -> Any:
    """before -> [pipeline] -> after; ``before`` answers a text."""
    from airflow.sdk import DAG, task

    with DAG(dag_id, schedule=None, params={"text": "from a param"}) as made:

        @task
        def before() -> str:
            return "from a task"

        @task
        def after(result: dict[str, Any]) -> list[str]:
            return sorted(result["outputs"])

        first = before()
        group = task_group(two.graph(), "train", parameters={"text": first if text is None else text}, **how)
        first >> group
        after(group.output)
    return made


@pytest.mark.usefixtures("airflow_home")
def test_what_comes_after_runs_also_when_every_step_is_reused(two: TwoSteps) -> None:
    first, second = (run(between(two, "group_reused")) for _ in range(2))
    assert (first.state, second.state) == ("success", "success")
    assert two.executions() == {"prepare": 1, "train": 1}
    assert {second.states[f"train.{step}"] for step in ("prepare", "train")} == {"skipped"}
    assert second.states["train.done"] == second.states["after"] == "success"
    assert second.xcoms["after"]["return_value"] == ["prepare.clean", "train.model"]
    assert first.xcoms["train.done"]["return_value"]["reused"] == []
    assert second.xcoms["train.done"]["return_value"]["reused"] == ["prepare", "train"]
    assert second.xcoms["train.done"]["return_value"]["outputs"] == first.xcoms["train.done"]["return_value"]["outputs"]
    assert {path.read_text() for path in (two.root / "stores").rglob("data.txt")} == {"from a task"}


@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize("text, expected", [("{{ params.text }}", "from a param"), ("as it is", "as it is")])
def test_parameters_from_the_dag_and_as_they_stand(two: TwoSteps, text: str, expected: str) -> None:
    assert run(between(two, "group_parameters", text)).state == "success"
    assert {path.read_text() for path in (two.root / "stores").rglob("data.txt")} == {expected}


def two_groups(two: TwoSteps) -> Any:
    from airflow.sdk import DAG, TaskGroup

    with DAG("group_two", schedule=None) as made:
        with TaskGroup("outer"):
            one = task_group(two.graph(), "one", parameters={"text": "one"})
            other = task_group(two.graph(), "other", parameters={"text": "other"}, experiment="another")
        one >> other
    return made


@pytest.mark.usefixtures("airflow_home")
def test_two_pipelines_of_a_dag_are_two_runs(two: TwoSteps) -> None:
    made = two_groups(two)
    assert made.task_dict["outer.other.plan"].upstream_task_ids == {"outer.one.done"}
    done = run(made)
    assert done.state == "success" and two.executions() == {"prepare": 2, "train": 2}
    runs = RunStore(open_workspace({"root": str(two.root)}))
    for group, experiment in (("outer.one", "group_two"), ("outer.other", "another")):
        run_id = pipeline_run_id("group_two", done.run_id, group)
        head = runs.head(run_id)
        assert head is not None and (head["experiment"], head["task_group"]) == (experiment, group)
        assert pipeline_status(runs, run_id) == "Completed"
        (child,) = (child for child in runs.children(run_id) if (runs.head(child) or {})["step"] == "train")
        assert (runs.head(child) or {})["portal_url"].endswith(f"/tasks/{group}.train")


@pytest.mark.usefixtures("airflow_home")
def test_a_group_that_is_skipped_by_a_branch_runs_nothing(two: TwoSteps) -> None:
    from airflow.sdk import DAG, task

    with DAG("group_branch", schedule=None) as made:

        @task.branch
        def choose() -> str:
            return "other"

        @task
        def other() -> None:
            return None

        group = task_group(two.graph(), "train")
        choose() >> [group, other()]
    done = run(made)
    assert done.state == "success" and two.executions() == {"prepare": 0, "train": 0}
    assert {state for task_id, state in done.states.items() if task_id.startswith("train.")} == {"skipped"}


@pytest.mark.usefixtures("airflow_home")
def test_a_step_that_fails_stops_what_comes_after(two: TwoSteps) -> None:
    (two.sources["train"] / "train.py").write_text("raise SystemExit(3)\n")
    done = run(between(two, "group_fails"))
    assert done.state == "failed" and done.states["train.train"] == "failed"
    assert (done.states["train.done"], done.states["after"]) == ("upstream_failed", "upstream_failed")
    runs = RunStore(open_workspace({"root": str(two.root)}))
    assert pipeline_status(runs, pipeline_run_id("group_fails", done.run_id, "train")) == "Failed"


@pytest.mark.usefixtures("airflow_home")
def test_operators_read_what_steps_write_and_the_other_way_round(two: TwoSteps, tmp_path: Path) -> None:
    from dataclasses import replace

    from airflow.sdk import DAG

    from mlsteps.contracts.graph import InputPort, Parameter

    graph = two.graph()
    train = graph.steps[1]
    place = Parameter("place", "datapath", {"datastore": "workspaceblobstore", "path": "none"})
    train = replace(train, inputs=(InputPort("data", {"parameter": "place"}),))
    graph = replace(graph, steps=(train,), parameters=(place,))
    common = {"environment": PYTHON, "workspace": {"name": "tests", "root": str(two.root)}}
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "copy.py").write_text("import sys; print('read', open(sys.argv[1] + '/model.txt').read())")
    clean = PipelineData("clean")
    with DAG("group_data", schedule=None) as made:
        before = PythonScriptOperator(
            task_id="before",
            script_name="prepare.py",
            source_directory=str(two.sources["prepare"]),
            arguments=[str(two.notes), clean, "by hand"],
            outputs=[clean],
            **common,
        )
        group = task_group(graph, "g", parameters={"place": before.outputs["clean"]})
        PythonScriptOperator(
            task_id="after",
            script_name="copy.py",
            source_directory=str(copy),
            arguments=[group.outputs["train"]["model"]],
            **common,
        )
    assert made.task_dict["g.plan"].upstream_task_ids == {"before"}
    assert made.task_dict["after"].upstream_task_ids == {"g.done"}
    assert [run(made).state for _ in range(2)] == ["success", "success"]
    assert two.executions() == {"prepare": 1, "train": 1}
    logs = [path.read_text() for path in (two.root / "experiments").rglob("std_log.txt")]
    assert "read model of by hand\n" in logs


def test_what_cannot_be_is_refused_when_the_file_is_read(two: TwoSteps) -> None:
    from airflow.sdk import DAG
    from airflow.sdk import task_group as airflow_group

    graph = two.graph()
    with DAG("group_wrong", schedule=None):
        with pytest.raises(InvalidInput, match="task group .*'absent', which the pipeline does not have"):
            task_group(graph, "a", parameters={"absent": 1})
        with pytest.raises(InvalidInput, match="'text' is given None"):
            task_group(graph, "b", parameters={"text": None})
        with pytest.raises(InvalidInput, match="no steps 'absent'"):
            task_group(graph, "c").outputs["absent"]

        @airflow_group
        def each(text: str) -> None:
            task_group(graph, "inner", parameters={"text": text})

        with pytest.raises(InvalidInput, match="inside a task group that is mapped"):
            each.expand(text=["x", "y"])


@pytest.mark.usefixtures("airflow_home")
def test_a_value_that_is_wrong_when_it_is_known_fails_the_plan(two: TwoSteps, capsys: pytest.CaptureFixture) -> None:
    done = run(between(two, "group_none", "{{ none }}", regenerate_outputs="perhaps"))
    assert done.states["train.plan"] == "failed" and two.executions() == {"prepare": 0, "train": 0}
    assert "regenerate_outputs is 'perhaps'" in capsys.readouterr().out


def test_what_is_serialized_is_the_same_at_every_parse(two: TwoSteps) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    first, second = (DagSerialization.to_dict(between(two, "same")) for _ in range(2))
    assert first == second


def test_cancelling_one_pipeline_leaves_the_dag_run_to_its_other_tasks(two: TwoSteps) -> None:
    from mlsteps.client.control import cancel
    from mlsteps.sdk.workspace import Workspace

    # Nothing answers at this address: whoever told Airflow to end the DAG run would fail.
    reference = {"name": "tests", "root": str(two.root), "airflow_url": "http://127.0.0.1:1"}
    workspace = Workspace._from_reference(reference)
    workspace._run_store().create(
        "r", experiment="e", type="azureml.PipelineRun", dag_id="d", dag_run_id="x", task_group="g", steps=["a"]
    )
    cancel(workspace, "r")
    assert pipeline_status(workspace._run_store(), "r") == "Canceled"
