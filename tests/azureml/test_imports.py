"""Every import path resolves: those of the SDK's interface, and those that real pipelines and step scripts import."""

from __future__ import annotations

import json
from pathlib import Path

from mlsteps.compatibility.facts import load

TRY = """
import json
failed = {}
for path in json.load(open("paths.json")):
    module, _, name = path.rpartition(".")
    try:
        if not module:
            exec("import " + name)
        elif name == "*":
            exec("from %s import *" % module)
        else:
            exec("from %s import %s" % (module, name))
    except Exception as error:
        failed[path] = repr(error)
print(json.dumps(failed))
"""


def imported(python, runtime, tmp_path, paths: list[str]) -> dict[str, str]:
    """What a new process with the standard library alone cannot import, and why."""
    (tmp_path / "paths.json").write_text(json.dumps(paths))
    return json.loads(python(TRY, runtime))


def test_every_path_of_the_sdks_interface_resolves(python, runtime, tmp_path):
    # Dataset.File and Dataset.Tabular are attributes of a class.
    paths = [path for path in load().paths() if not path.startswith("azureml.core.Dataset.")]
    assert len(paths) > 400
    assert imported(python, runtime, tmp_path, paths) == {}


def test_every_module_of_the_sdks_interface_gives_a_star_import(python, runtime, tmp_path):
    modules = {path.rpartition(".")[0] for path in load().paths()} - {"azureml.core.Dataset"}
    assert imported(python, runtime, tmp_path, [f"{module}.*" for module in sorted(modules)]) == {}


def test_every_path_that_real_code_imports_resolves(python, runtime, tmp_path):
    paths = (Path(__file__).parent / "import_paths.txt").read_text().split()
    assert len(paths) > 200
    assert imported(python, runtime, tmp_path, paths) == {}


def test_a_path_that_is_not_there_is_found_out(python, runtime, tmp_path):
    assert set(imported(python, runtime, tmp_path, ["azureml.core.Workspace", "azureml.core.Nothing"])) == {
        "azureml.core.Nothing"
    }
