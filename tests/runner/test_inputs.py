"""What a script finds where its inputs are."""

from __future__ import annotations

import json
import os
import textwrap

import pytest

from mlsteps.compute.local import LocalTarget
from mlsteps.contracts.dataset import file_definition
from mlsteps.storage.mounting.mount import why_not
from tests.runner.support import STORE, reads

SHOW = """
    import json, os, sys
    path = sys.argv[1]
    names = sorted(os.path.relpath(os.path.join(top, name), path) for top, _, files in os.walk(path) for name in files)
    print(json.dumps({"path": path, "is_file": os.path.isfile(path), "names": names, "env": dict(os.environ)}))
"""


@pytest.fixture
def data(steps):
    steps.put("train/a.csv", "1,2\n")
    steps.put("train/deep/b.csv", "3,4\n")
    return steps


def shown(steps, item, code=SHOW):
    result = steps.run(code, {"input": item.name}, inputs=(item,))
    assert result.status == "Completed", result.error
    return json.loads(steps.lines[-1])


@pytest.mark.parametrize("mode", ["mount", "download"])
def test_a_folder(data, mode):
    seen = shown(data, reads("train", mode=mode))
    assert (seen["is_file"], seen["names"]) == (False, ["a.csv", "deep/b.csv"])
    assert seen["env"]["data"] == seen["path"]
    assert seen["env"]["AZUREML_DATAREFERENCE_data"] == seen["path"]


@pytest.mark.parametrize("mode", ["mount", "download"])
def test_one_file_is_the_path_of_that_file(data, mode):
    seen = shown(data, reads("train/a.csv", mode=mode))
    assert (seen["is_file"], os.path.basename(seen["path"])) == (True, "a.csv")


def test_a_folder_that_holds_one_file_stays_a_folder(data):
    assert shown(data, reads("train/deep"))["names"] == ["b.csv"]


def test_a_pattern(data):
    assert shown(data, reads("train/**/b.csv"))["names"] == ["deep/b.csv"]


def test_a_downloaded_copy_may_be_changed(data):
    code = "import sys, os; open(os.path.join(sys.argv[1], 'a.csv'), 'w').write('changed'); print('{}')"
    shown(data, reads("train", mode="download"), code)
    assert (data.data / "train" / "a.csv").read_text() == "1,2\n"


def test_direct_gives_the_datasets_id(data):
    item = reads("train", mode="direct", kind="tabular", dataset_id="the-id", variable="other")
    code = "import sys, os, json; print(json.dumps([sys.argv[1], os.environ['data'], os.environ['other']]))"
    assert shown(data, item, code) == ["the-id"] * 3


def test_a_place_relative_to_the_working_directory(data):
    seen = shown(data, reads("train", mode="download", path_on_compute="my/data"))
    assert seen["path"].endswith("/code/my/data")
    assert seen["names"] == ["a.csv", "deep/b.csv"]


def test_an_absolute_place_is_made_and_removed(data, tmp_path):
    place = tmp_path / "on" / "compute"
    seen = shown(data, reads("train", path_on_compute=str(place)))
    assert (seen["path"], seen["names"]) == (str(place), ["a.csv", "deep/b.csv"])
    assert not place.exists()


def test_a_folder_of_the_machine_that_was_there_before_stays(data, tmp_path):
    place = tmp_path / "there"
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    seen = shown(data, reads("train", mode="download", path_on_compute=str(place)))
    assert seen["names"] == ["a.csv", "deep/b.csv", "mine.txt"]
    assert (place / "mine.txt").read_text() == "mine"


def test_a_place_that_leaves_the_working_directory_is_refused(data):
    result = data.run("print('ran')", inputs=(reads("train", path_on_compute="../../elsewhere"),))
    assert (result.status, result.error["category"], data.lines) == ("Failed", "input", [])
    assert "../../elsewhere" in result.error["message"]


@pytest.mark.parametrize("mode", ["mount", "download"])
def test_missing_data_names_dataset_datastore_and_path(data, mode):
    item = reads("nowhere/at-all", mode=mode, dataset={"name": "iris", "version": 3, "id": "x"})
    result = data.run("print('ran')", inputs=(item,))
    assert (result.status, result.error["category"], data.lines) == ("Failed", "input", [])
    for word in ("data", "iris", "3", STORE, "nowhere/at-all"):
        assert word in result.error["message"]


