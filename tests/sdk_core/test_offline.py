from __future__ import annotations

from pathlib import Path

import pytest

from mlsteps.errors import RunEnvironmentException, UserErrorException
from mlsteps.sdk.offline_run import _OfflineRun
from mlsteps.sdk.run import Run


def test_outside_a_step_the_run_is_offline():
    run = Run.get_context()
    assert type(run) is _OfflineRun and run.id.startswith("OfflineRun_") and not isinstance(run, Run)
    with pytest.raises(RunEnvironmentException):
        Run.get_context(allow_offline=False)


def test_it_prints_and_remembers(capsys):
    run = Run.get_context()
    run.log("a", 1)
    run.log("a", 2)
    run.log_row("r", x=1)
    run.log_confusion_matrix("c", {"data": {}})
    run.tag("k", 1)
    run.set_tags({"l": 2})
    run.add_properties({"p": 3})
    out = capsys.readouterr().out
    assert "Attempted to log scalar metric a:\n1" in out and "Attempted to set the tag k" in out
    assert run.get_metrics() == {"a": [1, 2], "r": {"x": 1}, "c": {"data": {}}}
    assert run.get_tags() == {"k": "1", "l": "2"} and run.properties == {"p": "3"}
    run.complete()
    assert run.get_status() == "Completed"


def test_it_has_what_the_sdks_lacks():
    run = Run.get_context()
    assert run.parent is None and run.input_datasets == {} and run.output_datasets == {}
    assert run.experiment.workspace.name == "mlsteps-local"
    assert run.get_details()["inputDatasets"] == []
    child = run.child_run("c")
    assert child.parent is run and run.get_children() == [child]


def test_files_must_exist_there_too(tmp_path):
    run = Run.get_context()
    (tmp_path / "a").write_text("a")
    run.upload_file("outputs/a", str(tmp_path / "a"))
    run.upload_folder("f", str(tmp_path))
    with pytest.raises(UserErrorException, match="nope"):
        run.upload_file("outputs/a", "nope")
    with pytest.raises(UserErrorException, match="keeps no files"):
        run.download_file("outputs/a")


def test_models_are_registered_locally():
    Path("m.pkl").write_text("1")
    run = Run.get_context()
    assert run.register_model("m", "m.pkl", tags={"k": "v"}).version == 1
    assert run.experiment.workspace.models["m"].tags == {"k": "v"}


def test_context_manager():
    with Run.get_context() as run:
        pass
    assert run.get_status() == "Completed"
    with pytest.raises(ValueError), Run.get_context() as failing:
        raise ValueError
    assert failing.get_status() == "Failed"
