"""Pipeline: its surface, its YAML form, and what is still to come."""

from __future__ import annotations

import pytest

from mlsteps.errors import InvalidInput, UnsupportedFeature
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.steps.python_script import PythonScriptStep


def test_validate_prints_a_line_for_each_step_and_answers_what_the_workspace_lacks(workspace, step, capsys):
    good = step("good ", outputs=[PipelineData("x")])
    pipeline = Pipeline(workspace, [good, step("bad", outputs=[PipelineData("y", datastore="nowhere")])])
    found = pipeline.validate()
    assert len(found) == 1 and found[0].startswith("$.steps[1].outputs[0].datastore: the workspace has no datastore")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("Step")] == lines[-2:]
    assert lines[-2] == "Step good  [good] is valid" and "not valid" in lines[-1]
    assert Pipeline(workspace, good).validate() == []


def test_ten_steps_and_more_keep_their_own_faults(workspace, step, capsys):
    steps = [step(f"s{n}") for n in range(10)] + [step("s10", outputs=[PipelineData("y", datastore="nowhere")])]
    Pipeline(workspace, steps).validate()
    assert next(line for line in capsys.readouterr().out.splitlines() if "not valid" in line).startswith("Step s10 ")


def test_small_surface(workspace, step):
    pipeline = Pipeline(workspace, step("a"), "text", _workflow_provider=None, anything=1)
    assert pipeline._set_experiment_name is None and pipeline.graph is pipeline._graph()
    assert pipeline.graph.description == "text" and pipeline.graph.workspace == workspace._reference()
    assert isinstance(pipeline.service_endpoint(), str)


YAML = """
pipeline:
  name: from yaml
  description: A pipeline in a file
  default_compute: cpu
  parameters:
    rounds: {type: int, default: 3}
    place: {type: datapath, default: {datastore: workspaceblobstore, path_on_datastore: in}}
  data_references:
    raw: {datastore: workspaceblobstore, path_on_datastore: raw}
    far: {datastore: workspacefilestore, path_on_datastore: far}
  steps:
    Train:
      type: PythonScriptStep
      name: train it
      script_name: train.py
      source_directory: source
      arguments: ["--in", "input:data", "--out", "output:model", "--rounds", "parameter:rounds", "--at", "input:at"]
      parameters: {ROUNDS: {source: rounds}, other: 7}
      inputs:
        data: {source: prepared, bind_mode: download}
        at: {source: place}
      outputs:
        model: {destination: model, datastore: workspaceblobstore, bind_mode: mount}
    Prepare:
      type: PythonScriptStep
      script_name: prepare.py
      source_directory: source
      allow_reuse: false
      inputs: {raw: {source: raw}}
      outputs: {prepared: {destination: prepared}}
    Copy:
      type: DataTransferStep
      adf_compute_name: mover
      source_data_reference: raw
      destination_data_reference: far
"""


def test_yaml(workspace, source, tmp_path):
    (tmp_path / "pipeline.yml").write_text(YAML)
    graph = Pipeline.load_yaml(workspace, str(tmp_path / "pipeline.yml")).graph
    train, prepare, copy = graph.step("train_it"), graph.step("Prepare"), graph.step("Copy")
    assert train.upstream() == ("Prepare",) and train.inputs[0].mode == "download" and not prepare.allow_reuse
    assert train.arguments[1::2] == ({"input": "data"}, {"output": "model"}, {"parameter": "rounds"}, {"input": "at"})
    assert train.parameters == {"ROUNDS": {"parameter": "rounds"}, "other": 7}
    assert (train.compute, copy.compute) == ({"name": "cpu"}, {"name": "mover"})
    assert copy.outputs[0].path == "far" and copy.outputs[0].datastore == "workspacefilestore"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("script_name: train.py", "script: train.py", "unknown keys"),
        ("PythonScriptStep", "AdlaStep", "AdlaStep"),
        ("source: prepared", "source: prepped", "'prepped'"),
        ("parameter:rounds", "parameter:turns", "'turns'|parameter:turns"),
        ("{source: rounds}", "{source: turns}", "'turns'"),
        ("type: int", "type: list", "'list'"),
        ("pipeline:", "pipelines:", "describes no pipeline"),
    ],
)
def test_yaml_that_is_wrong(workspace, source, tmp_path, before, after, message):
    (tmp_path / "pipeline.yml").write_text(YAML.replace(before, after))
    with pytest.raises((InvalidInput, UnsupportedFeature), match=message):
        Pipeline.load_yaml(workspace, tmp_path / "pipeline.yml")


def test_a_step_without_a_script_name():
    with pytest.raises(InvalidInput, match="script_name"):
        PythonScriptStep("")


def test_a_step_may_be_called_as_the_task_that_plans(workspace, step):
    graph = Pipeline(workspace, [step("plan"), step("train")]).graph
    assert [(node.id, node.name) for node in graph.steps] == [("plan_2", "plan"), ("train", "train")]