def test_an_empty_output_of_another_step_is_an_empty_folder(data):
    assert shown(data, reads("azureml/run/none", may_be_empty=True))["names"] == []
    assert shown(data, reads("azureml/run/none", kind="reference"))["names"] == []


def test_a_data_reference_is_the_stores_own_folder(data):
    item = reads("train", kind="reference", writable=True)
    code = "import sys; open(sys.argv[1] + '/new.csv', 'w').write('5'); print('{}')"
    shown(data, item, code)
    assert (data.data / "train" / "new.csv").read_text() == "5"
    assert set(shown(data, reads("", kind="reference", writable=True))["names"]) >= {"train/a.csv", "train/new.csv"}


def test_a_data_reference_to_nothing_yet_can_be_written(data):
    item = reads("made/by/script", kind="reference", writable=True)
    code = "import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/x', 'w').close(); print('{}')"
    shown(data, item, code)
    assert (data.data / "made" / "by" / "script" / "x").exists()
    assert any("nothing is there yet" in line for line in data.lines)


def test_a_data_reference_at_an_absolute_place_leaves_the_data_when_it_goes(data, tmp_path):
    place = tmp_path / "ref"
    seen = shown(data, reads("train", kind="reference", writable=True, path_on_compute=str(place)))
    assert seen["path"] == str(place)
    assert seen["names"] == ["a.csv", "deep/b.csv"]
    assert not os.path.lexists(place)
    assert (data.data / "train" / "a.csv").exists()


def test_a_missing_data_reference_to_download_is_an_error(data):
    item = reads("nowhere", kind="reference", writable=True, mode="download")
    assert data.run("pass", inputs=(item,)).error["category"] == "input"


def test_the_run_file_tells_of_inputs(data):
    item = reads("train", dataset={"name": "iris", "version": 1, "id": "i"})
    code = "import os; print(open(os.environ['MLSTEPS_RUN']).read())"
    told = shown(data, item, code)["inputs"]["data"]
    assert os.path.basename(told["value"]) == "data"
    assert (told["mode"], told["kind"], told["dataset"]["version"]) == ("mount", "file", 1)


def test_the_source_is_the_working_directory(steps):
    snapshot = steps.snapshot(
        train_py="""
            import os, helper
            from pack.part import VALUE
            print(helper.NAME, VALUE, os.path.basename(os.getcwd()), os.listdir("outputs"), os.listdir("logs"))
        """,
        helper_py="NAME = 'helper'",
        pack__part_py="VALUE = 5",
    )
    result = steps.run(argv=({"python": ""}, "train.py"), snapshot=snapshot)
    assert result.status == "Completed", result.error
    assert steps.lines == ["helper 5 code [] []"]


def test_a_script_in_a_folder_finds_modules_of_the_working_directory(steps):
    snapshot = steps.snapshot(
        src__train_py="import beside, src.beside, shared; print(beside.A, shared.B)",
        src__beside_py="A = 1",
        shared_py="B = 2",
    )
    steps.run(argv=({"python": ""}, "src/train.py"), snapshot=snapshot)
    assert steps.lines == ["1 2"]


@pytest.mark.parametrize("name", ["../up", "a/b", ".", ""])
def test_a_name_that_leaves_its_folder_is_refused(steps, name):
    steps.put("train/a.csv", "1")
    result = steps.run("print('ran')", inputs=(reads("train", name),))
    assert (result.status, steps.lines) == ("Failed", [])
    assert repr(name) in result.error["message"]


def test_two_attempts_do_not_see_each_others_changes(steps):
    snapshot = steps.snapshot(
        a_py=textwrap.dedent("""
        import os
        print(os.path.exists("left"))
        open("left", "w").close()
    """)
    )
    for _ in range(2):
        steps.run(argv=({"python": ""}, "a.py"), snapshot=snapshot)
        assert steps.lines == ["False"]


def test_a_missing_snapshot_is_said(steps):
    result = steps.run(snapshot="0" * 64)
    assert result.status == "Failed"
    assert "0" * 64 in result.error["message"] or "snapshot" in result.error["message"].lower()


