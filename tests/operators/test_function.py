"""``@task.mlsteps``: functions of a DAG file that run as steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlsteps.errors import InvalidInput
from mlsteps.operators import PythonScriptOperator
from mlsteps.operators.function import RESULT_KEY, mlsteps_task
from mlsteps.operators.function_source import source_of
from mlsteps.sdk.output_config import OutputFileDatasetConfig
from mlsteps.sdk.pipeline_data import PipelineData
from tests.operators.pipelines import PYTHON, TwoSteps
from tests.operators.runs import run

AROUND = 3


def pipeline(two: TwoSteps, dag_id: str, rate: Any = 2) -> Any:
    """count -> double: values as XComs, data by an output configuration."""
    from airflow.sdk import DAG, task

    common = {"environment": PYTHON, "workspace": {"name": "tests", "root": str(two.root)}}

    @mlsteps_task(**common)
    def count(notes: str, day: str, clean: str, rate: float = 1) -> dict[str, Any]:
        import os
        import sys

        with open(os.path.join(notes, "prepare"), "a") as file:
            file.write("x")
        os.makedirs(clean, exist_ok=True)
        with open(os.path.join(clean, "data.txt"), "w") as file:
            file.write(day)
        return {"rate": rate, "step": day, "airflow": "airflow" in sys.modules}

    @mlsteps_task(**common)
    def double(notes: str, counted: dict[str, Any], images: str) -> float:
        import os

        with open(os.path.join(notes, "train"), "a") as file:
            file.write("x")
        with open(os.path.join(images, "data.txt")) as file:
            return counted["rate"] * 2 + len(file.read())

    @task
    def seen(value: float) -> float:
        return value + 0.5

    with DAG(dag_id, schedule=None, params={"day": "monday"}) as made:
        clean = OutputFileDatasetConfig("clean")
        counted = count(str(two.notes), "{{ params.day }}", clean, rate=rate)
        seen(double(str(two.notes), counted, clean.as_input("images")))
    return made


@pytest.mark.usefixtures("airflow_home")
def test_values_and_data_pass_from_function_to_function_and_are_reused(two: TwoSteps) -> None:
    made = pipeline(two, "functions")
    assert made.task_dict["double"].upstream_task_ids == {"count"}
    first = run(made)
    assert first.state == "success"
    assert first.xcoms["count"]["return_value"] == {"rate": 2, "step": "monday", "airflow": False}
    assert first.xcoms["seen"]["return_value"] == 2 * 2 + len("monday") + 0.5
    second = run(pipeline(two, "functions"))
    assert second.xcoms["seen"]["return_value"] == first.xcoms["seen"]["return_value"]
    assert second.xcoms["double"][RESULT_KEY]["reused"] is True
    assert two.executions() == {"prepare": 1, "train": 1}
    third = run(pipeline(two, "functions"), day="tuesday")
    assert third.xcoms["seen"]["return_value"] == 2 * 2 + len("tuesday") + 0.5
    assert two.executions() == {"prepare": 2, "train": 2}


@pytest.mark.usefixtures("airflow_home")
def test_a_function_with_another_source_runs_again(two: TwoSteps, tmp_path: Path) -> None:
    text = (
        "from mlsteps.operators.function import mlsteps_task\n\n\n"
        f"@mlsteps_task(environment={PYTHON!r}, workspace={{'name': 'tests', 'root': {str(two.root)!r}}})\n"
        f"def noted(notes: str) -> int:\n    open(notes + '/prepare', 'a').write('x')\n    return NUMBER\n"
    )
    for number, executions in ((1, 1), (1, 1), (2, 2)):
        file = tmp_path / f"functions_{number}_{executions}.py"
        # Elsewhere in the file, and further down: only the function itself counts.
        file.write_text("#\n" * executions + text.replace("NUMBER", str(number)))
        done = run(dag_of(file, two))
        assert done.xcoms["noted"]["return_value"] == number
        assert two.executions()["prepare"] == executions


def dag_of(file: Path, two: TwoSteps) -> Any:
    import runpy

    from airflow.sdk import DAG

    noted = runpy.run_path(str(file))["noted"]
    with DAG("functions_source", schedule=None) as made:
        noted(str(two.notes))
    return made


@pytest.mark.usefixtures("airflow_home")
def test_a_script_reads_what_a_function_wrote(two: TwoSteps, tmp_path: Path) -> None:
    from airflow.sdk import DAG

    common = {"environment": PYTHON, "workspace": {"name": "tests", "root": str(two.root)}}

    @mlsteps_task(**common)
    def write(clean: str) -> None:
        import pathlib

        pathlib.Path(clean).mkdir(parents=True, exist_ok=True)
        (pathlib.Path(clean) / "data.txt").write_text("of a function")

    with DAG("functions_script", schedule=None) as made:
        written = write(OutputFileDatasetConfig("clean"))
        model = PipelineData("model")
        PythonScriptOperator(
            task_id="train",
            script_name="train.py",
            source_directory=str(two.sources["train"]),
            arguments=[str(two.notes), written.operator.outputs["clean"], model],
            outputs=[model],
            **common,
        )
    assert run(made).state == "success"
    assert {path.read_text() for path in (two.root / "stores").rglob("model.txt")} == {"model of of a function"}


@pytest.mark.usefixtures("airflow_home")
def test_what_is_no_json_fails_the_step_and_says_so(two: TwoSteps, capsys: pytest.CaptureFixture) -> None:
    from airflow.sdk import DAG

    @mlsteps_task(environment=PYTHON, workspace={"name": "tests", "root": str(two.root)})
    def wrong() -> Any:
        return object()

    with DAG("functions_wrong", schedule=None) as made:
        wrong()
    assert run(made).states == {"wrong": "failed"}
    assert "write everything else to an output" in capsys.readouterr().out


def test_what_cannot_run_by_itself_is_refused_when_the_file_is_read() -> None:
    from airflow.sdk import DAG

    nearby = 1

    def of_module() -> int:
        return AROUND

    def of_defaults(x: int = AROUND) -> int:
        return x

    def closure() -> int:
        return nearby

    def any_number(*x: int) -> int:
        return len(x)

    def yields() -> Any:
        yield 1

    with DAG("functions_refused", schedule=None):
        for function, told in (
            (of_module, "'AROUND' of its DAG file"),
            (of_defaults, "'AROUND' of its DAG file"),
            (closure, "'nearby' of its DAG file"),
            (any_number, "parameters that have names"),
            (yields, "a function that returns"),
            (lambda: 1, "no plain function"),
        ):
            with pytest.raises(InvalidInput, match=told):
                mlsteps_task(function)()


def test_the_source_is_the_function_alone() -> None:
    text = source_of(pipeline)
    assert text.startswith("def pipeline(") and text.rstrip().endswith("return made")


@pytest.mark.usefixtures("airflow_home")
def test_airflow_finds_the_decorator() -> None:
    from airflow.sdk import DAG, task

    with DAG("functions_found", schedule=None) as made:

        @task.mlsteps(environment=PYTHON)
        def nothing() -> None:
            return None

        nothing()
    assert type(made.task_dict["nothing"]).__name__ == "FunctionOperator"


def test_what_is_serialized_is_the_same_at_every_parse(two: TwoSteps) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    first, second = (DagSerialization.to_dict(pipeline(two, "same")) for _ in range(2))
    assert first == second


@pytest.mark.usefixtures("airflow_home")
def test_functions_can_be_mapped(two: TwoSteps) -> None:
    from airflow.sdk import DAG, task

    def mapped() -> Any:
        @mlsteps_task(environment=PYTHON, workspace={"name": "tests", "root": str(two.root)})
        def square(notes: str, number: int) -> int:
            with open(notes + "/prepare", "a") as file:
                file.write("x")
            return number * number

        @task
        def total(squares: Any) -> int:
            return sum(squares)

        with DAG("functions_mapped", schedule=None) as made:
            total(square.partial(notes=str(two.notes)).expand(number=[2, 3, 4]))
        return made

    assert run(mapped()).xcoms["total"]["return_value"] == 29
    assert run(mapped()).xcoms["total"]["return_value"] == 29
    assert two.executions()["prepare"] == 3
