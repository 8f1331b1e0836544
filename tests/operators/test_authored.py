"""``PythonScriptOperator`` and ``CommandOperator`` in DAGs written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlsteps.operators import CommandOperator, PythonScriptOperator
from mlsteps.registry import datasets
from mlsteps.sdk.output_config import OutputFileDatasetConfig
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.storage.workspace_store import WorkspaceStore
from tests.operators.pipelines import PYTHON, TwoSteps
from tests.operators.runs import asset_events, run

HERE = {"environment": PYTHON}


def by_reference(two: TwoSteps, dag_id: str, text: str = "{{ params.text }}") -> Any:
    """prepare -> train with ``prepare.outputs["clean"]``."""
    from airflow.sdk import DAG

    common = {**HERE, "workspace": {"name": "tests", "root": str(two.root)}}
    with DAG(dag_id, schedule=None, params={"text": "hello"}) as made:
        prepare = PythonScriptOperator(
            task_id="prepare",
            script_name="prepare.py",
            source_directory=str(two.sources["prepare"]),
            arguments=[str(two.notes), OutputFileDatasetConfig("clean").register_on_complete(dag_id), text],
            **common,
        )
        model = PipelineData("model")
        PythonScriptOperator(
            task_id="train",
            script_name="train.py",
            source_directory=str(two.sources["train"]),
            arguments=[str(two.notes), prepare.outputs["clean"], model],
            outputs=[model],
            **common,
        )
    return made


def by_objects(two: TwoSteps, dag_id: str) -> Any:
    """The same with the SDK's objects, the consumer written first."""
    from airflow.sdk import DAG

    clean, model = OutputFileDatasetConfig("clean"), PipelineData("model")
    common = {**HERE, "workspace": {"name": "tests", "root": str(two.root)}}
    with DAG(dag_id, schedule=None) as made:
        PythonScriptOperator(
            task_id="train",
            script_name="train.py",
            source_directory=str(two.sources["train"]),
            arguments=[str(two.notes), clean.as_input("data"), model],
            outputs=[model],
            **common,
        )
        PythonScriptOperator(
            task_id="prepare",
            script_name="prepare.py",
            source_directory=str(two.sources["prepare"]),
            arguments=[str(two.notes), clean, "hello"],
            **common,
        )
    return made


def test_edges_come_from_references_and_from_sdk_objects(two: TwoSteps) -> None:
    for made in (by_reference(two, "a"), by_objects(two, "b")):
        assert made.task_dict["train"].upstream_task_ids == {"prepare"}


def test_what_is_serialized_is_the_same_at_every_parse(two: TwoSteps) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for make in (by_reference, by_objects):
        first, second = (DagSerialization.to_dict(make(two, "same")) for _ in range(2))
        assert first == second


@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize("make", [by_reference, by_objects])
def test_operators_run_once_and_reuse_without_a_plan(two: TwoSteps, make: Any) -> None:
    first, second = (run(make(two, make.__name__)) for _ in range(2))
    assert first.state == second.state == "success"
    assert two.executions() == {"prepare": 1, "train": 1}
    assert second.states == {"prepare": "success", "train": "success"}
    assert second.xcoms["train"]["return_value"]["reused"] is True
    assert second.outputs("train") == first.outputs("train")
    assert second.xcoms["train"]["_link_SourceRunLink"].endswith("/tasks/train")


@pytest.mark.usefixtures("airflow_home")
def test_templates_params_and_registration(two: TwoSteps) -> None:
    run(by_reference(two, "templates"), text="from the trigger")
    assert {path.read_text() for path in (two.root / "stores").rglob("data.txt")} == {"from the trigger"}
    assert datasets.versions(WorkspaceStore(str(two.root)), "templates") == [1]
    (event,) = asset_events("mlsteps://tests/datasets/templates")
    assert (event["task"], event["version"], event["reused"]) == ("prepare", 1, False)


@pytest.mark.usefixtures("airflow_home")
def test_a_command_with_and_without_a_shell(tmp_path: Path) -> None:
    from airflow.sdk import DAG

    note, out = tmp_path / "note", PipelineData("out", is_directory=False)
    common = {**HERE, "workspace": {"name": "tests", "root": str(tmp_path / "workspace")}}
    common["source_directory"] = str(tmp_path / "source")
    (tmp_path / "source").mkdir()
    with DAG("commands", schedule=None) as made:
        CommandOperator(task_id="shell", command=f"echo one > {note} && echo two >> {note}", **common)
        first = CommandOperator(task_id="list", command=["cp", "/etc/hostname", out], outputs=[out], **common)
        CommandOperator(task_id="reads", command=["cat", out], inputs=[out], **common)
    assert made.task_dict["reads"].upstream_task_ids == {first.task_id}
    done = run(made)
    assert (done.state, note.read_text()) == ("success", "one\ntwo\n")
    assert done.outputs("list")["out"]["is_file"] is True


@pytest.mark.usefixtures("airflow_home")
def test_wrong_arguments_fail_for_good_with_their_path(two: TwoSteps, capsys: pytest.CaptureFixture) -> None:
    from airflow.sdk import DAG

    with DAG("wrong", schedule=None, default_args={"retries": 3}) as made:
        PythonScriptOperator(task_id="bad", script_name="absent.py", source_directory=str(two.sources["train"]), **HERE)
    assert run(made).states == {"bad": "failed"}  # at once: no retry mends it
    assert "$.steps[0].script" in capsys.readouterr().out


@pytest.mark.usefixtures("airflow_home")
def test_each_instance_of_a_mapped_task_is_a_step_of_its_own(two: TwoSteps) -> None:
    from airflow.sdk import DAG

    from mlsteps.registry.run_ids import pipeline_run_id
    from mlsteps.registry.runs import RunStore
    from mlsteps.registry.workspaces import open_workspace

    def mapped() -> Any:
        with DAG("mapped", schedule=None) as made:
            PythonScriptOperator.partial(
                task_id="prepare",
                script_name="prepare.py",
                source_directory=str(two.sources["prepare"]),
                workspace={"name": "tests", "root": str(two.root)},
                **HERE,
            ).expand(
                arguments=[[str(two.notes), OutputFileDatasetConfig("clean"), text] for text in ("one", "two", "three")]
            )
        return made

    first = run(mapped())
    assert first.state == "success" and two.executions()["prepare"] == 3
    assert {path.read_text() for path in (two.root / "stores").rglob("data.txt")} == {"one", "two", "three"}
    assert run(mapped()).state == "success" and two.executions()["prepare"] == 3
    runs = RunStore(open_workspace({"root": str(two.root)}))
    heads = [runs.head(child) or {} for child in runs.children(pipeline_run_id("mapped", first.run_id))]
    assert sorted(head["step"] for head in heads) == ["prepare[0]", "prepare[1]", "prepare[2]"]
    assert {head["portal_url"].rpartition("/tasks/")[2] for head in heads} >= {"prepare/mapped/0"}
