"""Which steps a graph holds, what they wait for, and in which order they stand."""

from __future__ import annotations

import pytest

from mlsteps.errors import GraphError
from mlsteps.sdk.consumption import DatasetConsumptionConfig
from mlsteps.sdk.output_config import OutputFileDatasetConfig
from mlsteps.sdk.pipeline import Pipeline
from mlsteps.sdk.pipeline_data import PipelineData
from mlsteps.sdk.sequence import StepSequence


def upstream(pipeline: Pipeline) -> dict[str, set[str]]:
    return {node.id: set(node.upstream()) for node in pipeline.graph.steps}


def order(pipeline: Pipeline) -> list[str]:
    return [node.id for node in pipeline.graph.steps]


def test_the_last_step_alone_brings_everything_upstream_by_data_and_by_run_after(workspace, step):
    made, middle = PipelineData("made"), OutputFileDatasetConfig("middle")
    step("first", outputs=[made])
    before = step("before")
    second = step("second", inputs=[made], arguments=["--out", middle])
    second.run_after(before)
    last = step("last", arguments=["--in", middle.as_input("middle")])
    pipeline = Pipeline(workspace, steps=[last])
    assert upstream(pipeline) == {"first": set(), "before": set(), "second": {"first", "before"}, "last": {"second"}}
    assert order(pipeline)[-2:] == ["second", "last"]


def test_a_chain_longer_than_the_recursion_limit_is_found_from_its_end(workspace, step):
    data = [PipelineData(f"d{n}") for n in range(1500)]
    steps = [step(f"s{n}", inputs=data[max(n - 1, 0) : n], outputs=[data[n]]) for n in range(1500)]
    assert order(Pipeline(workspace, steps[-1])) == [f"s{n}" for n in range(1500)]


def test_without_resolve_closure_what_is_not_given_is_missing(workspace, step):
    made = PipelineData("made")
    step("first", outputs=[made])
    last = step("last", inputs=[made])
    with pytest.raises(GraphError, match=r"\$\.steps\[0\]\.inputs\[0\]: no step of the pipeline produces 'made'"):
        Pipeline(workspace, [last], resolve_closure=False)


def test_steps_may_be_one_step_nested_lists_sequences_and_mixtures(workspace, step):
    a, b, c, d = (step(name) for name in "abcd")
    assert order(Pipeline(workspace, steps=a)) == ["a"]
    assert upstream(Pipeline(workspace, steps=[[b, c], a, [[d]], a])) == {k: set() for k in "bcad"}
    sequence = StepSequence(steps=[[a, b], c])
    assert upstream(Pipeline(workspace, steps=[sequence, d])) == {"a": set(), "b": set(), "c": {"a", "b"}, "d": set()}


def test_a_sequence_waits_for_all_of_the_element_before_also_when_elements_are_sequences(workspace, step):
    a, b, c, d = (step(name) for name in "abcd")
    pipeline = Pipeline(workspace, StepSequence([StepSequence([a, b]), [c, d]]))
    assert upstream(pipeline) == {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"a", "b"}}


def test_the_same_step_twice_is_one_node(workspace, step):
    a = step("a")
    assert order(Pipeline(workspace, [a, [a], StepSequence([a])])) == ["a"]


def test_the_order_given_stays_where_data_allows_and_yields_where_not(workspace, step):
    data = PipelineData("data")
    late, early = step("late", inputs=[data]), step("early", outputs=[data])
    other = step("other")
    assert order(Pipeline(workspace, [other, late, early])) == ["other", "early", "late"]
    assert order(Pipeline(workspace, [early, other, late])) == ["early", "other", "late"]


def test_steps_made_anew_over_the_same_data_objects_replace_the_old_ones(workspace, step):
    data = PipelineData("data")
    step("producer", outputs=[data])
    step("consumer", inputs=[data])
    step("newer producer", outputs=[data])  # the notebook's cell ran again
    consumer = step("newer consumer", inputs=[data])
    assert upstream(Pipeline(workspace, consumer)) == {"newer_producer": set(), "newer_consumer": {"newer_producer"}}


def test_every_form_of_an_output_is_the_same_output(workspace, step):
    data, files = PipelineData("data"), OutputFileDatasetConfig("files")
    first = step("first", outputs=[data.as_dataset().register("kept"), files.as_upload().register_on_complete("f")])
    forms = [
        data,
        data.as_download("d1"),
        data.as_mount("d2"),
        data.as_dataset().as_named_input("d3").as_mount(),
        data.as_dataset().parse_delimited_files().as_named_input("d4"),
        files.as_input("f1").as_download(),
        files.read_delimited_files().as_input("f2"),
        DatasetConsumptionConfig("f3", files),
    ]
    node = Pipeline(workspace, [step("second", inputs=forms), first]).graph.step("second")
    assert [port.source for port in node.inputs] == [{"step": "first", "output": "data"}] * 5 + [
        {"step": "first", "output": "files"}
    ] * 3
    assert [port.kind for port in node.inputs] == ["reference"] * 3 + ["file", "tabular", "file", "tabular", "file"]
    assert [port.mode for port in node.inputs][1:4] == ["download", "mount", "mount"]


def test_fifteen_outputs_called_preds_can_be_read_together(workspace, step):
    preds = [PipelineData("preds") for _ in range(15)]
    writers = [step("write", outputs=[data]) for data in preds]
    arguments = [item for data in preds for item in ("--in", data)]
    node = Pipeline(workspace, step("read", inputs=preds, arguments=arguments)).graph.steps[-1]
    assert len({port.name for port in node.inputs}) == 15
    assert len({port.source["step"] for port in node.inputs}) == len(writers)
    assert node.arguments[1::2] == tuple({"input": port.name} for port in node.inputs)
