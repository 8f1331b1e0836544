"""Where a script writes, and what is there when it has ended."""

from __future__ import annotations

import json
import os

import pytest

from mlsteps.contracts.dataset import file_definition
from mlsteps.registry.records import get_manifest
from mlsteps.storage.open import open_datastore
from mlsteps.storage.transfer import verify
from tests.runner.support import STORE, writes

WRITE = """
    import os, sys
    os.makedirs(os.path.join(sys.argv[1], "deep"), exist_ok=True)
    for name in ("a.txt", "deep/b.txt"):
        with open(os.path.join(sys.argv[1], name), "w") as file:
            file.write(name)
"""


def run(steps, code, output, **more):
    return steps.run(code, {"output": output.name}, outputs=(output,), **more)


def files(steps, path="results/out"):
    root = steps.data / path
    return sorted(str(item.relative_to(root)) for item in root.rglob("*") if item.is_file())


def stored(steps, name="out"):
    return get_manifest(steps.ws, f"manifests/{steps.last}/{name}.json")


@pytest.mark.parametrize("kind", ["pipeline_data", "file", "tabular"])
def test_a_folder_is_committed_with_its_manifest(steps, kind):
    result = run(steps, WRITE, writes(kind=kind))
    assert result.status == "Completed", result.error
    assert files(steps) == ["a.txt", "deep/b.txt"]
    manifest = result.outputs["out"]
    assert [item.path for item in manifest.files] == ["a.txt", "deep/b.txt"]
    assert stored(steps) == manifest
    assert verify(manifest, open_datastore({"name": "x", "type": "Local", "url": str(steps.data)}), "results/out") == []


def test_empty_folders_of_an_output_are_kept_in_a_local_store(steps):
    code = """
        import os, sys
        os.makedirs(sys.argv[1] + "/a/b")
        os.makedirs(sys.argv[1] + "/c")
        open(sys.argv[1] + "/c/f", "w").close()
    """
    result = run(steps, code, writes())
    assert result.status == "Completed", result.error
    assert [item.path for item in result.outputs["out"].files] == ["c/f"]
    assert (steps.data / "results/out/a/b").is_dir()


def test_the_folder_of_pipeline_data_is_not_made(steps):
    code = "import os, sys; print(os.path.exists(sys.argv[1]), os.path.isdir(os.path.dirname(sys.argv[1])))"
    result = run(steps, code, writes(kind="pipeline_data"))
    assert (result.status, steps.lines) == ("Completed", ["False True"])


def test_the_folder_of_every_other_output_is_made(steps):
    run(steps, "import os, sys; print(os.listdir(sys.argv[1]))", writes())
    assert steps.lines == ["[]"]


def test_pipeline_data_may_be_made_without_exist_ok(steps):
    code = "import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/x', 'w').close()"
    assert run(steps, code, writes(kind="pipeline_data")).status == "Completed"


@pytest.mark.parametrize("kind", ["pipeline_data", "file"])
def test_an_empty_output_is_valid(steps, kind):
    result = run(steps, "pass", writes(kind=kind))
    assert (result.status, result.outputs["out"].files) == ("Completed", ())
    assert (steps.data / "results" / "out").is_dir()


def test_pipeline_data_may_be_one_file(steps):
    code = "import sys; open(sys.argv[1], 'w').write('model')"
    result = run(steps, code, writes(kind="pipeline_data", is_directory=False))
    assert result.status == "Completed", result.error
    assert (result.outputs["out"].is_file, [item.path for item in result.outputs["out"].files]) == (True, [""])
    assert (steps.data / "results" / "out").read_text() == "model"


def test_a_file_that_was_never_written_is_named(steps):
    result = run(steps, "print('done')", writes(kind="pipeline_data", is_directory=False))
    assert (result.status, result.exit_code, result.error["category"]) == ("Failed", 0, "output")
    assert "'out'" in result.error["message"]
    assert "wrote nothing" in result.error["message"]


def test_a_failed_script_commits_nothing(steps):
    result = run(steps, WRITE + "\n    raise SystemExit(1)", writes())
    assert (result.status, result.outputs) == ("Failed", {})
    assert not (steps.data / "results").exists()
    assert stored(steps) is None


def test_one_output_that_cannot_be_committed_leaves_no_manifest_of_any(steps):
    good, bad = writes("good"), writes("bad", kind="pipeline_data", is_directory=False)
    code = "import sys; open(sys.argv[1] + '/x', 'w').close()"
    result = steps.run(code, {"output": "good"}, outputs=(good, bad))
    assert (result.status, result.outputs) == ("Failed", {})
    assert stored(steps, "good") is None


def test_upload_takes_what_lies_at_a_place_of_the_scripts_choice(steps):
    code = "import os; os.makedirs('made/by'); open('made/by/x.txt', 'w').write('x')"
    result = run(steps, code, writes(kind="pipeline_data", mode="upload", path_on_compute="made"))
    assert result.status == "Completed", result.error
    assert files(steps) == ["by/x.txt"]


def test_upload_of_nothing_is_named(steps):
    result = run(steps, "pass", writes(kind="pipeline_data", mode="upload", path_on_compute="made"))
    assert (result.status, result.error["category"]) == ("Failed", "output")
    assert "made" in result.error["message"]


