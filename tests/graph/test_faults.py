"""What is wrong with a pipeline: all of it at once, each with its path and how to mend it."""

from __future__ import annotations

import re

import pytest

from mlsteps.errors import GraphError, UnsupportedFeature
from mlsteps.graph.build import build
from mlsteps.sdk.data_reference import DataReference
from mlsteps.sdk.dataset import Dataset
from mlsteps.sdk.output_config import OutputFileDatasetConfig
from mlsteps.sdk.parameter import PipelineParameter
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.steps.adla import AdlaStep
from mlsteps.sdk.steps.automl import AutoMLStep
from mlsteps.sdk.steps.python_script import PythonScriptStep


def faults_of(workspace, steps, **options):
    with pytest.raises(GraphError) as caught:
        Pipeline(workspace, steps, **options)
    assert all(fault.what for fault in caught.value.faults)
    return {fault.path: fault for fault in caught.value.faults}


def test_all_faults_come_together(workspace, step, source):
    missing = PythonScriptStep("nowhere.py", name="no script", source_directory=source)
    orphan = step("orphan", inputs=[PipelineData("orphan")])
    secret = step("secret", arguments=["--key", "AccountKey=" + "q" * 40])
    data = PipelineData("data")
    found = faults_of(workspace, [missing, orphan, secret, step("reads itself", inputs=[data], outputs=[data])])
    assert set(found) == {"$.steps", "$.steps[0].script", "$.steps[1].inputs[0]", "$.steps[2].arguments[1]"}
    assert "'reads itself' -> 'reads itself'" in found["$.steps"].what
    assert "qqqq" not in str(found["$.steps[2].arguments[1]"]) and "keyvault" in found["$.steps[2].arguments[1]"].mend


def test_a_missing_script_is_a_value_error_naming_script_and_folder(workspace, source):
    with pytest.raises(ValueError, match=r"no file 'gone\.py' in '.*source'"):
        Pipeline(workspace, PythonScriptStep("gone.py", source_directory=str(source)))
    with pytest.raises(ValueError, match=r"no directory '.*nowhere'"):
        Pipeline(workspace, PythonScriptStep("gone.py", source_directory=source / "nowhere"))


@pytest.mark.parametrize("script", ["../train.py", "/etc/passwd", "C:\\train.py", "a/../../b.py"])
def test_scripts_stay_below_the_source_directory(workspace, source, script):
    found = faults_of(workspace, PythonScriptStep(script, source_directory=source))
    assert "relative to source_directory" in found["$.steps[0].script"].mend


def test_a_cycle_names_its_steps_in_order(workspace, step):
    a, b, c, d = (step(name) for name in "abcd")
    a.run_after(c)
    b.run_after(a)
    c.run_after(b)
    d.run_after(c)
    what = faults_of(workspace, [d])["$.steps"].what
    assert any(f"'{x}' -> '{y}' -> '{z}' -> '{x}'" in what for x, y, z in ("abc", "bca", "cab")) and "'d'" not in what


def test_one_output_of_two_steps_and_two_outputs_of_one_name(workspace, step):
    shared = PipelineData("shared")
    a, b = step("a", outputs=[shared]), step("b", outputs=[shared])
    assert "step 'a' too" in faults_of(workspace, [a, b])["$.steps[1].outputs[0]"].what
    twice = step("c", outputs=[PipelineData("x", output_name="o"), PipelineData("y", output_name="o")])
    assert "called 'o' too" in faults_of(workspace, [twice])["$.steps[0].outputs[1]"].what
    same = PipelineData("same")
    assert "listed twice" in faults_of(workspace, [step("d", outputs=[same, same])])["$.steps[0].outputs[1]"].what


def test_two_dataset_inputs_of_one_name(workspace, step):
    store = workspace.get_default_datastore()
    one = Dataset.File.from_files((store, "one")).as_named_input("x").as_mount()
    two = Dataset.File.from_files((store, "two")).as_named_input("x").as_mount()
    found = faults_of(workspace, [step("a", inputs=[one], arguments=["--two", two])])
    assert "called 'x' too" in found["$.steps[0].arguments[1]"].what


