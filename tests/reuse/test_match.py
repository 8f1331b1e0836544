from __future__ import annotations

from mlsteps.contracts.graph import InputPort, OutputPort, StepNode
from mlsteps.contracts.record import OutputRecord, StepRecord
from mlsteps.reuse.fingerprint import fingerprint, preimage
from mlsteps.reuse.match import misfit, renamed


def made(inputs, outputs=("model",), paths=(None, None), arguments=()):
    ports = tuple(
        InputPort(name, {"dataset": {}}, path_on_compute=path) for name, path in zip(inputs, paths, strict=False)
    )
    step = StepNode("s", "s", script="s.py", inputs=ports, outputs=tuple(map(OutputPort, outputs)), arguments=arguments)
    return preimage(step, snapshot="a", environment={}, inputs=inputs, parameters={})


def record(of):
    outputs = {name: OutputRecord("blob", f"p/{name}", f"tree-{name}", "m") for name in of["details"]["outputs"]}
    return StepRecord(fingerprint(of), of, {}, outputs)


def test_new_names_fit():
    old = made({"a": "1", "b": "2"}, ("x", "y"))
    new = made({"c": "1", "d": "2"}, ("v", "w"))
    assert fingerprint(old) == fingerprint(new)
    assert misfit(record(old), new) == ""
    found = renamed(record(old), new)
    assert {name: output.tree for name, output in found.outputs.items()} == {"v": "tree-x", "w": "tree-y"}


def test_the_same_names_keep_the_record_as_it_is():
    old = record(made({"a": "1"}))
    assert renamed(old, made({"b": "1"})) is old


def test_names_of_inputs_that_were_exchanged_do_not_fit():
    """The script that asks for ``input_datasets["train"]`` would get the other data."""
    old, new = made({"train": "1", "test": "2"}), made({"train": "2", "test": "1"})
    assert fingerprint(old) == fingerprint(new)
    assert misfit(record(old), new) == "the input name 'test' stands for other data than in the earlier run"


def test_names_of_inputs_in_another_order_fit():
    old, new = made({"train": "1", "test": "2"}), made({"test": "2", "train": "1"})
    assert fingerprint(old) == fingerprint(new)
    assert misfit(record(old), new) == ""


def test_places_on_the_compute_are_names_too():
    old = made({"a": "1", "b": "2"}, paths=("/x", "/y"))
    assert misfit(record(old), made({"c": "1", "d": "2"}, paths=("/tmp/1", "/tmp/2"))) == ""
    assert "'/x'" in misfit(record(old), made({"c": "1", "d": "2"}, paths=("/y", "/x")))


def test_names_of_outputs_that_were_exchanged_do_not_fit():
    old = made({}, ("x", "y"), arguments=("--first", {"output": "x"}))
    new = made({}, ("y", "x"), arguments=("--first", {"output": "y"}))
    assert fingerprint(old) == fingerprint(new)
    assert "output name 'y' stands for another output" in misfit(record(old), new)


def test_a_record_without_one_of_its_outputs_does_not_fit():
    old = made({}, ("x",))
    lost = StepRecord("f", old, {}, {})
    assert "no record of output 'x'" in misfit(lost, old)
    bare = StepRecord("f", {key: value for key, value in old.items() if key != "details"}, {}, record(old).outputs)
    assert misfit(bare, old) != ""
