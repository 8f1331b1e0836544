"""What a workspace serves, as DAGs: trigger forms, texts, and what their runs say of where they came from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlsteps.contracts.codec import digest_of
from mlsteps.contracts.graph import Parameter
from mlsteps.registry import graphs
from mlsteps.translate.served import served_dag
from tests.translate.test_dag import diamond

PARAMETERS = (
    Parameter("word", "string", "hi"),
    Parameter("where", "datapath", {"datastore": "workspaceblobstore", "path": "in"}),
    Parameter("data", "dataset", {"registered": {"name": "iris", "version": "latest"}}),
    Parameter("must", "int", None, required=True),
)


def document(**more: Any) -> dict[str, Any]:
    return {"dag_id": "d", "kind": "published", "id": "i", "pipeline_id": "i", "experiment": "e", **more}


def served(**more: Any) -> Any:
    graph = graphs.document_of(replace(diamond(), parameters=PARAMETERS))
    digest = digest_of(graph)
    return served_dag(document(graph=digest, **more), graph, "/root")


def test_the_trigger_form_has_every_parameter_also_those_that_hold_data() -> None:
    form = served().params.dump()
    assert form["where"] == {"datastore": "workspaceblobstore", "path": "in"}
    assert form["data"] == {"registered": {"name": "iris", "version": "latest"}}
    schemas = {name: served().params.get_param(name).schema for name in ("where", "data", "must")}
    assert schemas["where"]["type"] == schemas["data"]["type"] == ["object", "string"]
    assert schemas["must"]["type"] == "integer"


def test_defaults_of_a_document_stand_in_the_form() -> None:
    made = served(params={"word": "there", "must": 7})
    assert (made.params["word"], made.params["must"]) == ("there", 7)
    assert made.task_dict["plan"].pipeline().parameters[3].default == 7


def test_a_long_experiment_is_no_tag_that_airflow_refuses() -> None:
    assert max(len(tag) for tag in served(experiment="x" * 250).tags) == 100


def test_what_is_disabled_says_so_and_is_scheduled_no_more() -> None:
    made = served(schedule="@daily", params={"must": 1}, retired=1.0, display_name="n")
    assert (made.schedule, made.dag_display_name) == (None, "n (disabled)")
    assert served(schedule="@daily", params={"must": 1}).schedule == "@daily"


def test_any_change_of_the_graph_changes_what_airflow_stores() -> None:
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import DagSerialization

    def hash_of(snapshot: str) -> str:
        whole = diamond()
        graph = graphs.document_of(replace(whole, steps=(replace(whole.steps[0], snapshot=snapshot), *whole.steps[1:])))
        made = served_dag(document(graph=digest_of(graph)), graph, "/root")
        return SerializedDagModel.hash(DagSerialization.to_dict(made))

    assert hash_of("a" * 64) == hash_of("a" * 64) != hash_of("b" * 64)


@pytest.mark.parametrize("kind", ["experiment", "published", "endpoint"])
def test_runs_know_where_they_came_from(kind: str) -> None:
    origin = served(kind=kind).task_dict["plan"].origin
    assert origin["pipeline_id"] == "i" and origin["graph"].startswith("graphs/")
    assert ("pipeline_endpoint_id" in origin) == (kind == "endpoint")


def test_lost_workers_are_made_up_for_and_scripts_that_fail_are_not() -> None:
    tasks = served().task_dict
    assert {task.retries for task in tasks.values()} == {2}
    assert {task.retry_scripts for name, task in tasks.items() if name != "plan"} == {False}
