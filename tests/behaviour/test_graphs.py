"""How the graph is made. Pipelines are only built here; nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azureml.core import Dataset
from azureml.data import OutputFileDatasetConfig
from azureml.data.datapath import DataPath, DataPathComputeBinding
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter, StepSequence
from azureml.pipeline.core.graph import PipelineParameter as SameParameter
from azureml.pipeline.steps import PythonScriptStep
from tests.behaviour.conftest import World

Step = Callable[..., Any]


def upstream(pipeline: Pipeline) -> dict[str, list[str]]:
    """Names of the steps that each step waits for."""
    names = {node.id: node.name for node in pipeline.graph.steps}
    return {node.name: sorted(names[id] for id in node.upstream()) for node in pipeline.graph.steps}


def node(pipeline: Pipeline, name: str = "only") -> Any:
    """The graph's node of a step."""
    (found,) = [item for item in pipeline.graph.steps if item.name == name]
    return found


def test_the_last_step_brings_everything_upstream_through_data_and_order(world: World, script_step: Step) -> None:
    data = PipelineData("data", datastore=world.store)
    first, made = script_step("first"), script_step("made", outputs=[data], arguments=["--out", data])
    last = script_step("last", inputs=[data], arguments=["--in", data])
    made.run_after(first)
    unrelated = script_step("unrelated")
    assert upstream(Pipeline(world.workspace, steps=[last])) == {"first": [], "made": ["first"], "last": ["made"]}
    assert unrelated.name == "unrelated"


def test_steps_may_be_one_step_a_list_or_a_sequence_within_it(world: World, script_step: Step) -> None:
    def helper() -> list[Any]:
        return [script_step("a"), script_step("b")]

    assert list(upstream(Pipeline(world.workspace, steps=script_step("alone")))) == ["alone"]
    assert upstream(Pipeline(world.workspace, steps=helper())) == {"a": [], "b": []}
    assert upstream(Pipeline(world.workspace, steps=StepSequence(steps=helper()))) == {"a": [], "b": ["a"]}


def test_a_step_without_a_name_takes_its_scripts(world: World, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    step = PythonScriptStep(script_name="train.py", source_directory=str(tmp_path), compute_target="cpu")
    assert [item.name for item in Pipeline(world.workspace, [step]).graph.steps] == ["train.py"]


def test_fifteen_steps_may_call_their_output_by_one_name_and_names_may_hold_blanks(
    world: World, script_step: Step
) -> None:
    outputs = [PipelineData("preds", datastore=world.store) for _ in range(15)]
    steps = [script_step(f"score {n} ", outputs=[item], arguments=[item]) for n, item in enumerate(outputs)]
    collect = script_step("Evaluate Model ", inputs=outputs, arguments=["--all", *outputs])
    graph = Pipeline(world.workspace, [collect]).graph
    assert len(graph.steps) == 16 and len({item.id for item in graph.steps}) == 16
    (last,) = [item for item in graph.steps if item.name == "Evaluate Model "]
    assert len({port.name for port in last.inputs}) == 15
    assert [argument["input"] for argument in last.arguments[1:]] == [port.name for port in last.inputs]
    assert len(steps) == 15


@pytest.mark.parametrize("where", ["both", "arguments", "inputs"])
def test_a_dataset_input_may_stand_in_arguments_in_inputs_or_in_both(
    world: World, script_step: Step, where: str
) -> None:
    data = Dataset.File.from_files((world.store, "given"), validate=False).as_named_input("raw").as_mount()
    given = {"inputs": [data]} if where != "arguments" else {}
    arguments = ["--raw", data] if where != "inputs" else []
    (port,) = node(Pipeline(world.workspace, [script_step("only", arguments=arguments, **given)])).inputs
    assert (port.name, port.mode) == ("raw", "mount")


def test_a_placeholder_survives_inside_a_longer_text(world: World, script_step: Step) -> None:
    out = OutputFileDatasetConfig("out")
    made = script_step("only", arguments=[f"--out={out.arg_val}/part", f"{out.arg_val}"], outputs=[out])
    arguments = node(Pipeline(world.workspace, [made])).arguments
    assert arguments == ({"join": ["--out=", {"output": "out"}, "/part"]}, {"output": "out"})


def test_arguments_of_all_kinds_and_runs_of_values(world: World, script_step: Step) -> None:
    rate = PipelineParameter("rate", 0.1)
    arguments = ["--n", 3, "--x", 1.5, "--flag", True, "--empty", "", "--rate", rate, "--columns", "Store", "Brand"]
    assert node(Pipeline(world.workspace, [script_step("only", arguments=arguments)])).arguments == (
        *("--n", 3, "--x", 1.5, "--flag", True, "--empty", "", "--rate", {"parameter": "rate"}),
        *("--columns", "Store", "Brand"),
    )


def test_a_source_directory_may_be_a_path_object(world: World, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    step = PythonScriptStep("train.py", source_directory=tmp_path, compute_target="cpu")
    assert Pipeline(world.workspace, [step]).graph.steps[0].source_directory == str(tmp_path)


def test_defaults_of_parameters(world: World, script_step: Step) -> None:
    defaults = {"blank": " ", "none": "none", "count": 3, "rate": 0.5, "on": True}
    given = [PipelineParameter(name=name, default_value=value) for name, value in defaults.items()]
    graph = Pipeline(world.workspace, [script_step("only", arguments=given)]).graph
    assert {item.name: item.default for item in graph.parameters} == defaults
    assert SameParameter is PipelineParameter


def test_a_data_path_and_a_dataset_may_be_defaults(world: World, script_step: Step) -> None:
    path = PipelineParameter("where", DataPath(datastore=world.store, path_on_datastore="given"))
    bound = (path, DataPathComputeBinding(mode="mount"))
    files = PipelineParameter("files", Dataset.File.from_files((world.store, "given"), validate=False))
    from azureml.data.dataset_consumption_config import DatasetConsumptionConfig

    data = DatasetConsumptionConfig("data", files).as_mount()
    made = script_step("only", arguments=["--where", bound, "--data", data], inputs=[bound, data])
    graph = Pipeline(world.workspace, [made]).graph
    assert {item.name: item.type for item in graph.parameters} == {"where": "datapath", "files": "dataset"}
    assert sorted(port.name for port in graph.steps[0].inputs) == ["data", "where"]


def test_an_experiment_name_may_be_read_as_an_attribute(world: World, script_step: Step) -> None:
    pipeline = Pipeline(world.workspace, [script_step("only")])
    pipeline._set_experiment_name  # noqa: B018  (a line of real code)
    assert pipeline.validate() == []


def test_ignored_files_are_no_part_of_a_step(world: World, script_step: Step) -> None:
    from mlsteps.storage.snapshots import digest

    step = script_step("ignores")
    folder = world.source / "ignores"
    (folder / ".amlignore").write_text("*.csv\ncheckpoints/\n")
    before = digest(str(folder))
    (folder / "large.csv").write_text("1,2")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last").write_text("x")
    assert digest(str(folder)) == before
    (folder / "helper.py").write_text("")
    assert digest(str(folder)) != before
    assert step.name == "ignores"
