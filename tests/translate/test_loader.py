"""Stored pipelines as DAGs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlsteps.registry import dags, graphs
from mlsteps.storage.workspace_store import WorkspaceStore
from mlsteps.translate import load_dags
from tests.translate.test_dag import diamond


def stored(root: Path, dag_id: str, **more: object) -> Path:
    """The file of its graph."""
    ws = WorkspaceStore(str(root))
    digest = graphs.put_graph(ws, replace(diamond(), description=dag_id))
    dags.serve(ws, {"dag_id": dag_id, "kind": "experiment", "graph": digest, "experiment": dag_id, **more})
    return root / graphs.graph_path(digest)


def test_each_stored_pipeline_is_a_dag_of_the_file_that_loads_them(tmp_path: Path) -> None:
    stored(tmp_path, "one", experiment="trees", schedule="@daily")
    stored(tmp_path, "two")
    namespace: dict = {}
    load_dags(namespace, str(tmp_path))
    assert sorted(namespace) == ["one", "two"]
    assert namespace["one"].schedule == "@daily" and "trees" in namespace["one"].tags
    assert namespace["two"].schedule is None
    assert namespace["one"].fileloc == __file__
    assert namespace["one"].task_dict["plan"].pipeline().workspace["root"] == str(tmp_path)


def test_for_one_task_only_its_pipeline_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path, "one")
    broken = stored(tmp_path, "two")
    broken.write_text("no JSON")  # would be an error if it were read
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "one")
    assert [made.dag_id for made in load_dags({}, str(tmp_path))] == ["one"]
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "of_another_file")
    assert load_dags({}, str(tmp_path)) == []


def test_a_pipeline_of_a_later_release_does_not_hold_up_the_others(tmp_path: Path, caplog) -> None:
    stored(tmp_path, "one")
    ws = WorkspaceStore(str(tmp_path))
    digest = graphs.put_graph(ws, {"steps": [], "version": 999})
    dags.serve(ws, {"dag_id": "two", "kind": "experiment", "graph": digest, "experiment": "two"})
    assert [made.dag_id for made in load_dags({}, str(tmp_path))] == ["one"]
    assert "version 999" in caplog.text


def test_an_altered_graph_becomes_no_dag(tmp_path: Path, caplog) -> None:
    altered = stored(tmp_path, "one")
    altered.write_text(altered.read_text().replace('"one"', '"two"'))
    assert load_dags({}, str(tmp_path)) == []
    assert "altered" in caplog.text
