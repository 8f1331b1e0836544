"""``airflow mlsteps plan | explain | workspace show``, called as Airflow calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlsteps.registry.workspaces import open_workspace
from tests.operators.pipelines import TwoSteps
from tests.operators.runs import run

FILE = """
# an airflow dag file
import json
from mlsteps.translate import dag
made = dag(json.loads({graph!r}), "commands_two")
"""


@pytest.fixture
def two(tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoSteps]:
    """A pipeline in a file of the DAGs folder."""
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    pipeline = TwoSteps(tmp_path)
    file = airflow_home / "dags" / "commands_two.py"
    file.write_text(FILE.format(graph=json.dumps(pipeline.graph().to_json())))
    yield pipeline
    file.unlink()


def airflow(*command: str) -> None:
    """``airflow mlsteps ...`` in this process."""
    from airflow.cli import cli_parser

    arguments = cli_parser.get_parser().parse_args(["mlsteps", *command])
    arguments.func(arguments)


def test_plan_tells_what_would_run_and_changes_nothing(two: TwoSteps, capsys: pytest.CaptureFixture) -> None:
    airflow("plan", "commands_two", "--output", "json")
    first = json.loads(capsys.readouterr().out)
    assert [(item["step"], item["action"]) for item in first] == [("prepare", "run"), ("train", "wait")]
    assert not (two.root / "snapshots").exists() and not (two.root / "runs").exists()
    assert two.executions() == {"prepare": 0, "train": 0}


def test_plan_with_parameters_and_wrong_ones(two: TwoSteps, capsys: pytest.CaptureFixture) -> None:
    from mlsteps.translate import dag

    run(dag(two.graph(), "commands_two"))
    capsys.readouterr()
    airflow("plan", "commands_two")
    assert "2 of 2 steps are reused" in capsys.readouterr().out
    airflow("plan", "commands_two", "--conf", '{"text": "other"}')
    assert "argument 3: 'hello' -> 'other'" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="'texxt'"):
        airflow("plan", "commands_two", "--conf", '{"texxt": "other"}')


def test_explain_tells_of_the_newest_run_and_of_steps_that_decided_later(
    two: TwoSteps, capsys: pytest.CaptureFixture
) -> None:
    from mlsteps.translate import dag

    with pytest.raises(SystemExit, match="has been planned yet"):
        airflow("explain", "commands_two")
    run(dag(two.graph(), "commands_two"))
    script = two.sources["prepare"] / "prepare.py"
    script.write_text("# changed\n" + script.read_text())
    second = run(dag(two.graph(), "commands_two"))
    capsys.readouterr()
    airflow("explain", "commands_two")
    told = capsys.readouterr().out
    assert "Prepare data: run. 1 of" in told and "source" in told
    assert "train: reuse. reused from" in told
    airflow("explain", "commands_two", "train", "--run-id", second.run_id, "--output", "json")
    (train,) = json.loads(capsys.readouterr().out)
    assert train["action"] == "reuse"
    with pytest.raises(SystemExit, match="no step 'absent'"):
        airflow("explain", "commands_two", "absent")


def test_workspace_tells_what_it_holds(two: TwoSteps, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as absent:
        airflow("workspace", "show", str(two.root), "--output", "json")
    assert absent.value.code == 2 and "workspace init" in capsys.readouterr().err
    open_workspace({"name": "tests", "root": str(two.root)})
    airflow("workspace", "show", str(two.root), "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["default_datastore"] == "workspaceblobstore"
    assert found["datasets"] == []


def test_a_dag_that_is_none_of_ours_or_is_not_there(two: TwoSteps, airflow_home: Path) -> None:
    with pytest.raises(SystemExit, match="no DAG 'absent'"):
        airflow("plan", "absent")
    other = airflow_home / "dags" / "other.py"
    other.write_text("from airflow.sdk import DAG\nmade = DAG('commands_other', schedule=None)")
    try:
        with pytest.raises(SystemExit, match="not made from a pipeline"):
            airflow("plan", "commands_other")
    finally:
        other.unlink()


def test_workspaces_in_airflows_own_connections_are_found(two: TwoSteps, capsys: pytest.CaptureFixture) -> None:
    from airflow.models import Connection
    from airflow.utils.session import create_session

    open_workspace({"name": "tests", "root": str(two.root)})
    extra = json.dumps({"root": str(two.root), "workspace_name": "tests"})
    with create_session() as session:
        session.add(Connection(conn_id="mlsteps_of_airflow", conn_type="mlsteps", extra=extra))
    try:
        airflow("workspace", "show", "mlsteps_of_airflow", "--json")
        assert json.loads(capsys.readouterr().out)["root"] == str(two.root)
        airflow("runs", "list", "--workspace", "mlsteps_of_airflow", "--json")
        assert json.loads(capsys.readouterr().out) == []
    finally:
        with create_session() as session:
            session.query(Connection).filter_by(conn_id="mlsteps_of_airflow").delete()


GROUPS = """
# an airflow dag file
import json
from airflow.sdk import DAG
from mlsteps.translate import task_group
graph = json.loads({graph!r})
with DAG("commands_groups", schedule=None):
    task_group(graph, "one", parameters={{"text": "one"}})
    task_group(graph, "late", parameters={{"text": "{{{{ params.text }}}}"}})
"""


def test_plan_and_explain_of_one_of_several_pipelines(
    two: TwoSteps, airflow_home: Path, capsys: pytest.CaptureFixture
) -> None:
    file = airflow_home / "dags" / "commands_groups.py"
    file.write_text(GROUPS.format(graph=json.dumps(two.graph().to_json())))
    try:
        with pytest.raises(SystemExit, match="holds several pipelines. --group says which: one of 'one', 'late'"):
            airflow("plan", "commands_groups")
        airflow("plan", "commands_groups", "--group", "one", "--json")
        assert [item["action"] for item in json.loads(capsys.readouterr().out)] == ["run", "wait"]
        with pytest.raises(SystemExit, match="text: known only when the DAG runs"):
            airflow("plan", "commands_groups", "--group", "late")
        airflow("plan", "commands_groups", "--group", "late", "--conf", '{"text": "said"}')
        with pytest.raises(SystemExit, match="has been planned yet"):
            airflow("explain", "commands_groups", "--group", "one")
        capsys.readouterr()
        run(dag_of(file))
        capsys.readouterr()
        airflow("explain", "commands_groups", "--group", "one")
        assert "Prepare data: run." in capsys.readouterr().out
    finally:
        file.unlink()


def dag_of(file: Path) -> object:
    import runpy

    from airflow.sdk import DAG

    made = runpy.run_path(str(file))
    graph = made["graph"]
    with DAG("commands_groups", schedule=None) as dag:
        made["task_group"](graph, "one", parameters={"text": "one"})
    return dag
