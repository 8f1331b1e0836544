"""Examples of DAG authoring, run as they stand."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from mlsteps.operators.function import RESULT_KEY
from tests.operators.runs import run, store

EXAMPLES = Path(__file__).parent.parent.parent / "dags_examples"


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_home: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLSTEPS_WORKSPACE_ROOT", str(tmp_path / "workspace"))


def example(name: str) -> Any:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name=name)["dag"]


def test_a_pipeline_between_other_tasks() -> None:
    first, second = (run(example("task_group")) for _ in range(2))
    assert first.state == second.state == "success"
    assert first.xcoms["tell"]["return_value"].startswith("0 steps were reused")
    assert second.xcoms["tell"]["return_value"].startswith("1 steps were reused")


def test_several_nodes_on_one_machine() -> None:
    """On Kubernetes its nodes are pods: :mod:`tests.components.test_kubernetes_nodes`."""
    from mlsteps.registry.runs import RunStore
    from mlsteps.registry.workspaces import open_workspace

    done = run(example("several_nodes"), points=20_000)
    assert done.states == dict.fromkeys(("plan", "draw", "add_up"), "success")
    added = done.xcoms["add_up"]["return_value"]["step_run_id"]
    metrics = RunStore(open_workspace({"name": "default"})).state(added).metrics
    assert metrics["nodes"] == 2 and 3.0 < metrics["pi"] < 3.3


def test_functions_as_steps() -> None:
    first, second = (run(example("function_steps")) for _ in range(2))
    assert first.xcoms["tell"]["return_value"].endswith("of 100 numbers")
    assert second.xcoms["describe"][RESULT_KEY]["reused"] is True
    assert run(example("function_steps"), numbers=7).xcoms["tell"]["return_value"].endswith("of 7 numbers")


def test_a_published_pipeline_is_triggered_by_another_dag(tmp_path: Path) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from mlsteps.registry import graphs, pipelines
    from mlsteps.sdk.pipeline import Pipeline
    from mlsteps.translate.served import served_dag

    published = runpy.run_path(str(EXAMPLES / "publish_and_schedule.py"), run_name="published")
    ws = published["ws"]
    made = Pipeline(ws, [published["words"]]).publish("count-words")
    document = pipelines.need(ws._store(), made.id)
    served = served_dag(pipelines.served(document), graphs.document_of(made.get_graph()), ws._store().root)
    store(served)
    calling = example("call_published")
    calling.task_dict["count"].wait_for_completion = False  # there is no scheduler here
    assert run(calling, pipeline=served.dag_id, text="as said").state == "success"
    with create_session() as session:
        (called,) = session.scalars(select(DagRun).where(DagRun.dag_id == served.dag_id)).all()
        assert called.conf == {"text": "as said"}
