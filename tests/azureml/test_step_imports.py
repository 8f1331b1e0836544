"""What a step script imports, in interpreters without any package."""

from __future__ import annotations

import json

import pytest

from tests.azureml.conftest import interpreters

EVERY_NAME = """
import importlib, json, sys
from mlsteps.sdk.surface.supported import SUPPORTED
from mlsteps.sdk.surface.refused import REFUSED, PACKAGES
count = 0
for path, names in {**SUPPORTED, **REFUSED}.items():
    module = importlib.import_module(path)
    for name in {**SUPPORTED.get(path, {}), **REFUSED.get(path, {})}:
        getattr(module, name)
        count += 1
for path in PACKAGES:
    importlib.import_module(path)
files = {name: getattr(module, '__file__', None) or '' for name, module in sys.modules.items()}
print(json.dumps([count, files]))
"""


@pytest.mark.parametrize("executable", interpreters())
def test_every_name_leads_somewhere_with_the_standard_library_alone(python, runtime, executable):
    count, files = json.loads(python(EVERY_NAME, runtime, executable))
    assert count > 400
    assert "mlsteps.sdk.tabular_dataset" in files
    assert [name for name, file in files.items() if "site-packages" in file or "dist-packages" in file] == []


@pytest.mark.parametrize("executable", interpreters())
def test_a_script_that_wants_run_loads_no_more_than_run(python, runtime, executable):
    code = "import sys\nfrom azureml.core import Run\nprint(Run.__name__)\n"
    code += "print(sorted(name for name in sys.modules if name.startswith('mlsteps.')))"
    name, loaded = python(code, runtime, executable).splitlines()
    assert name == "Run"
    for heavy in ("sdk.compute", "sdk.pipeline", "sdk.tabular_dataset", "sdk.environment", "sdk.steps", "tables"):
        assert f"'mlsteps.{heavy}" not in loaded, loaded
    assert loaded.count("'mlsteps.") < 40, loaded


def test_a_runtime_folder_made_by_the_runner_holds_both_packages(python, tmp_path, monkeypatch):
    runtime_folder = pytest.importorskip("mlsteps.runner.runtime").runtime_folder
    monkeypatch.setenv("MLSTEPS_HOME", str(tmp_path / "home"))
    code = "from azureml_user.parallel_run import EntryScript\nfrom azureml.core import Run, VERSION\nprint(VERSION)"
    assert python(code, runtime_folder()).strip() == "1.61.0"


def test_entry_script_gives_one_object_with_folders_and_a_logger(python, runtime, tmp_path):
    code = """
from azureml_user.parallel_run import EntryScript
import os
one = EntryScript()
assert one is EntryScript()
one.logger.info("hello")
print([os.path.isdir(folder) for folder in (one.working_dir, one.logs_dir, one.output_dir)])
"""
    assert python(code, runtime).strip() == "[True, True, True]"