def test_upload_takes_only_what_the_globs_say(steps):
    run(steps, WRITE, writes(mode="upload", globs=("**/b.txt",)))
    assert files(steps) == ["deep/b.txt"]


def test_upload_does_not_overwrite_unless_told_to(steps):
    steps.put("results/out/a.txt", "other")
    refused = run(steps, WRITE, writes(mode="upload"))
    assert (refused.status, refused.error["category"]) == ("Failed", "output")
    assert (steps.data / "results" / "out" / "a.txt").read_text() == "other"
    assert run(steps, WRITE, writes(mode="upload", overwrite=True)).status == "Completed"
    assert (steps.data / "results" / "out" / "a.txt").read_text() == "a.txt"


def test_a_mount_writes_over_what_is_there(steps):
    steps.put("results/out/a.txt", "other")
    assert run(steps, WRITE, writes()).status == "Completed"
    assert (steps.data / "results" / "out" / "a.txt").read_text() == "a.txt"


def test_a_path_on_compute_of_the_machine_keeps_its_files(steps, tmp_path):
    place = tmp_path / "source"
    result = run(steps, WRITE, writes(path_on_compute=str(place)))
    assert result.status == "Completed", result.error
    assert files(steps) == ["a.txt", "deep/b.txt"]
    assert (place / "a.txt").exists()


def test_the_same_bytes_have_the_same_tree_wherever_they_lie(steps):
    one = run(steps, WRITE, writes("one", path="x/1"))
    other = run(steps, WRITE, writes("two", kind="pipeline_data", path="y/2"))
    assert one.outputs["one"].tree == other.outputs["two"].tree


def test_variables_of_outputs(steps):
    code = """
        import os, json
        print(json.dumps([os.environ.get(n) for n in ("AZUREML_DATAREFERENCE_pd", "ofdc", "named")]))
    """
    pd = writes("pd", kind="pipeline_data")
    steps.run(code, outputs=(pd, writes("ofdc", variable="named")))
    first, second, third = json.loads(steps.lines[0])
    assert first.endswith("/outputs/pd")
    assert second == third
    assert second.endswith("/outputs/ofdc")


def test_a_linked_dataset(steps):
    steps.put("images/1.png", "one")
    definition = file_definition(STORE, "images")
    code = f"""
        import json, os
        place = json.load(open(os.environ["MLSTEPS_RUN"]))["outputs"]["out"]["path"]
        with open(place, "w") as file:
            json.dump({definition!r}, file)
    """
    first = run(steps, code, writes(kind="link_file", mode="link"))
    assert first.status == "Completed", first.error
    assert first.links == {"out": definition}
    again = run(steps, code, writes(kind="link_file", mode="link"))
    assert again.outputs["out"].tree == first.outputs["out"].tree
    steps.put("images/1.png", "changed")
    changed = run(steps, code, writes(kind="link_file", mode="link"))
    assert changed.outputs["out"].tree != first.outputs["out"].tree


def test_an_output_that_links_nothing_is_named(steps):
    result = run(steps, "pass", writes(kind="link_file", mode="link"))
    assert (result.status, result.error["category"]) == ("Failed", "output")
    assert "link(dataset)" in result.error["message"]


def test_artifacts_are_collected(steps):
    code = """
        import os
        os.makedirs("outputs/deep")
        open("outputs/model.pkl", "w").write("model")
        open("outputs/deep/x.txt", "w").write("x")
        open("logs/train.log", "w").write("log")
    """
    steps.run(code)
    assert steps.artifact("outputs/model.pkl") == "model"
    assert steps.artifact("outputs/deep/x.txt") == "x"
    assert steps.artifact("logs/train.log") == "log"


def test_artifacts_are_collected_from_a_failed_script(steps):
    steps.run("open('outputs/x', 'w').write('x'); open('logs/y', 'w').write('y'); raise SystemExit(1)")
    assert (steps.artifact("outputs/x"), steps.artifact("logs/y")) == ("x", "y")


def test_an_output_inside_outputs_is_both(steps):
    code = "open('outputs/model.txt', 'w').write('m')"
    result = run(steps, code, writes(kind="pipeline_data", mode="upload", path_on_compute="outputs"))
    assert result.status == "Completed", result.error
    assert files(steps) == ["model.txt"]
    assert steps.artifact("outputs/model.txt") == "m"


def test_logs_are_kept_while_the_script_runs(tmp_path):
    import time

    from mlsteps.runner.artifacts import Artifacts
    from mlsteps.runner.folders import Folders
    from mlsteps.storage.open import open_store

    folders = Folders(str(tmp_path / "work"))
    folders.make()
    os.makedirs(os.path.join(folders.code, "logs"))
    store = open_store(str(tmp_path / "artifacts"))
    artifacts = Artifacts(store, folders, seconds=0.05)
    artifacts.follow()
    with open(os.path.join(folders.code, "logs", "a.log"), "w") as file:
        file.write("so far")
    end = time.monotonic() + 60
    while store.entry("logs/a.log") is None and time.monotonic() < end:
        time.sleep(0.02)
    assert store.read("logs/a.log") == b"so far"
    artifacts.finish()