def test_one_parameter_name_with_two_defaults(workspace, step):
    one, same, other, typed = (PipelineParameter("p", value) for value in (1, 1, 2, True))
    Pipeline(workspace, [step("a", arguments=[one, same])])
    found = faults_of(workspace, [step("a", arguments=[one]), step("b", arguments=[other, typed])])
    assert "1 and 2" in found["$.steps[1].arguments[0]"].what
    assert "1 and True" in found["$.steps[1].arguments[1]"].what


@pytest.mark.parametrize(
    ("item", "mend"),
    [
        (None, "give a text"),
        ([1, 2], r"\[\*items\]"),
        ({"a": 1}, "give a text"),
        (object(), "give a text"),
        ("x" + str(PipelineParameter("p", 1)), "argument of its own"),
        ("DatasetConsumptionConfig:unknown", "inputs or outputs"),
    ],
)
def test_arguments_that_cannot_be(workspace, step, item, mend):
    fault = faults_of(workspace, [step("a", arguments=["--x", item])])["$.steps[0].arguments[1]"]
    assert re.search(mend, fault.mend)


def test_raw_datasets_and_outputs_as_inputs_say_their_right_form(workspace, step):
    dataset = Dataset.File.from_files((workspace.get_default_datastore(), "x"))
    out = OutputFileDatasetConfig("out")
    found = faults_of(
        workspace, [step("a", arguments=[out]), step("b", inputs=[dataset, out, "text"], arguments=[dataset])]
    )
    assert "as_named_input" in str(found["$.steps[1].inputs[0]"])
    assert "as_input" in found["$.steps[1].inputs[1]"].mend
    assert "$.steps[1].inputs[2]" in found
    assert "as_named_input" in str(found["$.steps[1].arguments[0]"])


def test_a_reference_is_no_output(workspace, step):
    reference = DataReference(workspace.get_default_datastore(), "r", "x")
    assert "goes to inputs" in faults_of(workspace, [step("a", outputs=[reference])])["$.steps[0].outputs[0]"].mend


def test_paths_that_lead_upwards(workspace, step):
    store = workspace.get_default_datastore()
    steps = [
        step("a", inputs=[DataReference(store, "r", "x", "download", path_on_compute="../up")]),
        step("b", outputs=[PipelineData("d", output_mode="upload", output_path_on_compute="../../up")]),
    ]
    found = faults_of(workspace, steps)
    assert set(found) == {"$.steps[0].inputs[0].path_on_compute", "$.steps[1].outputs[0].path_on_compute"}


def test_unknown_datastores_when_they_are_known(workspace, step):
    pipeline = Pipeline(workspace, [step("a", outputs=[PipelineData("d", datastore="elsewhere")])])
    assert build(pipeline, ["elsewhere"]).steps
    with pytest.raises(GraphError, match=r"outputs\[0\]\.datastore.*no datastore 'elsewhere'.*register it"):
        build(pipeline, ["workspaceblobstore"])
    with pytest.raises(GraphError, match="no datastore 'elsewhere'"):
        pipeline._check()


def test_run_after_a_step_left_out(workspace, step):
    a, b = step("a"), step("b")
    b.run_after(a)
    found = faults_of(workspace, [b], resolve_closure=False)
    assert "'a', which is not part" in found["$.steps[0].run_after[0]"].what


def test_refused_steps_name_their_alternative_before_anything_else(workspace, step):
    broken = step("broken", arguments=[None])
    with pytest.raises(UnsupportedFeature, match=r"AdlaStep.*'u'.*retired.*SynapseSparkStep"):
        Pipeline(workspace, [broken, AdlaStep("x.usql", name="u")])
    with pytest.raises(NotImplementedError, match=r"AutoMLStep.*HyperDriveStep"):
        Pipeline(workspace, [AutoMLStep("auto", automl_config=object())])


def test_no_steps(workspace):
    assert "no steps" in faults_of(workspace, [])["$.steps"].what
    with pytest.raises(ValueError, match=r"\$\.steps\[1\] is a str"):
        Pipeline(workspace, [[], "step"])
