"""A graph as a DAG: structure, parameters, documentation, determinism, cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlsteps.contracts.graph import InputPort, OutputPort, Parameter, PipelineGraph, StepNode
from mlsteps.errors import InvalidInput
from mlsteps.translate import dag

GOLDEN = Path(__file__).parent / "diamond.json"


def diamond(**parameters: tuple) -> PipelineGraph:
    """prepare -> linear, forest -> compare; cleanup only runs after compare."""
    read = {"step": "prepare", "output": "clean"}
    steps = (
        StepNode(
            "prepare",
            "Prepare data ",
            script="prepare.py",
            arguments=("--rate", {"parameter": "rate"}, {"join": ["--out=", {"output": "clean"}]}),
            inputs=(InputPort("raw", {"datapath": {"datastore": "store", "path": "raw"}}),),
            outputs=(OutputPort("clean", kind="file", register={"name": "clean images"}),),
            compute={"name": "cpu", "pool": "cpu_pool"},
        ),
        StepNode("linear", "linear", script="train.py", inputs=(InputPort("data", read),), outputs=(OutputPort("m"),)),
        StepNode("forest", "forest", script="train.py", inputs=(InputPort("data", read),), outputs=(OutputPort("m"),)),
        StepNode(
            "compare",
            "compare",
            type="Command",
            command="python compare.py | tee log",
            inputs=tuple(InputPort(step, {"step": step, "output": "m"}) for step in ("linear", "forest")),
            allow_reuse=False,
        ),
        StepNode("cleanup", "cleanup", script="cleanup.py", run_after=("compare",)),
    )
    return PipelineGraph(
        steps,
        {"name": "team a"},
        tuple(Parameter(name, *rest) for name, rest in {"rate": ("float", 0.1), **parameters}.items()),
        description="Two models, compared.",
    )


def structure(made) -> dict:
    """What matters of a DAG, as JSON data."""
    fields = ("task_type", "trigger_rule", "pool", "task_display_name", "doc_md", "ui_color")
    return {
        "dag_id": made.dag_id,
        "description": made.description,
        "doc_md": made.doc_md,
        "tags": sorted(made.tags),
        "schedule": made.schedule,
        "params": {name: made.params.get_param(name).serialize() for name in made.params},
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "downstream": sorted(task.downstream_task_ids),
                "outlets": [getattr(item, "uri", item.name) for item in task.outlets],
                **{name: str(getattr(task, name)) for name in fields},
            }
            for task in made.tasks
        },
    }


def test_the_structure_is_the_one_on_file() -> None:
    """To accept a change: write ``structure(dag(diamond(), "diamond"))`` into the file, and read the difference."""
    found = json.loads(json.dumps(structure(dag(diamond(), "diamond", experiment="trees"))))
    assert found == json.loads(GOLDEN.read_text())


def test_a_graph_and_its_json_form_give_the_same_dag_at_every_parse() -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    graph = diamond(place=("datapath", {"datastore": "store", "path": "x"}))
    first = DagSerialization.to_dict(dag(graph, "same"))
    second = DagSerialization.to_dict(dag(json.loads(json.dumps(graph.to_json())), "same"))
    assert json.dumps(first) == json.dumps(second)
    scheduler = DagSerialization.from_dict(first)
    assert {task.task_id: task.upstream_task_ids for task in scheduler.tasks} == {
        task.task_id: task.upstream_task_ids for task in dag(graph, "same").tasks
    }


@pytest.mark.parametrize(
    ("kind", "default", "good", "bad"),
    [
        ("string", " ", "text", 1),
        ("int", 1, 2, "2"),
        ("float", 0.1, 3, "3"),
        ("bool", True, False, "no"),
        ("datapath", {"datastore": "a", "path": "b"}, "a/b", 1),
        ("dataset", {"registered": {"name": "iris"}}, "iris:2", ["iris"]),
    ],
)
def test_a_parameter_of_a_wrong_type_is_refused_by_its_schema(kind: str, default, good, bad) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    param = dag(diamond(value=(kind, default)), "types").params.get_param("value")
    assert param.resolve() == default
    assert param.resolve(value=good) == good
    with pytest.raises(ParamValidationError):
        param.resolve(value=bad)


@pytest.mark.parametrize("name", ["regenerate_outputs", "continue_on_step_failure", "_mlsteps"])
def test_a_parameter_with_a_reserved_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}.*rename"):
        dag(diamond(**{name: ("bool", True)}), "clash")


def test_the_dag_belongs_to_the_file_that_makes_it() -> None:
    assert dag(diamond(), "file").fileloc == __file__


def test_a_dag_authors_own_arguments_count() -> None:
    made = dag(diamond(), "own", schedule="@daily", tags=["mine"], params={"extra": 1}, default_args={"retries": 2})
    assert made.schedule == "@daily"
    assert made.tags == {"mine", "mlsteps", "own"}
    assert made.params["extra"] == 1 and made.params["rate"] == 0.1
    assert {task.retries for task in made.tasks} == {2}


def test_for_a_task_of_another_dag_no_task_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "asked")
    assert len(dag(diamond(), "asked").tasks) == 6
    assert dag(diamond(), "other").tasks == []


def test_curly_braces_of_users_are_no_templates() -> None:
    graph = diamond()
    task = dag(graph, "braces").task_dict["prepare"]
    assert task.template_fields == ()


def test_a_step_called_plan_is_refused() -> None:
    graph = PipelineGraph((StepNode("plan", "plan", script="x.py"),), {})
    with pytest.raises(InvalidInput, match="'plan'"):
        dag(graph, "planned")