@pytest.fixture
def far(tmp_path):
    """A store that is not local, as far as mlsteps can tell, with credentials that it does not open without."""
    folder = tmp_path / "far"
    (folder / "area").mkdir(parents=True)
    (folder / "area" / "old.txt").write_text("old")
    (folder / "area" / "same.txt").write_text("same")
    document = {"name": "far", "type": "Custom", "url": "dir://area"}
    return folder / "area", document, {"datastores": {"far": {"path": str(folder), "target_protocol": "file"}}}


def run_far(steps, far, code, **more):
    _, document, credentials = far
    item = reads("", definition=file_definition("far", ""), **more)
    spec = steps.spec(code, {"input": "data"}, inputs=(item,), datastores={"far": document})
    return LocalTarget().run(spec, credentials, on_line=steps.lines.append)


@pytest.mark.parametrize("mode", ["mount", "download"])
def test_a_remote_store_is_downloaded_with_the_credentials_it_was_given(steps, far, mode):
    result = run_far(steps, far, "import os, sys; print(sorted(os.listdir(sys.argv[1])))", mode=mode)
    assert result.status == "Completed", result.error
    assert steps.lines[-1] == "['old.txt', 'same.txt']"


def test_where_nothing_is_mounted_the_log_says_why(steps, far, monkeypatch):
    monkeypatch.setenv("MLSTEPS_MOUNT", "download")
    result = run_far(steps, far, "import os, sys; print(sorted(os.listdir(sys.argv[1])))")
    assert result.status == "Completed", result.error
    assert steps.lines[-1] == "['old.txt', 'same.txt']"
    assert "[mlsteps] Input 'data': downloaded instead of mounted: MLSTEPS_MOUNT=download." in steps.lines


@pytest.mark.skipif(why_not() is None, reason="here it can be mounted")
def test_without_fuse_a_mount_is_a_download_unless_it_must_be_one(steps, far, monkeypatch):
    assert run_far(steps, far, "pass").status == "Completed"
    assert any(f"downloaded instead of mounted: {why_not()}" in line for line in steps.lines)
    monkeypatch.setenv("MLSTEPS_MOUNT", "fuse")
    result = run_far(steps, far, "pass")
    assert (result.status, result.error["category"]) == ("Failed", "environment")
    assert str(why_not()) in result.error["message"]


@pytest.mark.parametrize("mode", ["mount", "download"])
def test_empty_folders_are_there(data, mode):
    (data.data / "train" / "empty" / "too").mkdir(parents=True)
    code = """
        import json, os, sys
        print(json.dumps(sorted(os.path.relpath(top, sys.argv[1]) for top, folders, names in os.walk(sys.argv[1]))))
    """
    assert shown(data, reads("train", mode=mode), code) == [".", "deep", "empty", "empty/too"]


def test_what_a_script_changes_in_a_remote_data_reference_goes_back(steps, far):
    code = """
        import os, sys
        os.makedirs(sys.argv[1] + "/deep")
        open(sys.argv[1] + "/deep/new.txt", "w").write("new")
        open(sys.argv[1] + "/old.txt", "w").write("changed")
    """
    area, before = far[0], os.stat(far[0] / "same.txt").st_mtime_ns
    result = run_far(steps, far, code, kind="reference", writable=True)
    assert result.status == "Completed", result.error
    assert (area / "deep" / "new.txt").read_text() == "new"
    assert (area / "old.txt").read_text() == "changed"
    assert os.stat(area / "same.txt").st_mtime_ns == before


def test_what_a_failed_script_changes_in_a_remote_data_reference_does_not(steps, far):
    code = "import sys; open(sys.argv[1] + '/old.txt', 'w').write('changed'); raise SystemExit(1)"
    run_far(steps, far, code, kind="reference", writable=True)
    assert (far[0] / "old.txt").read_text() == "old"


def test_a_store_that_cannot_be_opened_is_named(steps):
    document = {"name": "far", "type": "Custom", "url": "nosuchprotocol://x"}
    item = reads("", definition=file_definition("far", ""))
    result = steps.run("print('ran')", inputs=(item,), datastores={"far": document})
    assert (result.status, steps.lines) == ("Failed", [])
    assert "'far'" in result.error["message"]
