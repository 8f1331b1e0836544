from __future__ import annotations

import pytest

from mlsteps.errors import AzureMLException, InvalidInput, UnsupportedFeature
from mlsteps.sdk.experiment import Experiment, ViewType


@pytest.mark.parametrize("name", ["a", "9", "My-exp_1", "x" * 255])
def test_names_that_can_be(ws, name):
    assert Experiment(ws, name).name == name


@pytest.mark.parametrize("name", ["", None, "_a", "a b", "a/b", "é", "x" * 256, "a\n"])
def test_names_that_cannot_be(ws, name):
    with pytest.raises(InvalidInput, match="name"):
        Experiment(ws, name)


def test_making_one_reads_and_writes_nothing(ws, home):
    experiment = Experiment(workspace=ws, name="waves")
    assert experiment.workspace is ws and experiment.id == Experiment(ws, "waves").id != Experiment(ws, "w").id
    assert not home.exists()
    with pytest.raises(InvalidInput, match="workspace"):
        Experiment("ws", "waves")


def test_tags_and_archive(ws):
    experiment = Experiment(ws, "waves")
    experiment.start_logging()
    Experiment(ws, "sand").start_logging()
    experiment.set_tags({"a": 1, "b": 2})
    experiment.remove_tags(["b"])
    assert Experiment(ws, "waves").tags == {"a": "1"}
    assert sorted(ws.experiments) == ["sand", "waves"]
    assert [e.name for e in Experiment.list(ws, tags={"a": "1"})] == ["waves"]
    experiment.archive()
    assert [e.name for e in Experiment.list(ws)] == ["sand"] and experiment.archived_time
    assert [e.name for e in Experiment.list(ws, view_type=ViewType.ArchivedOnly)] == ["waves"]
    experiment.reactivate()
    assert len(Experiment.list(ws)) == 2 and experiment.archived_time is None
    with pytest.raises(UnsupportedFeature, match="delete"):
        Experiment.delete(ws, experiment.id)


def test_submit_names_arguments_it_does_not_know(ws):
    with (
        pytest.warns(UserWarning, match="pipeline_params, show_output"),
        pytest.raises(AzureMLException),
    ):
        Experiment(ws, "waves").submit(None, show_output=True, pipeline_params={})
